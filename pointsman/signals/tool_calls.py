"""Past calls: what users asked when a tool was the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pointsman.signals.encoder.encoding import Encoder, Vector, excerpt
from pointsman.signals.exemplars import read_lines
from pointsman.signals.tool_vectors import Projection

MOST_CALLS = 16_384
MOST_OF_A_TOOL = 64
"""Past calls, the last ones; each is encoded when the configuration is loaded."""

_BATCH = 256


def read_calls(path: Path) -> dict[str, list[str]]:
    """JSON Lines of {"query", "tool"} as queries by tool. ValueError with the place and the fix."""
    found: dict[str, list[str]] = {}
    for place, row in read_lines(path):
        query, tool = row.get("query"), row.get("tool")
        if not (isinstance(query, str) and query.strip() and isinstance(tool, str) and tool):
            raise ValueError(f'{place}: a call is {{"query": "what the user asked", "tool": "name"}}')
        found.setdefault(tool, []).append(query)
    return found


class Asked(NamedTuple):
    """What the past queries of the offered tools say; one row for each tool that has some."""

    tools: list[int]  # places among the offered ones
    usual: Vector  # [tools, dimension], of length 1: the mean query
    nearest: Vector  # [tools]: cosine of the nearest query


class Calls:
    def __init__(self, encoder: Encoder, project: Projection, calls: Mapping[str, Sequence[str]]) -> None:
        """EncoderError if the encoder fails."""
        texts = {tool: list(dict.fromkeys(map(excerpt, queries))) for tool, queries in calls.items()}
        flat = [query for queries in texts.values() for query in queries]
        self._queries = np.concatenate(
            [
                np.stack([project(encoding) for encoding in encoder.encode(flat[start : start + _BATCH])])
                for start in range(0, len(flat), _BATCH)
            ]
        )
        self._starts = np.cumsum([0, *map(len, texts.values())])[:-1]
        means = np.add.reduceat(self._queries, self._starts)
        self._usual = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        self._rows = {tool: row for row, tool in enumerate(texts)}

    def of(self, names: Sequence[str], query: Vector) -> Asked | None:
        """None if no offered tool was ever called."""
        found = [(place, self._rows[name]) for place, name in enumerate(names) if name in self._rows]
        if not found:
            return None
        rows = [row for _, row in found]
        nearest = np.maximum.reduceat(self._queries @ query, self._starts)
        return Asked([place for place, _ in found], self._usual[rows], nearest[rows])
