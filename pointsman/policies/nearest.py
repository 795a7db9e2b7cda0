"""Which known name a mistyped one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LISTED = 12
"""Names that a message lists at most."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, else all of them, else ''."""
    by_lower = {name.lower(): name for name in sorted(known)}
    close = get_close_matches(word.lower(), by_lower, n=1)
    if close:
        return f"; did you mean `{by_lower[close[0]]}`?"
    names = sorted(by_lower.values())
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"; known are {', '.join(names[:_LISTED])}{more}"
