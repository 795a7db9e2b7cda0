"""Public traces: when requests came, how long they were, and which blocks of their prompts they share."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple, cast

import orjson

BLOCK = 512
"""Tokens of a block, in Mooncake's trace and in the engines."""


class Row(NamedTuple):
    time: float  # seconds
    prompt: int  # tokens
    output: int
    blocks: tuple[int, ...] = ()  # each names a block of the prompt and all before it; () shares nothing
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Slo:
    """What counts as good, both for the same request."""

    first_token: float  # seconds from arrival
    per_token: float  # seconds from one token to the next, on average

    def __str__(self) -> str:
        return f"first token within {self.first_token:g} s, then {self.per_token * 1000:g} ms a token"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a trace lies below the data folder, and how it is read."""

    name: str
    title: str
    pattern: str
    read: Callable[[IO[str]], Iterator[Row]]
    resolution: float  # seconds to which its times are rounded down
    slo: Slo
    sessions: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    source: Source
    rows: tuple[Row, ...]

    @property
    def span(self) -> float:
        """Seconds from the first row to where the next one would come."""
        first, last = self.rows[0].time, self.rows[-1].time
        return (last - first) * len(self.rows) / max(1, len(self.rows) - 1)


def mooncake(lines: IO[str]) -> Iterator[Row]:
    for line in lines:
        row = orjson.loads(line)
        blocks = tuple(row["hash_ids"])
        # Every prompt begins with the same block; the one after it is a conversation's own.
        session = "/".join(map(str, blocks[:2]))
        yield Row(row["timestamp"] / 1000, row["input_length"], row["output_length"], blocks, session)


def azure(lines: IO[str]) -> Iterator[Row]:
    for row in csv.DictReader(lines):
        time = datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp()
        yield Row(time, int(row["ContextTokens"]), int(row["GeneratedTokens"]))


SOURCES = (
    Source("azure", "Azure LLM 2023", "azure_llm_2023/*.csv*", azure, 0.0, Slo(0.5, 0.1)),
    Source("mooncake", "Mooncake conversation", "mooncake_trace/*.jsonl*", mooncake, 3.0, Slo(5.0, 0.2), sessions=True),
)


def load(folder: Path) -> tuple[Mapping[str, Trace], list[str]]:
    """The traces that the folder has, and a line for each that it lacks."""
    found, missing = {}, []
    for source in SOURCES:
        path = next(iter(sorted(folder.glob(source.pattern))), None)
        if path is None:
            missing.append(f"{source.title} is skipped: there is no {folder / source.pattern} (--data DIR)")
        else:
            with _open(path) as lines:
                found[source.name] = Trace(source, tuple(filter(_whole, source.read(lines))))
    return found, missing


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8", newline="")


def _whole(row: Row) -> bool:
    return row.prompt > 0 and row.output > 0
