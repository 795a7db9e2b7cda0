"""Durations, sizes and shares as the YAML writes them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


def _split(text: object, units: dict[str, float] | dict[str, int], what: str, example: str) -> tuple[float, str]:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text) if isinstance(text, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"{text!r} is not a {what}; write a number with its unit, such as {example}")
    return float(match[1]), match[2]


def parse_duration(text: object) -> float:
    """Seconds: `300ms 0.5s 5s 2m 6h 30d`."""
    number, unit = _split(text, _SECONDS, "duration", "300ms, 5s, 2m, 6h or 30d")
    return number * _SECONDS[unit]


def parse_size(text: object) -> int:
    """Bytes: `512KB 32MB`."""
    number, unit = _split(text, _BYTES, "size", "512KB or 32MB")
    return int(number * _BYTES[unit])


def parse_share(text: object) -> float:
    """A fraction in [0, 1]: `40%`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text) if isinstance(text, str) else None
    if match is None or float(match[1]) > 100:
        raise ValueError(f"{text!r} is not a share; write a percentage from 0% to 100%")
    return float(match[1]) / 100


def format_duration(seconds: float) -> str:
    for unit in ("d", "h", "m", "s"):
        if seconds >= _SECONDS[unit] and (seconds / _SECONDS[unit]).is_integer():
            return f"{int(seconds / _SECONDS[unit])}{unit}"
    return f"{round(seconds * 1000)}ms"


Duration = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(format_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
Share = Annotated[float, BeforeValidator(parse_share)]
