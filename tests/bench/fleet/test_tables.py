from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.bench.fleet import tables
from pointsman.bench.fleet.outcome import Outcome
from pointsman.bench.fleet.sweep import Case, Effort, Sweep, balancers
from pointsman.bench.fleet.tables import Fleet
from pointsman.bench.fleet.traces import SOURCES

AZURE, MOONCAKE = SOURCES
EFFORT = Effort(seeds=1, loads=(0.6, 0.8, 1.0), scrapes=(1.0, 5.0))
FLEET = Fleet(AZURE, 8, EFFORT)


def outcome(good: float) -> Outcome:
    return Outcome((0.1, 0.2, 0.3), good, 10 * good, 0.25, 0.5, 2.0)


def sweep(fleet: Fleet, good: Callable[[Case], float]) -> Sweep:
    """As if it had been simulated."""
    made = Sweep(Path(), {}, fleet.effort, print)
    for load in fleet.effort.loads:
        for case in (*fleet.loads(), *fleet.stale(load)):
            made.found[case] = outcome(good(case))
    return made


def by_load(case: Case) -> float:
    return {0.6: 0.99, 0.8: 0.92, 1.0: 0.5}[case.load] + (0.005 if case.setting.balancer == "least_load" else 0.0)


def test_the_knee_is_where_nearly_all_are_still_served_well() -> None:
    assert FLEET.knee(sweep(FLEET, by_load)) == 0.8
    assert FLEET.knee(sweep(FLEET, lambda case: 0.2)) == 0.6


def test_a_row_for_each_balancer() -> None:
    found = sweep(FLEET, by_load)
    table = tables.by_load(FLEET, found)
    assert table.title == "Azure LLM 2023, 8 instances; served well: first token within 0.5 s, then 100 ms a token"
    assert table.columns[1:] == ("60%", "80%", "100%")
    assert table.rows[-1] == ("least_load", "99.5%", "92.5%", "50.5%")
    knee = tables.at_knee(FLEET, found)
    assert knee.title.endswith("at the knee: 80% of the capacity")
    assert knee.rows[-1] == ("least_load", "0.100", "0.200", "0.300", "9.25", "92.5%", "", "0.50", "2.00")
    views = tables.by_view(FLEET, found)
    assert views.columns[1:] == ("1 s", "5 s", "5 s, 16 gateways")
    assert [row[0] for row in views.rows] == ["random", "round_robin", "peak_ewma", "least_load"]


def test_sessions_are_compared_where_the_trace_has_them() -> None:
    assert "session" in balancers(MOONCAKE)
    assert "session" not in balancers(AZURE)
    fleet = Fleet(MOONCAKE, 8, EFFORT)
    assert tables.at_knee(fleet, sweep(fleet, by_load)).rows[-1][6] == "25.0%"


def test_who_looks_at_no_metrics_is_not_simulated_again_for_their_age() -> None:
    assert FLEET.case("random", 0.8, 5.0) == FLEET.case("random", 0.8, 1.0)
    assert FLEET.case("least_load", 0.8, 5.0) != FLEET.case("least_load", 0.8, 1.0)


@pytest.mark.parametrize("better", ["random", "round_robin"])
def test_it_is_a_problem_if_the_default_is_not_better_than_knowing_nothing(better: str) -> None:
    def good(case: Case) -> float:
        stale = case.setting.scrape == 5.0 and case.setting.gateways == 4 and case.setting.balancer == "least_load"
        return 0.91 if stale else by_load(case) - (0.1 if case.setting.balancer not in (better, "least_load") else 0)

    assert list(tables.problems(FLEET, sweep(FLEET, by_load))) == []
    found = list(tables.problems(FLEET, sweep(FLEET, good)))
    assert found == [f"Azure LLM 2023, 8 instances, 5 s: least_load has a goodput of 9.10/s, {better} 9.20/s"]


def test_picks() -> None:
    table = tables.picks([("least_load", 11.26)], 64)
    assert (table.title, table.rows) == ("A pick among 64 endpoints", (("least_load", "11.3"),))
