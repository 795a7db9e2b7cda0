"""Which passages the encoder reads for persons and addresses, and where these stand in the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pointsman.signals.encoder.encoding import HEAD, MAX_CHARS, TAIL, Encoding, excerpt
from pointsman.signals.pii.found import Found
from pointsman.signals.pii.tags import tagged
from pointsman.signals.pii.windows import Window

SHORT = 180
"""Characters of a text that the encoder reads as a whole."""

MAX_WINDOWS = 2

_READ_HEAD, _READ_TAIL = 120, 50  # about what the encoder reads of a longer passage


class Passage(NamedTuple):
    text: str
    pieces: tuple[tuple[int, int, int], ...]  # start and end in the passage, and where that stands in the text

    def spans(self, encoding: Encoding, threshold: float) -> Iterator[Found]:
        """In code points of the text."""
        for found in tagged(self.text, encoding, threshold):
            for start, end, place in self.pieces:
                if start <= found.start and found.end <= end:
                    shift = place - start
                    yield found._replace(start=found.start + shift, end=found.end + shift)


def choose(text: str, main: tuple[int, int], windows: Sequence[Window]) -> list[Passage]:
    """`main` is the part of the text (start, end) that other signals have encoded, too: its excerpt costs the least,
    so it is read if it is short, or if its ends are where something was seen."""
    start, end = main
    read = [(start, end)]
    if end - start > SHORT:
        read = [(start, start + _READ_HEAD), (end - _READ_TAIL, end)]
        if not any(_overlaps(window, part) for window in windows for part in read):
            read = []
    chosen = [_excerpt(text, start, end)] if read and text[start:end].strip() else []
    rest = [window for window in windows if not any(_within(window, part) for part in read)]
    return chosen + [
        Passage(text[window.start : window.end], ((0, window.end - window.start, window.start),))
        for window in rest[:MAX_WINDOWS]
    ]


def _overlaps(window: Window, part: tuple[int, int]) -> bool:
    return window.start < part[1] and part[0] < window.end


def _within(window: Window, part: tuple[int, int]) -> bool:
    return part[0] <= window.start and window.end <= part[1]


def _excerpt(text: str, start: int, end: int) -> Passage:
    passage = excerpt(text[start:end])
    if end - start <= MAX_CHARS:
        return Passage(passage, ((0, end - start, start),))
    return Passage(passage, ((0, HEAD, start), (HEAD + 1, MAX_CHARS, end - TAIL)))
