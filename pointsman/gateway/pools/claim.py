"""What a request brings along when it asks a pool for a place."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Priority(IntEnum):
    """A lower number is served first, whatever waits below it."""

    HIGH = 0
    NORMAL = 1
    LOW = 2

    @property
    def label(self) -> str:
        return self.name.lower()


class Claim(NamedTuple):
    tenant: str | None = None
    weight: float = 1.0  # the tenant's share of the places, relative to other tenants
    priority: Priority = Priority.NORMAL
    deadline: float | None = None  # on the pool's clock; until then the answer must have begun
    tokens: int | None = None  # of the prompt, estimated; None if that says nothing about the time that it takes
    stream: bool = True  # how long its first token takes will be seen
    strict: bool = False  # if the deadline cannot be met here, no other model may be asked


class Standing(NamedTuple):
    """What a tenant may claim."""

    weight: float = 1.0
    priority: Priority = Priority.HIGH  # the highest that its requests may ask for
    max_cost: float | None = None  # USD of one request


PLAIN = Claim()
STANDARD = Standing()
