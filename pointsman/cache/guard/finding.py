"""What a rule says against giving the same answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pointsman.cache.guard.chunks import Token

_SHOWN = 3  # words of each side
_NOTHING = "–"


class Finding(NamedTuple):
    kind: str
    left: str  # what the first text has
    right: str  # what the second has instead

    def told(self, swapped: bool) -> str:
        """From the text that is kept to the one that is asked: the second and the first, unless they were swapped."""
        before, after = (self.left, self.right) if swapped else (self.right, self.left)
        return f"{self.kind}: {before or _NOTHING} → {after or _NOTHING}"


def finding(kind: str, left: Iterable[Token | str], right: Iterable[Token | str]) -> Finding:
    return Finding(kind, _shown(left), _shown(right))


def _shown(tokens: Iterable[Token | str]) -> str:
    return " ".join([token if isinstance(token, str) else token.raw for token in tokens][:_SHOWN])
