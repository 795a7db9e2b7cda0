from __future__ import annotations

from random import Random

import pytest

from pointsman.gateway.pools.balance.registry import BALANCERS
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.schema.pools import Balance


@pytest.mark.parametrize("balance", Balance)
def test_every_balancer_of_the_schema_picks_one_of_the_candidates(balance: Balance) -> None:
    balancer = BALANCERS[balance](Random(7))
    for number in (1, 2, 64):
        endpoints = [Endpoint(f"http://10.0.0.{index}:1") for index in range(number)]
        for session in (None, "s"):
            assert balancer.pick(endpoints, 0.0, session) in endpoints
