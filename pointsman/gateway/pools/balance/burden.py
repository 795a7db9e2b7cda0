"""What a request would find before it at an endpoint, as far as a gateway can know.

Own requests count fully: they are known at once. What only the metrics tell counts less, for it is as old as the
last reading, and all gateways of a fleet see the same: would each make up for the whole of a difference, all would
run to the same endpoint. The weights were chosen with `pointsman bench fleet`. With 4 gateways anything from 0.05 to
0.25 for the others is as good; with 16 that read every 5 s, 0.25 falls behind round robin."""

from __future__ import annotations

from collections.abc import Sequence

from pointsman.gateway.pools.endpoint import Endpoint

_UNANSWERED = 8.0
"""More for an own request without a first byte: its prompt is still to be read, and a newcomer waits for that."""
_OTHERS = 0.1
"""For a request of others (or, below zero, for an own one that the engine has done with)."""
_WAITING = 0.75
"""More for one in the engine's queue."""
_TIE = 0.1
_FULL_FROM = 0.9
_FULL_COST = 4.0


def burdens(candidates: Sequence[Endpoint]) -> list[float]:
    """Of each: requests there, in units of an own one that decodes, once the new one has come, per unit of weight."""
    found = []
    for endpoint in candidates:
        there = endpoint.inflight + _OTHERS * endpoint.beyond
        burden = (there if there > 0.0 else 0.0) + _UNANSWERED * endpoint.unanswered + 1.0
        reading = endpoint.reading
        if reading is not None:
            if reading.waiting:
                burden += _WAITING * reading.waiting
            if reading.kv:
                burden *= 1.0 + pressure(reading.kv)
        found.append(burden / endpoint.weight)
    return found


def pressure(kv: float) -> float:
    """What a KV cache in use adds to the requests there, relative to them: a tie-breaker while there is room, and
    several times their number when it is about to be full, for then the engine preempts and computes again."""
    factor = _TIE * kv
    if kv > _FULL_FROM:
        factor += _FULL_COST * (kv - _FULL_FROM) / (1 - _FULL_FROM)
    return factor
