"""What a procedure is given, to answer one request with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from pointsman.gateway.pools.claim import Claim
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.hedge import HedgeRule
from pointsman.gateway.relay.tries import Line
from pointsman.policies.types import Choice


class Errand(NamedTuple):
    line: Line
    choice: Choice  # with its procedure
    pools: tuple[Pool, ...]  # that the request fits, in the choice's order
    others: Mapping[str, Pool]  # every pool by its name
    claim: Claim
    random: Random
    hedge: HedgeRule | None
    session: str | None
    until: float  # event loop time at which the client's or the pools' overall limit ends it

    @property
    def seconds_left(self) -> float:
        return self.until - asyncio.get_running_loop().time()
