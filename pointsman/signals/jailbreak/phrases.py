"""The lexicon's shorthand, written out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator


def written_out(shorthand: str) -> Iterator[str]:
    """`re(play|do)s?` → replay, replays, redo, redos; then each without accents."""
    for phrase in _alternatives(shorthand, 0)[0]:
        phrase = " ".join(phrase.split())
        yield phrase
        bare = "".join(_bare(char) for char in phrase)
        if bare != phrase:
            yield bare


def _alternatives(shorthand: str, place: int) -> tuple[list[str], int]:
    """Up to the closing bracket or the end, and where that is."""
    done: list[str] = []
    heads, last = [""], [""]  # what stands before the last item, and that item, which a `?` makes optional
    while place < len(shorthand) and shorthand[place] != ")":
        char = shorthand[place]
        if char == "?":
            last = [*last, ""]
        else:
            heads = [head + item for head in heads for item in last]
            last = [char]
            if char == "(":
                last, place = _alternatives(shorthand, place + 1)
            elif char == "|":
                done, heads, last = [*done, *heads], [""], [""]
        place += 1
    return [*done, *(head + item for head in heads for item in last)], place


def _bare(char: str) -> str:
    bare = unicodedata.normalize("NFD", char)[0]
    return bare if bare.isascii() else char
