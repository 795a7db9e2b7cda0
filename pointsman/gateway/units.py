"""Durations, sizes and shares as the YAML writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Mapping[str, float] = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"  # ASCII digits, few enough that no product overflows


def _scaled(text: object, units: Mapping[str, float], what: str, example: str) -> float:
    match = re.fullmatch(rf"({_NUMBER}) ?([A-Za-z]+)", text) if isinstance(text, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"a {what} is a number with its unit, such as {example}")
    return float(match[1]) * units[match[2]]


def parse_duration(text: object) -> float:
    """Seconds: `300ms 0.5s 5s 2m 6h 30d`."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"a duration needs a unit: write {text:g}s for seconds or {text:g}ms for milliseconds")
    return _scaled(text, _SECONDS, "duration", "300ms, 5s, 2m, 6h or 30d")


def parse_size(text: object) -> int:
    """Bytes: `512KB 32MB`."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"a size needs a unit: write {text:g}MB for megabytes or {text:g}B for bytes")
    return int(_scaled(text, _BYTES, "size", "512KB or 32MB"))


def parse_share(text: object) -> float:
    """A fraction in [0, 1]: `40%`."""
    match = re.fullmatch(rf"({_NUMBER}) ?%", text) if isinstance(text, str) else None
    if match is None or float(match[1]) > 100:
        raise ValueError("a share is a percentage from 0% to 100%, such as 40%")
    return float(match[1]) / 100


def _format(number: float, units: Mapping[str, float]) -> str:
    """With the largest unit that gives a whole number, else with the smallest."""
    for unit, size in sorted(units.items(), key=lambda item: -item[1]):
        if number >= size and (number / size).is_integer():
            return f"{number / size:.0f}{unit}"
    smallest = min(units, key=lambda unit: units[unit])
    return f"{number / units[smallest]:.0f}{smallest}"


def format_duration(seconds: float) -> str:
    return _format(seconds, _SECONDS)


def format_size(size: int) -> str:
    return _format(size, _BYTES)


def format_share(share: float) -> str:
    return f"{share * 100:g}%"


def _written(units: str) -> object:
    """What the JSON Schema says of it."""
    return Annotated[str, Field(pattern=f"^{_NUMBER} ?({units})$")]


Duration = Annotated[
    float,
    BeforeValidator(parse_duration, json_schema_input_type=_written("|".join(_SECONDS))),
    PlainSerializer(format_duration),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size, json_schema_input_type=_written("|".join(_BYTES))),
    PlainSerializer(format_size),
]
Share = Annotated[
    float,
    BeforeValidator(parse_share, json_schema_input_type=_written("%")),
    PlainSerializer(format_share),
]
