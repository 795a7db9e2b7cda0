"""What endpoints are predicted to manage. One of which too little is known is presumed to manage anything."""

from __future__ import annotations

from collections.abc import Iterable

from pointsman.gateway.pools.endpoint import Endpoint


def in_time(endpoints: Iterable[Endpoint], tokens: int, left: float, now: float) -> list[Endpoint]:
    """Those that may send a first token within `left` seconds, and those that have not been asked for too long."""
    return [e for e in endpoints if e.ttft.doubtful(now) or (e.ttft.predict(tokens, e.load) or 0.0) <= left]


def soonest(endpoints: Iterable[Endpoint], tokens: int) -> float:
    """Seconds until the first token of the quickest."""
    return min((e.ttft.predict(tokens, e.load) or 0.0 for e in endpoints), default=0.0)


def idle(endpoints: Iterable[Endpoint], tokens: int) -> float:
    """The same if they had nothing else to do."""
    return min((e.ttft.predict(tokens, 0.0) or 0.0 for e in endpoints), default=0.0)
