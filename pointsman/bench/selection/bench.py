"""What every part of `pointsman bench selection` is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pointsman.bench.quality.sets import Sets
from pointsman.bench.report import Table
from pointsman.signals.encoder.encoding import Encoder

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Effort:
    rows: int = 1_000_000  # at most, of each set
    rounds: int = 5000  # of a replay
    resamples: int = 1000  # for intervals


QUICK = Effort(rows=200, rounds=200, resamples=20)


@dataclass(frozen=True, slots=True)
class Bench:
    sets: Sets
    encoder: Encoder
    effort: Effort
    say: Say


@dataclass(frozen=True, slots=True)
class Measured:
    """`data` goes into the JSON, `problems` fail the run."""

    tables: tuple[Table, ...]
    data: dict[str, Any]
    problems: tuple[str, ...] = field(default=())
