from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from pointsman.bench.fleet.arrivals import arrivals
from pointsman.bench.fleet.outcome import Outcome, outcome
from pointsman.bench.fleet.traces import Slo, Trace, load
from pointsman.bench.fleet.world import Setting, Story, Window, World, saturated
from pointsman.gateway.pools.lease import live_leases
from tests.bench.fleet import samples

SLO = Slo(0.5, 0.1)
WINDOW = Window(50, 200)


def told(setting: Setting, rate: float = 12.0, seed: int = 1, trace: Trace | None = None) -> Story:
    requests = arrivals(trace or samples.plain_trace(), sum(WINDOW), rate, Random(seed))
    return World(setting, Random(seed)).play(requests, WINDOW)


def found(setting: Setting, rate: float = 12.0, seed: int = 1, trace: Trace | None = None) -> Outcome:
    return outcome(told(setting, rate, seed, trace), SLO)


def test_all_that_are_measured_end() -> None:
    story = told(Setting("round_robin", 4))
    assert len(story.served) == WINDOW.measured
    assert all(0 < served.first_token <= served.finished for served in story.served)
    assert story.seconds == pytest.approx(WINDOW.measured / 12.0, rel=0.1)


def test_the_same_seed_tells_the_same_story() -> None:
    assert told(Setting("least_load", 4)) == told(Setting("least_load", 4))
    assert told(Setting("least_load", 4)) != told(Setting("least_load", 4), seed=2)


@pytest.mark.parametrize("balancer", ["random", "round_robin"])
def test_who_does_not_read_metrics_does_not_care_how_old_they_are(balancer: str) -> None:
    assert found(Setting(balancer, 4, scrape=0.1)) == found(Setting(balancer, 4, scrape=5.0))


@pytest.mark.parametrize("scrape", [0.1, 5.0])
def test_least_load_is_better_than_chance(scrape: float) -> None:
    def mean_wait(balancer: str) -> float:
        return fmean(found(Setting(balancer, 4, scrape=scrape), seed=seed).first_token[1] for seed in range(3))

    assert mean_wait("least_load") < 0.9 * mean_wait("random")
    assert mean_wait("least_load") < mean_wait("round_robin")


def test_least_load_is_the_most_even() -> None:
    assert found(Setting("least_load", 4)).uneven < 0.8 * found(Setting("random", 4)).uneven


def test_more_load_waits_longer() -> None:
    waits = [found(Setting("least_load", 4), rate).first_token[2] for rate in (2.0, 12.0, 60.0)]
    assert waits == sorted(waits)


def test_sessions_that_stay_find_their_prefixes(tmp_path: Path) -> None:
    samples.mooncake_file(tmp_path)
    trace = load(tmp_path)[0]["mooncake"]
    staying = found(Setting("session", 4), 1.0, trace=trace)
    strewn = found(Setting("random", 4), 1.0, trace=trace)
    assert staying.hits > 1.3 * strewn.hits > 0


def test_more_gateways_know_less_of_each_other() -> None:
    def uneven(gateways: int) -> float:
        setting = Setting("least_load", 4, gateways=gateways, scrape=5.0)
        return fmean(found(setting, seed=seed).uneven for seed in range(3))

    assert uneven(1) < uneven(16)


def test_one_instance_at_most() -> None:
    trace = samples.plain_trace()
    most = saturated(trace.rows)
    assert 3 < most < 12
    assert saturated([row._replace(prompt=row.prompt * 2) for row in trace.rows]) < most
    alike = [row._replace(blocks=tuple(range(12))) for row in trace.rows]
    assert saturated(alike) == most  # prefixes are not shared there


def test_no_lease_is_left_behind() -> None:
    before = live_leases()
    told(Setting("random", 2), 40.0)
    assert live_leases() == before


def test_an_objective_is_for_both_times() -> None:
    story = told(Setting("round_robin", 4))
    strict = [outcome(story, slo).good for slo in (SLO, replace(SLO, first_token=0.0), replace(SLO, per_token=0.0))]
    assert strict[0] > 0.5
    assert strict[1] == 0
    assert strict[2] < 0.1  # one token has no gap
