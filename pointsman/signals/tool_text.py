"""A tool as a text that can be compared with what a user asks."""

from __future__ import annotations

import re

MAX_CHARS = 300
"""Of a description: what comes later is rarely what the tool is for."""

_BORDERS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_.\-/]+")


def described(name: str, description: str) -> str:
    """`getWeather_v2` and its description → `get weather v2: …`."""
    words = " ".join(_BORDERS.sub(" ", name[:MAX_CHARS]).split()).lower()
    text = " ".join(description[:MAX_CHARS].split())
    return f"{words}: {text}" if text else words
