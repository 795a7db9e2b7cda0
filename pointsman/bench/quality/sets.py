"""The folder of public data sets: what lies where, and which of its rows are measured."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import orjson

from pointsman.bench.parts import is_test

Row = dict[str, Any]
T = TypeVar("T")

MMLU = "mmlu_pro/questions.dev.jsonl.gz"
MMLU_CORRECT = "mmlu_pro/correct.dev.csv"
PROMPTS = "prompt_mix/prompts.dev.jsonl"
_BENIGN = frozenset({"squad", "code_ultra_feedback", "gsm8k", "lmsys", "unified_chip2", "dolly_15k", "sharegpt"})


class Sets:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def missing(self, paths: Iterable[str]) -> list[str]:
        return [path for path in paths if not (self._folder / path).is_file()]

    def rows(self, path: str) -> Iterator[Row]:
        """JSON Lines, gzipped or not."""
        file = self._folder / path
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            yield from map(orjson.loads, lines)

    def json(self, path: str) -> Any:
        return orjson.loads((self._folder / path).read_bytes())

    def table(self, path: str) -> Iterator[dict[str, str]]:
        with (self._folder / path).open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)

    def parts(self, path: str, key: str = "id") -> tuple[list[Row], list[Row]]:
        """What may be trained on, and what may be reported."""
        return split(self.rows(path), lambda row: not is_test(row[key]))

    def benign(self) -> tuple[list[Row], list[Row]]:
        """Prompts without harm: half of them to choose thresholds on, the others to report on."""
        rows = (row for row in self.rows(PROMPTS) if row["source"] in _BENIGN and row["prompt"].strip())
        return split(rows, lambda row: _number("choose", row["id"]) % 2 == 0)


def split(rows: Iterable[T], belongs: Callable[[T], bool]) -> tuple[list[T], list[T]]:
    parts: tuple[list[T], list[T]] = [], []
    for row in rows:
        parts[not belongs(row)].append(row)
    return parts


def thin(rows: Sequence[Row], count: int, key: str = "id") -> list[Row]:
    """At most so many of them, always the same."""
    return sorted(rows, key=lambda row: _number("thin", row[key]))[:count]


def every_other(key: object) -> bool:
    return _number("wrap", key) % 2 == 0


def failures(sets: Sets) -> Mapping[str, float]:
    """By question of MMLU-Pro, the share of the models that failed, of those that answered."""
    return {row.pop("id"): _failed(row.values()) for row in sets.table(MMLU_CORRECT)}


def _failed(answers: Iterable[str]) -> float:
    given = [float(answer) for answer in answers if answer]
    return 1 - sum(given) / len(given) if given else 0.5


def _number(purpose: str, key: object) -> int:
    return crc32(f"{purpose} {key}".encode())
