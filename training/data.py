"""The public sets that training may read, and which part of each it may.

Only sets of class A of the data folder's README are read here. A fifth of every set, chosen by a hash of the row, is
never trained on: `pointsman bench quality` reports on it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pointsman.bench.parts import is_test

EXAMPLES = Path(__file__).parent / "examples"

Row = dict[str, Any]


def rows(path: Path) -> Iterator[Row]:
    """JSON Lines, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def train_rows(path: Path, key: str = "id") -> Iterator[Row]:
    return (row for row in rows(path) if not is_test(row[key]))


def examples(name: str) -> list[Row]:
    """Our own, written for this product; all of them are for training."""
    return list(rows(EXAMPLES / f"{name}.jsonl"))
