"""Labelled texts from a user's file: JSON Lines of {"text", "label"}."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from pointsman.signals.text import as_label

MAX_LABELS = 256
"""Each is a column of the model and a value that metrics may show."""

_MAX_LINE = 1_000_000  # characters


class Exemplars(NamedTuple):
    texts: tuple[str, ...]
    labels: tuple[str, ...]  # of each text
    known: tuple[str, ...]  # each label once, in order


def read_exemplars(path: Path, most: int | None = None) -> Exemplars:
    """Each text with the same label once. ValueError with the place and the fix if the file cannot be used."""
    found: dict[tuple[str, str], None] = {}
    for place, row in read_lines(path):
        found[_text(place, row), _label(place, row)] = None
        if most is not None and len(found) > most:
            raise ValueError(f"{path} has more than {most:,} rows; give it fewer of them")
    texts, labels = tuple(text for text, _ in found), tuple(label for _, label in found)
    known = tuple(sorted(set(labels)))
    if len(known) > MAX_LABELS:
        raise ValueError(f"{path} has {len(known)} different labels; there may be {MAX_LABELS}")
    if not known:
        raise ValueError(f'{path} has no rows; write one {{"text": …, "label": …}} a line')
    return Exemplars(texts, labels, known)


def read_lines(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a JSON Lines file, each with its place for messages."""
    rows = []
    try:
        with path.expanduser().open(encoding="utf-8-sig") as file:
            number = 0
            while line := file.readline(_MAX_LINE):
                number += 1
                if line.strip():
                    rows.append((f"{path}:{number}", _object(f"{path}:{number}", line)))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text; write it as JSON Lines in UTF-8") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    return rows


def _object(place: str, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise ValueError(f'{place}: this is not JSON; write one object {{"text": …, "label": …}} a line')
    return row


def _text(place: str, row: dict[str, Any]) -> str:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f'{place}: "text" must be text that is not empty')
    return text


def _label(place: str, row: dict[str, Any]) -> str:
    given = row.get("label")
    label = as_label(str(given).lower()) if isinstance(given, str | int) else ""
    if not label:
        raise ValueError(f'{place}: "label" must be a name such as "billing"')
    return label
