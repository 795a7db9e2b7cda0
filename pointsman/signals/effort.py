"""Counts of a text that tell how much work its task is: how long it is, how many quantities and conditions it has to
hold together, how rare its words are. The encoder sees what a text is about, and hardly how much of it there is."""

from __future__ import annotations

from collections.abc import Mapping
from math import log1p

import numpy as np
from numpy.typing import NDArray

from pointsman.signals.encoder.encoding import Vector

Words = NDArray[np.int32]

_KINDS: Mapping[str, str] = {
    "amount": "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty dozen "
    "hundred thousand million pair couple",
    "part": "half third quarter fourth fifth percent % fraction ratio twice double triple doubled tripled",
    "rate": "each every per apiece",
    "more": "more less fewer than times older younger taller longer faster cheaper",
    "rest": "rest remaining remainder left still gave lost away only",
    "order": "if then after before until unless when while first second next finally instead later again",
    "time": "hour hours minute minutes second seconds day days week weeks weekend month months year years age ages old "
    "daily weekly",
    "money": "$ dollar dollars cents cent cost costs price pay pays paid sell sells sold buy buys bought spend spends "
    "spent earn earns earned save saved",
    "not": "not except never least false incorrect cannot no without nor neither unlikely",
    "total": "many much total altogether average sum combined",
    "solve": "calculate determine find compute estimate evaluate solve prove derive simplify",
    "sign": "= + * / ^ < > { } \\ _ [ ] ( )",
    "clause": ", ; :",
    "end": ". !",
    "ask": "?",
    "case": "statement statements scenario scenarios i ii iii iv | both true correct valid wrong clearly",
    "common": "the of to in a an and is are was were be by for on at with from that which as or it its this these "
    "those has have had he she they his her their who what how why where do does did will would can could should may",
}
_NAMES = ("other", "piece", "digits", *_KINDS)
_PLACE = {name: place for place, name in enumerate(_NAMES)}
_COUNTED = _NAMES[1:]
_STORY = ("amount", "part", "rate", "more", "rest", "order", "time", "money", "end")
"""Counted once more in texts that tell of quantities and ask for one."""
_TOLD = np.array([_PLACE[name] for name in _STORY])
_TOTALS = ("long", "lines", "rarity", "commons", "story", "story amounts", "story long", "amounts")
_ORDER = (*_COUNTED, *(f"story {name}" for name in _STORY), *_TOTALS)
_PLACES = {name: place for place, name in enumerate(_ORDER)}
SIZE = len(_ORDER)
LONG, STORY, AMOUNTS = (_PLACES[name] for name in ("long", "story", "amounts"))

_USUAL = {
    "long": 3.5, "rarity": 0.8, "amounts": 0.8, "sign": 0.5, "commons": 0.3, "not": 0.2, "case": 0.2, "lines": 0.5,
}  # fmt: skip
"""What weighs differently from domain to domain, and how much of it there usually is."""
_WEIGHED = np.array([_PLACES[name] for name in _USUAL])
_MIDDLE = np.array([*_USUAL.values()], np.float32)
BY_DOMAIN = 1 + len(_USUAL)  # numbers of `by_domain` for each domain


class Effort:
    """Knows the shipped vocabulary."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        kinds = np.zeros(1 + max(vocabulary.values()), np.int64)
        for token, number in vocabulary.items():
            if token.removeprefix("##").isdecimal():
                kinds[number] = _PLACE["digits"]
            elif token.startswith("##"):
                kinds[number] = _PLACE["piece"]
        for name, listed in _KINDS.items():
            for word in listed.split():
                if word in vocabulary:
                    kinds[vocabulary[word]] = _PLACE[name]
        self._kinds = kinds
        self._rarity = np.log1p(np.arange(len(kinds))) / 10  # the vocabulary is ordered by frequency

    def of(self, words: Words, passage: str) -> Vector:
        """[SIZE], each about 1 in size"""
        kinds = self._kinds[words]
        counts = np.bincount(kinds, minlength=len(_NAMES))
        counts[_DIGITS] = _numbers(kinds)
        logs = np.log1p(counts.astype(np.float32))
        digits, amount, part, total, ask, sign, common = counts[_USED].tolist()
        length = max(len(words), 1)
        amounts = digits + amount + part
        story = min(1.0, amounts / 3) * min(1.0, total + ask) * max(0.0, 1 - 8 * sign / length)
        long, several = log1p(length), log1p(amounts)
        rarity = float(self._rarity[words].sum()) / length
        more = (
            long,
            log1p(passage.count("\n")),
            rarity,
            common / length,
            story,
            story * several,
            story * long,
            several,
        )
        found: Vector = np.concatenate((logs[1:], np.float32(story) * logs[_TOLD], np.array(more, np.float32)))
        return found


_DIGITS = _PLACE["digits"]
_USED = np.array([_PLACE[name] for name in ("digits", "amount", "part", "total", "ask", "sign", "common")])


def by_domain(effort: Vector, domains: Vector) -> Vector:
    """[1 + counts that weigh differently, domains], flat: the probability of each domain, and its part of the counts.
    In law a long text is a hard one, in mathematics a short one may be."""
    counts = np.concatenate((_ONE, effort[_WEIGHED] - _MIDDLE))
    found: Vector = np.outer(counts, domains).ravel()
    return found


_ONE = np.ones(1, np.float32)


def guessed_need(effort: Vector) -> float:
    """For want of anything better: long texts with many quantities need the stronger model rather than short ones."""
    return float(1 / (1 + np.exp(-(0.35 * effort[LONG] + 0.25 * effort[AMOUNTS] - 2.6))))


def _numbers(kinds: NDArray[np.int64]) -> int:
    """How many: `1,250.5` is five tokens and one number."""
    digits = kinds == _DIGITS
    before = digits[:-1].copy()
    before[1:] |= digits[:-2] & _JOINS[kinds[1:-1]]
    return int(np.count_nonzero(digits) - np.count_nonzero(digits[1:] & before))


_JOINS = np.array([name in ("clause", "end") for name in _NAMES])
