"""Which words are common: the shipped tokenizer lists them by frequency."""

from __future__ import annotations

from functools import lru_cache
from math import log
from pathlib import Path

import orjson

from pointsman import signals
from pointsman.signals.typos import distance, tolerance


def _ranks(path: Path) -> dict[str, int]:
    """Whole words only: `##` begins the tokenizer's later pieces of a word."""
    words: dict[str, int] = orjson.loads(path.read_bytes())["model"]["vocab"]
    return {word: rank for word, rank in words.items() if word.isalpha() and len(word) > 1}


RANKS = _ranks(Path(signals.__file__).parent / "models" / "tokenizer.json")
_RAREST = log(2 + max(RANKS.values()))


def is_word(word: str) -> bool:
    return word in RANKS


def rarity(word: str) -> float:
    """From 0 to 1 by the logarithm of the rank; 1 for what is not listed."""
    rank = RANKS.get(word)
    return 1.0 if rank is None else log(2 + rank) / _RAREST


@lru_cache(4096)
def misspelled(a: str, b: str) -> bool:
    """Whether one is a word, and the other nearly it and none. Of two words that are both unknown nothing is said:
    names of substances and persons differ by a letter."""
    if is_word(a) == is_word(b) or a[:1] != b[:1] or abs(len(a) - len(b)) > 2:
        return False
    if len(a) == len(b) and len(a) > 2 and sorted(a) == sorted(b):
        return distance(a, b) == 1
    word = a if is_word(a) else b
    allowed = tolerance(word, 2)
    return allowed > 0 and distance(a, b) <= allowed
