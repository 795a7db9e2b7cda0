"""One server of a pool: what we have running there, and what it says of itself."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from pointsman.gateway.pools.busy import FREE, Busy
from pointsman.gateway.pools.health import PRESUMED_UP, Health, Phase, Reason
from pointsman.gateway.pools.latency import PeakEwma
from pointsman.gateway.pools.load import Reading
from pointsman.gateway.pools.outlier import Recent
from pointsman.gateway.pools.pace import Pace
from pointsman.gateway.pools.predict import Regression
from pointsman.gateway.pools.roster import Member, Source

_WINDOW = 30.0
"""Seconds, until a pool says otherwise."""
_LEARNING = 0.2
"""Weight of a reading that shows fewer places than were known."""


class State(StrEnum):
    """What an endpoint is to its pool; for people and metrics."""

    UP = "up"
    BUSY = "busy"  # gets nothing new as long as another can take it
    HALF_OPEN = "half_open"
    EJECTED = "ejected"
    DOWN = "down"
    DRAINING = "draining"


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
        "authority", "beyond", "busy", "draining", "ejections", "fresh_until", "health", "inflight", "latency",
        "name", "pace", "places", "reading", "recent", "released", "source", "state", "ttft", "unanswered", "up",
        "url", "weight",
    )  # fmt: skip

    def __init__(self, url: str, weight: float = 1.0) -> None:
        self.url = url  # without /v1
        self.name = _name(url)
        self.weight = weight
        self.authority = ""  # for the Host header and TLS, if not the URL's
        self.source = Source.FILE
        self.draining = False  # finishes what it has, gets nothing new
        self.inflight = 0  # leases out
        self.unanswered = 0  # of them, those without a first byte
        self.released = 0  # leases that came back, ever
        self.beyond = 0.0  # requests there that are not ours (or, below zero, ours that it has done with)
        self.reading: Reading | None = None  # None unless fresh
        self.fresh_until = float("-inf")
        self.health: Health = PRESUMED_UP
        self.busy: Busy = FREE
        self.recent = Recent(_WINDOW)
        self.ejections = dict.fromkeys(Reason, 0)
        self.up = True  # the pool keeps these two in step with the rest and the clock
        self.state = State.UP
        self.latency = PeakEwma()
        self.ttft = Regression()
        self.pace = Pace()
        self.places: float | None = None  # requests that it runs at once, once some had to wait there

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}>"

    def look_back(self, window: float) -> None:
        if window != self.recent.window:
            self.recent = Recent(window)

    def seat(self, member: Member) -> None:
        self.weight, self.authority = member.weight, member.authority
        self.source, self.draining = member.source, member.draining

    def turn(self, now: float) -> None:
        """Set what depends on the clock."""
        self.up = self.health.takes(now) and not self.draining
        self.state = self._state(now)

    def _state(self, now: float) -> State:
        if self.draining:
            return State.DRAINING
        phase = self.health.phase(now)
        return State.BUSY if phase is Phase.UP and now < self.busy.until else State(phase)

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
        if reading.running:
            self._count_places(reading.running, waits=bool(reading.waiting))

    def _count_places(self, running: float, *, waits: bool) -> None:
        """More than run while others wait there is no room for; but one that has just come waits for a moment, too."""
        places = self.places
        if places is not None and running >= places:
            self.places = running
        elif waits:
            self.places = running if places is None else places + _LEARNING * (running - places)

    def forget(self) -> None:
        """The reading is too old to be true: what we have running there is all that is known."""
        self.reading, self.beyond, self.fresh_until = None, 0.0, float("-inf")
