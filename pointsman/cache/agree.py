"""Do two answers say the same? Cheap, and only where it is clear: what is unclear teaches nobody."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import NamedTuple

from pointsman.cache.guard.cues import NEGATIONS

LONGEST = 16 * 1024
"""Characters that are compared."""

_SHORT = 12
"""Words of an answer that is nothing but its point."""
_SENTENCE = 40
"""Words in which such a point may stand in the other answer."""
_ALIKE, _ALIKE_IN_MEANING = 0.75, 0.5
"""Share of the words that two answers have in common, and where their vectors are close, too."""
_CLOSE, _FAR = 0.9, 0.4
"""Cosines."""
_APART = 0.1
"""Share of common words below which they speak of different things."""

_NUMBER = re.compile(r"[-−+]?\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MARKUP = re.compile(r"[*_`#>|]+")
_YES = frozenset(("yes", "yeah", "correct", "true", "right", "ja", "oui", "sí", "si", "sim", "да", "是", "はい"))
_NO = frozenset(("no", "nope", "incorrect", "false", "wrong", "nein", "non", "não", "нет", "否", "いいえ"))
_IDLE = frozenset((
    "a", "an", "the", "is", "are", "was", "were", "be", "been", "it", "its", "this", "that", "these", "those",
    "of", "in", "on", "at", "to", "for", "from", "by", "with", "and", "or", "as", "you", "your", "i", "we",
    "they", "he", "she", "can", "could", "will", "would", "do", "does", "did", "has", "have", "had", "there",
    "here", "so", "answer",
))  # fmt: skip
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|i (?:can(?:'t|not)|don't know)|as an ai|unfortunately)\b"
)


class _Read(NamedTuple):
    plain: str
    words: list[str]
    bare: Counter[str]  # words that carry something, numbers left out
    numbers: Counter[str]
    negated: int


def agree(left: str, right: str, similarity: float | None = None) -> bool | None:
    """None where it is unclear. `similarity` is the cosine of the answers' vectors, if they have any."""
    if len(left) > LONGEST or len(right) > LONGEST:
        return True if left == right else None
    one, other = _read(left), _read(right)
    if not one.plain or not other.plain:
        return None
    if one.plain == other.plain:
        return True
    if _REFUSAL.search(one.plain) or _REFUSAL.search(other.plain):
        return None
    if (said := _sides(one, other)) is not None:
        return said
    shorter, longer = sorted((one, other), key=lambda read: (len(read.words), read.plain))
    if len(shorter.words) <= _SHORT:
        return _point(shorter, longer)
    return _whole(one, other, similarity)


def _read(text: str) -> _Read:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("−", "-")
    folded = _MARKUP.sub(" ", folded)
    numbers = Counter(_value(found) for found in _NUMBER.findall(folded))
    words = _WORD.findall(folded)
    bare = Counter(_stem(word) for word in words if word not in _IDLE and not word[0].isdigit())
    negated = sum(word in NEGATIONS or word.endswith("n't") for word in words)
    plain = " ".join(folded.split()).strip(" .!")  # a sign may be all that two answers differ by
    return _Read(plain, words, bare, numbers, negated)


def _value(number: str) -> str:
    """1,000.50 → 1000.5"""
    plain = number.lstrip("+")
    head, _, tail = plain.rpartition(",")
    plain = plain.replace(",", "") if not head or (len(tail.partition(".")[0]) == 3) else plain.replace(",", ".")
    try:
        return f"{float(plain):.12g}"
    except ValueError:  # a version, a date
        return plain


def _stem(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _sides(one: _Read, other: _Read) -> bool | None:
    """Of two answers that begin with yes or no, when they differ."""
    first, second = one.words[:1], other.words[:1]
    for yes, no in ((first, second), (second, first)):
        if yes and no and yes[0] in _YES and no[0] in _NO:
            return False
    return None


def _point(shorter: _Read, longer: _Read) -> bool | None:
    """Of an answer that is nothing but its point: is it what the other one says?"""
    if shorter.numbers and longer.numbers and not shorter.numbers & longer.numbers:
        return False
    if shorter.words and shorter.words[0] in _YES | _NO and len(shorter.words) <= 2:
        return longer.words[0] == shorter.words[0] or None
    if bool(shorter.negated) != bool(longer.negated):
        return None
    if len(longer.words) > _SENTENCE or not (shorter.bare or shorter.numbers):
        return None
    if shorter.bare <= longer.bare and shorter.numbers <= longer.numbers:
        extra = longer.numbers - shorter.numbers
        return None if extra and len(longer.words) > _SHORT and not shorter.numbers else True
    if not shorter.bare & longer.bare and not shorter.numbers & longer.numbers:
        return False if len(longer.words) <= _SHORT and shorter.bare and longer.bare else None
    return None


def _whole(one: _Read, other: _Read, similarity: float | None) -> bool | None:
    common = _common(one.bare, other.bare)
    close = similarity is not None and similarity >= _CLOSE
    if one.numbers and other.numbers and not one.numbers & other.numbers and common < _ALIKE_IN_MEANING:
        return False
    if _same_numbers(one, other) and abs(one.negated - other.negated) <= 1:
        if common >= _ALIKE and one.negated == other.negated:
            return True
        if common >= _ALIKE_IN_MEANING and close:
            return True
    far = similarity is not None and similarity < _FAR
    return False if common < _APART and far else None


def _same_numbers(one: _Read, other: _Read) -> bool:
    return set(one.numbers) == set(other.numbers)


def _common(one: Counter[str], other: Counter[str]) -> float:
    """Dice's coefficient."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0
