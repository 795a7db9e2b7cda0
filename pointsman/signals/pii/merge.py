"""Which of the spans that overlap stay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pointsman.signals.pii.found import ADDRESS, PHONE, Found

_CERTAIN = 0.9
_EDGE = re.compile(r"\A[\W_]+|[\W_]+\Z")
_LETTERS = re.compile(r"[^\W\d_].*[^\W\d_]", re.DOTALL)


def with_learned(text: str, patterned: Sequence[Found], learned: Iterable[Found]) -> list[Found]:
    """What has a checksum or a format of its own is what it says, also within a name or an address; digits that only
    may be a telephone number are part of the address around them."""
    spans = _most_probable(learned)
    addresses = [span for span in spans if span.type == ADDRESS]
    kept = [
        one
        for one in patterned
        if one.type != PHONE
        or one.score >= _CERTAIN
        or not any(a.start <= one.start and one.end <= a.end for a in addresses)
    ]
    return sorted([*kept, *_cut(text, spans, kept)])


def _most_probable(learned: Iterable[Found]) -> list[Found]:
    chosen: list[Found] = []
    for one in sorted(learned, key=lambda found: -found.score):
        if all(one.end <= other.start or one.start >= other.end for other in chosen):
            chosen.append(one)
    return chosen


def _cut(text: str, spans: Iterable[Found], patterned: Sequence[Found]) -> Iterator[Found]:
    """What of the spans the others leave: the longer side of each."""
    for span in spans:
        start, end = span.start, span.end
        for other in patterned:
            if other.start < end and start < other.end:
                start, end = max((start, other.start), (other.end, end), key=lambda side: side[1] - side[0])
        if (start, end) != (span.start, span.end):
            if start >= end or not _LETTERS.search(text, start, end):
                continue
            start, end = _trimmed(text, start, end)
        yield Found(start, end, span.type, span.score)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    bare = _EDGE.sub("", piece)
    start += piece.index(bare)
    return start, start + len(bare)
