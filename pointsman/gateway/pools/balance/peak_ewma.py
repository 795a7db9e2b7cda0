"""`balance: peak_ewma`: shortest expected time to first token, learned from the answers themselves."""

from __future__ import annotations

from pointsman.gateway.pools.balance.scorers import latency
from pointsman.gateway.pools.balance.two_choices import TwoChoices


class PeakEwmaLatency(TwoChoices):
    scorers = ((1.0, latency),)
