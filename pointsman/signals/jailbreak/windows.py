"""The parts of a text that look most like an attack, wherever they stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

from pointsman.signals.jailbreak.cues import Cue, scan
from pointsman.signals.jailbreak.deobfuscate import plain

COUNT, SIZE = 2, 200

LEAST = 2
"""The weight of a window that is worth a pass of the encoder: a common word alone is not."""

_STARTS = 64  # cues with which a window may begin, the weightiest
_NEIGHBOURS = 50  # cues that a window can have
_BREAK = re.compile(r"[.!?][\"')\]*]*\s+|[。！？]|\n")
_UNSPACED = "\u2e80"  # from here on, scripts without spaces


class Window(NamedTuple):
    text: str  # without disguise
    start: int  # code points of the text as it was given
    end: int
    weight: int


def windows(text: str, count: int = COUNT, size: int = SIZE) -> tuple[Window, ...]:
    """At most so many, of at most so many characters, the weightiest first; they do not overlap. What stands in other
    sentences does not change them."""
    found = plain(text)
    chosen: list[tuple[int, int]] = []
    result = []
    for weight, first, last in _groups(scan(found.text), size):
        start, end = _around(found.text, first, last, size)
        if all(end <= other or start >= other_end for other, other_end in chosen):
            chosen.append((start, end))
            result.append(Window(found.text[start:end], *found.origin(start, end), weight))
            if len(result) == count:
                break
    return tuple(result)


def _groups(cues: Sequence[Cue], size: int) -> Iterator[tuple[int, int, int]]:
    """Weight, start and end of cues that fit into one window, the weightiest first: of each family the weightiest cue
    counts, so that nobody gains by repeating himself."""
    groups = []
    for index in nlargest(_STARTS, range(len(cues)), key=lambda index: cues[index].weight):
        start, end, _, _ = cues[index]
        families: dict[str, int] = {}
        for cue in islice(cues, index, index + _NEIGHBOURS):
            if cue.start >= start + size:
                break
            if cue.end <= start + size:
                families[cue.family] = max(families.get(cue.family, 0), cue.weight)
                end = max(end, cue.end)
        weight = sum(families.values())
        if weight >= LEAST:
            groups.append((-weight, start, min(end, start + size)))
    for weight, start, end in sorted(groups):
        yield -weight, start, end


def _around(text: str, start: int, end: int, size: int) -> tuple[int, int]:
    """From where the sentence begins to where it ends, or as much of that as there is room for, in whole words."""
    room = size - (end - start)
    first, last = max(0, start - room), min(len(text), end + room)
    for match in _BREAK.finditer(text, first, start):
        first = match.end()
    closing = _BREAK.search(text, max(start, end - 1), last)  # a cue may end with its sentence
    last = max(end, closing.end()) if closing else last
    left, right = start - first, last - end
    if left + right > room:
        left = min(left, max(room // 2, room - right))
        first, last = start - left, end + min(right, room - left)
    while first < start and _is_within_word(text, first):
        first += 1
    while last > end and _is_within_word(text, last):
        last -= 1
    inside = text[first:last]
    return first + len(inside) - len(inside.lstrip()), first + len(inside.rstrip())


def _is_within_word(text: str, place: int) -> bool:
    around = text[max(0, place - 1) : place + 1]
    return len(around) == 2 and around.isalnum() and max(around) < _UNSPACED
