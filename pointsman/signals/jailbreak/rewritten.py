"""A text that was rewritten in places, and where each part of it came from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

MAX_EDITS = 100_000
"""Of a step."""


class Edit(NamedTuple):
    """In place of `start` … `end` of the text before stands `text`."""

    start: int
    end: int
    text: str


class Rewritten:
    def __init__(self, text: str) -> None:
        self.text = text
        self._steps: list[tuple[list[int], list[Edit]]] = []  # of each step: where its edits stand after it

    def rewrite(self, edits: Iterable[Edit]) -> None:
        """Edits in order; those that overlap an earlier one are left out."""
        pieces, places, kept = [], [], []
        end = length = 0
        for edit in islice(edits, MAX_EDITS):
            if edit.start < end:
                continue
            pieces += [self.text[end : edit.start], edit.text]
            length += edit.start - end
            places.append(length)
            kept.append(edit)
            length += len(edit.text)
            end = edit.end
        if kept:
            self.text = "".join([*pieces, self.text[end:]])
            self._steps.append((places, kept))

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """What of the first text became `start` … `end` of this one; of an edit, all."""
        for places, edits in reversed(self._steps):
            start, end = _before(places, edits, start)[0], _before(places, edits, max(start, end - 1))[1]
        return start, end


def _before(places: list[int], edits: list[Edit], place: int) -> tuple[int, int]:
    """The character at `place`, or the edit that it is part of, as it was before."""
    index = bisect_right(places, place) - 1
    if index < 0:
        return place, place + 1
    edit = edits[index]
    past = place - places[index] - len(edit.text)
    return (edit.start, edit.end) if past < 0 else (edit.end + past, edit.end + past + 1)
