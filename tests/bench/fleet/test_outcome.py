from __future__ import annotations

import pytest

from pointsman.bench.fleet.outcome import mean, outcome
from pointsman.bench.fleet.traces import Slo
from pointsman.bench.fleet.world import Served, Story

SLO = Slo(1.0, 0.1)


def served(first: float = 0.5, finished: float = 1.0, output: int = 11, cached: int = 0) -> Served:
    return Served(first, finished, 1000, output, cached)


def test_good_is_who_began_in_time_and_kept_the_pace() -> None:
    late, slow, fine = served(first=1.5, finished=2.0), served(finished=2.0), served()
    found = outcome(Story([late, slow, fine, fine], seconds=2.0, loads=[(1, 1)]), SLO)
    assert found.good == 0.5
    assert found.goodput == 1.0


def test_a_single_token_has_no_pace() -> None:
    assert outcome(Story([served(finished=0.5, output=1)], 1.0, [(1,)]), SLO).good == 1


def test_percentiles_of_the_time_to_first_token() -> None:
    found = outcome(Story([served(first=n / 100) for n in range(1, 101)], 1.0, [(1,)]), SLO)
    assert found.first_token == (0.5, 0.9, 0.99)


def test_hits_are_a_share_of_the_prompt_tokens() -> None:
    assert outcome(Story([served(cached=512), served()], 1.0, [(1,)]), SLO).hits == pytest.approx(0.256)


def test_load_is_uneven_by_its_spread_over_the_instances() -> None:
    found = outcome(Story([served()], 1.0, [(0, 0), (2, 2), (4, 0)]), SLO)
    assert found.uneven == 0.5  # an idle fleet shows nothing
    assert found.peak == 1.5


def test_a_fleet_that_was_always_idle_is_even() -> None:
    found = outcome(Story([served()], 1.0, [(0, 0)]), SLO)
    assert (found.uneven, found.peak) == (0, 1)


def test_the_mean_of_the_seeds() -> None:
    one, other = (outcome(Story([served(first=first)], 1.0, [(1, 1)]), SLO) for first in (0.2, 2.0))
    found = mean([one, other])
    assert found.first_token == (1.1, 1.1, 1.1)
    assert found.good == found.goodput == 0.5
