"""The rule for which is which: from and to, more than and less than, who does it and to whom."""

from __future__ import annotations

from pointsman.cache.guard.alignment import Difference
from pointsman.cache.guard.chunks import NUMBER, WORD
from pointsman.cache.guard.finding import Finding
from pointsman.cache.guard.function_words import LINKS
from pointsman.cache.guard.reading import Reading
from pointsman.cache.guard.words import words

_ROLES = {"from": "from", "to": "to", "into": "to", "than": "than"}
_REACH = 3  # words after one of them
_TOLD = words("tell help show let advise to")
_TURNING = words("to from into onto than by in of for about on at over before after against through is are as")
"""Between two words, these say which is which."""


def direction(difference: Difference) -> Finding | None:
    return _swapped(difference) or _roles(difference) or _cases(difference) or _doer(difference)


def _swapped(difference: Difference) -> Finding | None:
    """The same words, of which the first that differ stand where the last ones stood."""
    asked, kept = difference.asked, difference.kept
    left, right = [token.key for token in asked.content], [token.key for token in kept.content]
    if difference.left or difference.right or len(left) != len(right) or left == right:
        return None
    start, end = 0, len(left)
    while left[start] == right[start]:
        start += 1
    while left[end - 1] == right[end - 1]:
        end -= 1
    x, y = left[start], left[end - 1]
    if x != right[end - 1] or y != right[start]:
        return None
    there, back = _between(asked, x, y), _between(kept, y, x)
    if LINKS & there and LINKS & back:
        return None
    figures = all(token.kind == NUMBER for token in asked.content if token.key in (x, y))
    if end - start == 2 and not figures and not _TURNING & there & back:
        return None  # `a Slack channel` and `a channel in Slack`
    return Finding("direction", f"{x} … {y}", f"{y} … {x}")


def _between(reading: Reading, x: str, y: str) -> set[str]:
    keys = [token.key for token in reading.tokens]
    start, end = sorted((keys.index(x), keys.index(y)))
    return {token.raw for token in reading.tokens[start + 1 : end]}


def _cases(difference: Difference) -> Finding | None:
    """`can I sue my tenant` and `can my tenant sue me`: with another order it matters who is `i` and who is `me`."""
    asked, kept = difference.asked, difference.kept
    if difference.left or difference.right or [t.key for t in asked.content] == [t.key for t in kept.content]:
        return None
    for here, there in (("i", "me"), ("me", "i")):
        if here in difference.left_raws and there in difference.right_raws and _undergoes(asked, kept):
            return Finding("direction", here, there)
    return None


def _undergoes(asked: Reading, kept: Reading) -> bool:
    """Not just told or shown something."""
    plain = asked.plain if "me" in asked.raws else kept.plain
    return plain[max(0, plain.index("me") - 1)] not in _TOLD if "me" in plain else True


def _doer(difference: Difference) -> Finding | None:
    """`who killed him` and `who did he kill`."""
    left, right = _asks_for_the_other(difference.asked), _asks_for_the_other(difference.kept)
    if not difference.left and not difference.right and left is not None and right is not None and left != right:
        return Finding("direction", "who did" if left else "who", "who did" if right else "who")
    return None


def _asks_for_the_other(reading: Reading) -> bool | None:
    """Who something is done to, not who does it; None for a question that is neither."""
    plain = reading.plain
    if "who" not in plain[:-1]:
        return None
    return plain[plain.index("who") + 1] in ("do", "does", "did")


def _roles(difference: Difference) -> Finding | None:
    """A word after `from` in one text and after `to` in the other."""
    asked, kept = difference.asked, difference.kept
    if not {"from", "than"} & asked.raws & kept.raws:
        return None
    left, right = _roles_of(asked), _roles_of(kept)
    for word, roles in left.items():
        other = right.get(word)
        if other and not roles & other:
            return Finding("direction", f"{min(roles)} {word}", f"{min(other)} {word}")
    return None


def _roles_of(reading: Reading) -> dict[str, set[str]]:
    content = {token.key for token in reading.content}
    found: dict[str, set[str]] = {}
    role, reach = "", 0
    for token in reading.tokens:
        if token.kind == WORD and token.raw in _ROLES:
            role, reach = _ROLES[token.raw], _REACH
        elif role and token.key in content:
            found.setdefault(token.key, set()).add(role)
            role = ""
        elif role:
            reach -= 1
            role = role if reach else ""
    return found
