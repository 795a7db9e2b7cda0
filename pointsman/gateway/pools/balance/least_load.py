"""`balance: least_load`: fewest requests running and waiting, as fresh as the engines say it."""

from __future__ import annotations

from pointsman.gateway.pools.balance.scorers import kv_pressure, occupancy
from pointsman.gateway.pools.balance.two_choices import TwoChoices


class LeastLoad(TwoChoices):
    scorers = ((1.0, occupancy), (1.0, kv_pressure))
