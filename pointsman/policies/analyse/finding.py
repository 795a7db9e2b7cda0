"""What an analysis says, and the words that its findings share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeAlias

from pointsman.policies.expr import Expr, Place

MOST: Final = 20
"""Findings of one kind that are told one by one."""

_NAMED: Final = 3
_LONGEST: Final = 80


Level: TypeAlias = Literal["warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Level
    message: str
    decision: str | None = None  # its name; None if the finding is about the policy
    signal: str | None = None
    pool: str | None = None
    place: Place | None = None  # in the decision's condition


def limited(findings: Iterator[Finding], noun: str) -> Iterator[Finding]:
    """The first of one kind, and how many more there are."""
    first = list(islice(findings, MOST))
    yield from first
    rest = list(findings)
    if rest:
        severity: Level = "warning" if any(finding.severity == "warning" for finding in rest) else "info"
        yield Finding(severity, f"there are {len(rest)} more {noun}")


def code(text: Expr | str) -> str:
    shown = str(text)
    return f"`{shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + '...'}`"


def listed(names: Sequence[Expr | str], most: int = _NAMED, joined: str = "and") -> str:
    """`a`, `b` and `c`."""
    shown = [code(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} {joined} {len(names) - most} more"
    return f" {joined} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
