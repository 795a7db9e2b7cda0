"""What the parts of this package hand to each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

EMAIL, PHONE, CREDIT_CARD, SSN, IBAN = "EMAIL", "PHONE", "CREDIT_CARD", "SSN", "IBAN"
IP_ADDRESS, API_KEY, DATE_OF_BIRTH = "IP_ADDRESS", "API_KEY", "DATE_OF_BIRTH"
PERSON, ADDRESS = "PERSON", "ADDRESS"


class Found(NamedTuple):
    """A piece of the text, in code points."""

    start: int
    end: int
    type: str
    score: float


class _Match(Protocol):
    def span(self) -> tuple[int, int]: ...


class _Pattern(Protocol):
    def finditer(self, text: bytes) -> Iterator[_Match]: ...


class Utf8:
    """A text as RE2 reads it; offsets are translated back in one walk, so that many matches stay linear."""

    def __init__(self, text: str) -> None:
        self._ascii = text.isascii()
        self.data = text.encode("utf-8", "replace")  # a lone surrogate is one character before and after

    def places(self, pattern: _Pattern) -> Iterator[tuple[int, int]]:
        """Start and end of each match, in code points."""
        at = characters = 0
        for match in pattern.finditer(self.data):
            start, end = match.span()
            if not self._ascii:
                characters += len(self.data[at:start].decode("utf-8"))
                length = len(self.data[start:end].decode("utf-8"))
                at, start, end = end, characters, characters + length
                characters = end
            yield start, end
