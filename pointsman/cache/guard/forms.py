"""What inflections of a word have in common, and which words may stand for each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pointsman.cache.guard import opposites, synonyms
from pointsman.cache.guard.words import named, words

_IRREGULAR = named(
    {
        "child": "children",
        "man": "men",
        "woman": "women",
        "person": "persons",
        "foot": "feet",
        "tooth": "teeth",
        "mouse": "mice",
        "goose": "geese",
        "leaf": "leaves",
        "life": "lives",
        "knife": "knives",
        "wife": "wives",
        "wolf": "wolves",
        "buy": "bought",
        "sell": "sold",
        "eat": "ate eaten",
        "drink": "drank drunk",
        "write": "wrote written",
        "begin": "began begun",
        "break": "broke broken",
        "choose": "chose chosen",
        "drive": "drove driven",
        "fall": "fell fallen",
        "find": "found",
        "forget": "forgot forgotten",
        "give": "gave given",
        "grow": "grew grown",
        "keep": "kept",
        "know": "knew known",
        "leave": "left",
        "lose": "lost",
        "pay": "paid",
        "rise": "rose risen",
        "run": "ran",
        "see": "saw seen",
        "show": "shown showed",
        "send": "sent",
        "sleep": "slept",
        "speak": "spoke spoken",
        "spend": "spent",
        "steal": "stole stolen",
        "swim": "swam swum",
        "teach": "taught",
        "think": "thought",
        "throw": "threw thrown",
        "win": "won winner winning",
        "sing": "sang sung",
        "fly": "flew flown flies",
        "die": "died dies dying",
        "lie": "lying",
        "tie": "tied ties tying",
        "build": "built",
        "catch": "caught",
        "feed": "fed",
        "simple": "simply",
        "possible": "possibly",
        "data": "datum",
        "analysis": "analyses",
        "criterion": "criteria",
        "reply": "replied replies",
        "bus": "buses",
        "gas": "gases",
        "up": "ups",
        "api": "apis",
    }
)
_DATED = words("buy win eat begin lose fall rise")
PAST = frozenset(form for form, base in _IRREGULAR.items() if base in _DATED)
_NO_ADVERB = words("family reply apply supply italy july assembly anomaly butterfly monopoly early only fly")
_VOWELS = frozenset("aeiouy")


@lru_cache(8192)
def stem(word: str) -> str:
    """Shared by `close`, `closes`, `closing`, `closed`; not necessarily a word."""
    word = _IRREGULAR.get(word, word)
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word[-1] == "s" and word[-2] not in "siu":
        word = word[:-1]
    if len(word) > 5 and word.endswith("ly") and word not in _NO_ADVERB:
        word = word[:-2]
    elif word.endswith("ing") and len(word) > 5 and _voiced(word[:-3]):
        word = word[:-3]
    elif word.endswith("ed") and len(word) > 4 and not word.endswith("eed") and _voiced(word[:-2]):
        word = word[:-2]
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return _american(word[:-1] + "i" if len(word) > 3 and word[-1] == "y" else word)


def _american(word: str) -> str:
    if len(word) > 5 and word.endswith("is"):
        return f"{word[:-2]}iz"
    return f"{word[:-3]}or" if len(word) > 4 and word.endswith("our") else word


def _voiced(rest: str) -> bool:
    return not _VOWELS.isdisjoint(rest)


def phrase(parts: list[str]) -> str:
    return "_".join(map(stem, parts))


def _groups() -> Iterator[tuple[str, int]]:
    for number, line in enumerate(synonyms.GROUPS.split("\n")):
        for form in line.split():
            yield phrase(form.split("_")), number


def _alternatives() -> Iterator[tuple[str, str]]:
    for part in (opposites.PAIRS + opposites.OTHER_PAIRS).replace("\n", ";").split(";"):
        if part.strip():
            left, right = part.split()
            for x in left.split(","):
                for y in right.split(","):
                    yield stem(x), stem(y)


SYNONYMS: dict[str, frozenset[int]] = {}
for _form, _number in _groups():
    SYNONYMS[_form] = SYNONYMS.get(_form, frozenset()) | {_number}
PHRASES: dict[str, list[tuple[str, ...]]] = {}
"""By the stem that they begin with, the longest first."""
for _form in SYNONYMS:
    if "_" in _form:
        PHRASES.setdefault(_form.split("_")[0], []).append(tuple(_form.split("_")))
for _found in PHRASES.values():
    _found.sort(key=len, reverse=True)
OPPOSITES: dict[str, frozenset[str]] = {}
for _x, _y in _alternatives():
    OPPOSITES[_x] = OPPOSITES.get(_x, frozenset()) | {_y}
    OPPOSITES[_y] = OPPOSITES.get(_y, frozenset()) | {_x}
_NAMED: dict[int, tuple[str, ...]] = {}
for _form, _numbers in SYNONYMS.items():
    for _number in _numbers:
        _NAMED[_number] = (*_NAMED.get(_number, ()), _form)


@lru_cache(8192)
def opposites_of(word: str) -> frozenset[str]:
    """Of a stem: its own, those of what may stand for it, what may stand for those; and what its prefix negates."""
    listed = {y for x in _interchangeable(word) for y in OPPOSITES.get(x, ())}
    bare = {word[len(prefix) :] for prefix in opposites.PREFIXES if _prefixed(word, prefix)}
    found = {z for y in listed for z in _interchangeable(y)} | bare
    return frozenset(other for other in found if other != "get" and not alike(word, other))


def _interchangeable(word: str) -> set[str]:
    return {word, *(other for number in SYNONYMS.get(word, ()) for other in _NAMED[number])}


def _prefixed(word: str, prefix: str) -> bool:
    """Short words begin with such letters by chance."""
    return word.startswith(prefix) and len(word) - len(prefix) >= (3 if len(prefix) > 1 else 5)


def alike(x: str, y: str) -> bool:
    """Synonyms, of stems."""
    left = SYNONYMS.get(x)
    right = SYNONYMS.get(y) if left else None
    return bool(left and right and not left.isdisjoint(right)) or _derived(x, y)


_DERIVATIONS = words("ation ition cation ion ment ance ence anc enc iti ness al ic iv abl ibl ant ent at t")


_ADJECTIVES = frozenset(
    map(
        stem,
        words(
            """
            fast quick cheap easy big small high low long short tall old young new rich poor hot cold warm cool strong
            weak hard soft fresh clean near late early smart loud slow deep wide thick light heavy dark bright safe
            simple large healthy happy fat thin
            """
        ),
    )
)


def graded(x: str, y: str) -> bool:
    """`cheap` and `cheapest`, of stems."""
    short, long = (x, y) if len(x) <= len(y) else (y, x)
    return short in _ADJECTIVES and long in {
        short + ending for last in ("", short[-1]) for ending in (f"{last}er", f"{last}est")
    }


def _derived(x: str, y: str) -> bool:
    """`install` and `installation`, `secur` and `securiti`."""
    short, long = (x, y) if len(x) <= len(y) else (y, x)
    return len(short) >= 5 and long.startswith(short) and long[len(short) :] in _DERIVATIONS
