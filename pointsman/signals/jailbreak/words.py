"""A text as words between single spaces, and where in the text each of them stands."""

from __future__ import annotations

import re

import numpy as np

_SPACES = re.compile(rb"\xe2[\x80\x81].|\xe3\x80.", re.DOTALL)  # general and Chinese punctuation
_NARROW = re.compile(rb"\xc2[\x80-\xbf]")  # no-break spaces, guillemets, inverted marks
_DROPPED = 0
_MAP = bytes(
    _DROPPED if char == "'" else ord(char) if char.isalnum() or char >= "\x80" else ord(" ")
    for char in map(chr, range(256))
)
_SENTENCE_ENDS = re.compile(rb"[.!?][\s\"')*\]]|\n\s*\n|\xe3\x80\x82|\xef\xbc[\x81\x9f]")


class Words:
    """`text` has lower-case words as the characters of their UTF-8; apostrophes are dropped."""

    def __init__(self, text: str) -> None:
        self._ascii = text.isascii()
        self.raw = _lower(text).encode("utf-8", "surrogatepass")
        signs = self.raw if self._ascii else _NARROW.sub(b"  ", _SPACES.sub(b"   ", self.raw))
        mapped = np.frombuffer(signs.translate(_MAP), np.uint8)
        kept = mapped != _DROPPED
        spaces = mapped == ord(" ")
        kept[1:] &= ~(spaces[1:] & spaces[:-1])
        self._places = np.flatnonzero(kept)
        self.data = b" " + mapped[self._places].tobytes() + b" "
        self.text = self.data.decode("latin-1")
        self._points = None if self._ascii else np.cumsum(np.frombuffer(self.raw, np.uint8) & 0xC0 != 0x80)

    def is_sentence(self, start: int, end: int) -> bool:
        """Whether no sentence ends between these places in `data`."""
        if end <= start:
            return True
        last = self._places[min(end, len(self._places)) - 1]
        return not _SENTENCE_ENDS.search(self.raw, self._places[start - 1], last)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """In code points of the text, of a span of `data` that begins and ends with a word."""
        return self.raw_span(int(self._places[start - 1]), int(self._places[end - 2]) + 1)

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        if self._points is None:
            return start, end
        return int(self._points[start]) - 1, int(self._points[end - 1])


def _lower(text: str) -> str:
    """Of the same length."""
    return text.lower() if text.isascii() else text.replace("\u0130", "I").replace("’", "'").lower()
