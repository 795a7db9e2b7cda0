"""The endpoints of several pools as arrays, for selectors that compare all of them.

Each pool keeps a table, of which only the rows are written anew that something has happened to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.policies.select.context import NO_FLEET, Fleet

if TYPE_CHECKING:
    from pointsman.gateway.pools.pool import Pool

_NAN = float("nan")
_USUAL_LENGTH = 256.0
_KILO = 1024.0
_ALONE = 0.5
"""Time for a token of a request that runs alone, relative to that where all places are taken, until it is learned."""


class Table:
    """`values` is [5, endpoints]: load, used, seconds to the first token of an empty prompt, seconds that each token of
    the prompt adds, and seconds for each further token."""

    __slots__ = ("_places", "endpoints", "names", "touched", "values")

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self.names = [endpoint.name for endpoint in endpoints]
        self.values = np.empty((5, len(endpoints)))
        self.touched = set(endpoints)
        self._places = {endpoint: place for place, endpoint in enumerate(endpoints)}

    def bring_up(self, pool: Pool) -> None:
        """To date."""
        for endpoint in self.touched:
            place = self._places.get(endpoint)
            if place is not None:
                self.values[:, place] = _row(endpoint, pool, len(self.endpoints))
        self.touched.clear()


def _row(endpoint: Endpoint, pool: Pool, number: int) -> tuple[float, float, float, float, float]:
    load, places, expected = endpoint.load, endpoint.places or pool.places, pool.forecast()
    kv = endpoint.reading.kv if endpoint.reading is not None else None
    room = places or pool.config.limits.inflight / number
    used = max(load / room, kv or 0.0)
    ahead = 0.0 if places is None else max(0.0, load + 1 - places)
    stated = pool.config.speed.tpot
    if stated is not None:
        stated *= _ALONE + (1 - _ALONE) * min(1.0, (load + 1) / room)
    tpot = endpoint.pace.predict(load - ahead, stated)
    if tpot is None:
        tpot = expected.tpot
    wait = 0.0
    if ahead and places and tpot is not None:  # those that run make room one after the other
        wait = ahead / places * ((expected.ttft or 0.0) + (expected.output_tokens or _USUAL_LENGTH) * tpot)
    first, per_token = _first_token(endpoint, load, expected.ttft, wait)
    return load, used, first, per_token, _NAN if tpot is None else tpot


def _first_token(endpoint: Endpoint, load: float, usual: float | None, wait: float) -> tuple[float, float]:
    """Seconds for an empty prompt, and for each token of one."""
    fit = endpoint.ttft.fit
    if fit is None:
        return _NAN if usual is None else usual + wait, 0.0
    return max(fit.base + max(0.0, fit.per_request) * load, wait), max(0.0, fit.per_kilotoken) / _KILO


def fleet(pools: Sequence[Pool], prompt_tokens: int) -> Fleet:
    tables = [pool.table() for pool in pools]
    if not tables:
        return NO_FLEET
    load, used, first, per_token, tpot = np.concatenate([table.values for table in tables], axis=1)
    names: list[str] = []
    for table in tables:
        names += table.names
    index = np.repeat(np.arange(len(tables)), [len(table.names) for table in tables])
    return Fleet(index, names, load, used, np.maximum(first + per_token * prompt_tokens, 0.0), tpot)
