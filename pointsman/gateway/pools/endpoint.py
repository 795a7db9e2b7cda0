"""One server of a pool: what we have running there, and what it says of itself."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from pointsman.gateway.pools.health import PRESUMED_UP, Health
from pointsman.gateway.pools.latency import PeakEwma
from pointsman.gateway.pools.load import Reading


class Mark(NamedTuple):
    """Our own counts at the moment when the engine was asked for its load."""

    inflight: int
    released: int


def _name(url: str) -> str:
    """`host:port/prefix`, for labels and logs."""
    parts = urlsplit(url)
    host = parts.netloc if parts.port else f"{parts.netloc}:{443 if parts.scheme == 'https' else 80}"
    return host.lower() + parts.path


class Endpoint:
    """`inflight + beyond` is its effective load: requests running or waiting there, whoever sent them."""

    __slots__ = (
        "beyond", "fresh_until", "health", "inflight", "latency", "name", "reading", "released", "up", "url",
        "weight",
    )  # fmt: skip

    def __init__(self, url: str, weight: float = 1.0) -> None:
        self.url = url  # without /v1
        self.name = _name(url)
        self.weight = weight
        self.inflight = 0  # leases out
        self.released = 0  # leases that came back, ever
        self.beyond = 0.0  # requests there that are not ours (or, below zero, ours that it has done with)
        self.reading: Reading | None = None  # None unless fresh
        self.fresh_until = float("-inf")
        self.health: Health = PRESUMED_UP
        self.up = True  # the pool keeps this in step with `health` and the clock
        self.latency = PeakEwma()

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}>"

    @property
    def load(self) -> float:
        return max(0.0, self.inflight + self.beyond)

    def mark(self) -> Mark:
        return Mark(self.inflight, self.released)

    def read(self, reading: Reading, mark: Mark, fresh_until: float) -> None:
        """Take in what the engine answered to the question asked at `mark`."""
        # The engine counted somewhere between question and answer. It hears of a start later than we do, so
        # only leases that were out when we asked are surely in its count; and of an end earlier, so those
        # that ended meanwhile are surely not. What is left was in its count for certain; every lease since
        # comes on top. Any error makes the endpoint look busier, never idle, and lasts one scrape.
        counted = max(0, mark.inflight - (self.released - mark.released))
        if reading.running is None:
            self.beyond = 0.0
        elif reading.waiting is None:
            self.beyond = max(0.0, reading.running - counted)  # at least ours, we know as much
        else:
            self.beyond = reading.running + reading.waiting - counted
        self.reading, self.fresh_until = reading, fresh_until

    def forget(self) -> None:
        """The reading is too old to be true: what we have running there is all that is known."""
        self.reading, self.beyond, self.fresh_until = None, 0.0, float("-inf")
