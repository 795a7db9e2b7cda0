"""Whether two texts that an encoder finds alike ask for different things: it hardly sees a number, a name or a `not`.

Who asks again words it anew, or leaves words out or adds some. Who asks something else in the same words puts others
in the place of a few: `convert 5 miles to km` and `convert 8 miles to km`."""

from __future__ import annotations

import re
from collections import Counter

from pointsman.signals.text import canonical

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W_]+(?:'[^\W\d_]+)?|(?<!\w)[-+](?=\d)|[<>=*/^]|(?<=\s)[-+](?=\s)")
_NEGATIONS = frozenset({"not", "no", "never", "without", "cannot"})
# Words that come and go when a question is worded anew.
_FILLING = frozenset(
    re.findall(
        r"\w+",
        """a an the this that these those it its i me my we our you your he she they is are was were be been am do does
        did done have has had can could will would shall should may might must to of for in at by and or but so as than
        then there here what which how why who please just now again still yet ok no yes sorry once more say said ask
        asked mean meant want wanted need know tell show give explain write make get like about wrong answer""",
    )
)
_SAME_FRAME = 0.66  # share of the shorter text's words that both have
_ALL_BUT_EQUAL = 0.75  # share of all words that both have


def differ(later: str, earlier: str) -> bool:
    """Of texts of bounded length."""
    later, earlier = canonical(later), canonical(earlier)
    ordered, ordered_before = _words(later), _words(earlier)
    now, before = Counter(ordered), Counter(ordered_before)
    if now == before:
        return ordered != ordered_before  # from German to English, from English to German
    return _apart(_numbers(later), _numbers(earlier)) or _replaced(now, before) or _negated(now, before)


def _words(text: str) -> list[str]:
    return [word.casefold().removesuffix("'s") for word in _WORD.findall(text)]


def _numbers(text: str) -> Counter[str]:
    return Counter({number.replace(",", "") for number in _NUMBER.findall(text)})


def _apart(now: Counter[str], before: Counter[str]) -> bool:
    """Each has something that the other lacks."""
    return not (now <= before or before <= now)


def _replaced(now: Counter[str], before: Counter[str]) -> bool:
    shorter = min(now.total(), before.total())
    return _apart(_telling(now), _telling(before)) and (now & before).total() >= _SAME_FRAME * shorter


def _telling(words: Counter[str]) -> Counter[str]:
    return Counter({word: count for word, count in words.items() if word not in _FILLING})


def _negated(now: Counter[str], before: Counter[str]) -> bool:
    """Only one of them says `not`, or `isn't`, and else they say the same."""
    union = now | before
    denied = any(word in _NEGATIONS or word.endswith("n't") for word in union - (now & before))
    return denied and (now & before).total() >= _ALL_BUT_EQUAL * union.total()
