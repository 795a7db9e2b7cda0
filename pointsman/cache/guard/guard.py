"""The verdict: rules first, then what is left over."""

from __future__ import annotations

from typing import NamedTuple

from pointsman.cache.guard.alignment import align
from pointsman.cache.guard.leftovers import decide
from pointsman.cache.guard.reading import read
from pointsman.cache.guard.rules import RULES


class Verdict(NamedTuple):
    same: bool
    reason: str | None = None  # `KIND: what is kept has → what is asked has`, where they are not the same


def compare(asked: str, kept: str, similarity: float) -> Verdict:
    """Whether the answer to `kept` may be given for `asked`. `similarity` is the cosine of the texts' vectors, which
    was high enough to ask. It does not matter for the verdict which text is which."""
    swapped = kept < asked
    left, right = (read(kept), read(asked)) if swapped else (read(asked), read(kept))
    if left.plain == right.plain:
        return Verdict(True)
    difference = align(left, right)
    for rule in RULES:
        if found := rule(difference):
            return Verdict(False, found.told(swapped))
    left_over = decide(difference, similarity)
    return Verdict(left_over is None, left_over and left_over.told(swapped))
