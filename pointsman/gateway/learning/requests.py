"""Requests whose outcome may still become known, by days later: bounded in number and in age."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pointsman.gateway.observe.outcome import Chosen
from pointsman.policies.outcome import Parts
from pointsman.policies.select.base import Seen
from pointsman.policies.types import EXPLICIT

Key = tuple[str | None, str]
"""Tenant and request id: whoever does not own a request cannot find it."""

NO_PARTS: Parts = {}


class Kept(NamedTuple):
    """`Seen` in a third of its memory."""

    features: NDArray[np.float32] | None = None
    vector: NDArray[np.float16] | None = None
    prior: float | None = None
    prompt_tokens: int = 0

    @classmethod
    def of(cls, seen: Seen) -> Kept:
        features = None if seen.features is None else seen.features.astype(np.float32)
        vector = None if seen.vector is None else seen.vector.astype(np.float16)
        return cls(features, vector, seen.prior, seen.prompt_tokens)

    def seen(self) -> Seen:
        features = None if self.features is None else self.features.astype(np.float64)
        vector = None if self.vector is None else self.vector.astype(np.float64)
        return Seen(features, vector, self.prior, self.prompt_tokens)


class Answering(Protocol):
    """A request that is still being answered."""

    @property
    def chosen(self) -> Chosen | None: ...


class Request:
    __slots__ = (
        "answering", "by", "decision", "first", "kept", "key", "output_tokens", "parts", "propensity", "time", "told",
    )  # fmt: skip

    def __init__(
        self,
        key: Key,
        first: str,
        decision: str = EXPLICIT,
        by: str = EXPLICIT,
        propensity: float = 1.0,
        answering: Answering | None = None,
        time: float = 0.0,
    ) -> None:
        self.key = key
        self.decision = decision
        self.by = by
        self.first = first  # the pool that answered, or while nobody has, the one that is tried first
        self.propensity = propensity
        self.answering = answering
        self.time = time
        self.kept: Kept | None = None
        self.output_tokens: int | None = None
        self.parts = NO_PARTS  # never changed, only replaced
        self.told = 0.0  # when selectors were last told something of it

    @property
    def tenant(self) -> str | None:
        return self.key[0]

    @property
    def id(self) -> str:
        return self.key[1]

    @property
    def arm(self) -> str:
        """The pool whose answer it is."""
        chosen = None if self.answering is None else self.answering.chosen
        return self.first if chosen is None else chosen.pool

    def seen(self) -> Seen:
        return Seen() if self.kept is None else self.kept.seen()


class Requests:
    """Oldest first."""

    def __init__(self, limit: int, keep: float, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self.keep = keep  # seconds
        self.dropped = 0  # for want of room
        self.gone: list[Key] = []  # since somebody last looked
        self._clock = clock
        self._all: OrderedDict[Key, Request] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._all.values())

    def add(self, request: Request) -> None:
        """In the place of an older one of the same id."""
        found = self._all
        found.pop(request.key, None)
        found[request.key] = request
        if len(found) > self.limit:
            self._drop(1)

    def get(self, key: Key) -> Request | None:
        return self._all.get(key)

    def forget(self, request: Request) -> None:
        if self._all.get(request.key) is request:
            del self._all[request.key]
            self.gone.append(request.key)

    def restore(self, requests: Iterable[Request]) -> None:
        for request in requests:
            self._all[request.key] = request

    def expire(self) -> None:
        """Those that are too old, or too many since the limit was lowered."""
        oldest = self._clock() - self.keep
        while self._all:
            key, request = next(iter(self._all.items()))
            if request.time >= oldest:
                break
            del self._all[key]
            self.gone.append(key)
        if len(self._all) > self.limit:
            self._drop(len(self._all) - self.limit)

    def _drop(self, count: int) -> None:
        for _ in range(count):
            key, _ = self._all.popitem(last=False)
            self.gone.append(key)
            self.dropped += 1
