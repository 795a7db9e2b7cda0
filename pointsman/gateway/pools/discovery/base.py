"""The interface of a discovery: who tells a pool which servers it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence

from pointsman.gateway.errors import PointsmanError
from pointsman.gateway.pools.roster import Member

SHORTEST = 1.0
"""Seconds until a discovery that failed is tried again; they double with each failure up to its `longest`."""


class DiscoveryError(PointsmanError):
    """Nobody can say at the moment which servers there are."""


class Discovery(ABC):
    longest: float

    @abstractmethod
    def sets(self) -> AsyncGenerator[Sequence[Member]]:
        """Each answer is all there is, changed or not. Raises DiscoveryError; it is then called anew."""
