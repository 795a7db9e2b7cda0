from __future__ import annotations

from pathlib import Path
from typing import Any

from pointsman.bench import overload
from pointsman.bench.arrivals import Offered, Spread
from pointsman.bench.children import Cores
from pointsman.bench.overload import CASES, QUICK, Case, Effort, Load, Outcome, report
from pointsman.bench.probes import Probed
from pointsman.bench.report import Table

POOL = Case("places", "pool")


def offered(goodput: float, p99: float = 0.5, **changes: Any) -> Offered:
    served = Spread(int(goodput * 10), p99 / 2, p99, p99)
    given: dict[str, Any] = {"due": 3200, "unsent": 10, "refused": {"429": Spread(100, 0.01, 0.02, 0.02)}, **changes}
    return Offered(seconds=10.0, goodput=goodput, served=served, heard=served, **given)


def probed(slowest: float = 0.02, resident: tuple[float, ...] = (70, 80, 81, 81), failures: Any = ()) -> Probed:
    return Probed([0.001, slowest], [0.01], list(failures), list(resident))


def outcome(*loads: Load, refused_upstream: int = 0) -> Outcome:
    return Outcome(POOL, 320.0, loads, refused_upstream)


def targets(*loads: Load) -> list[str]:
    *_, judged, _ = report([outcome(*loads)], Effort()).tables
    return list(judged.rows[0][1:])


FIRST = Load(1, offered(300), probed(), probed())


def test_a_gateway_that_keeps_what_it_should_passes() -> None:
    last = Load(10, offered(285, p99=1.1), probed(), probed(slowest=2.0))
    assert targets(FIRST, last) == ["95% pass", "100% pass", "101% pass", "20% pass"]


def test_each_target_can_be_missed() -> None:
    last = Load(10, offered(150, p99=2.2), probed(0.3, (70, 80, 120, 90)), probed())
    assert targets(FIRST, last) == ["50% FAIL", "200% FAIL", "150% FAIL", "300% FAIL"]


def cells(table: Table) -> dict[str, dict[str, str]]:
    return {row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}


def test_the_rows_say_what_became_of_the_requests() -> None:
    last = Load(10, offered(150, unsent=100, given_up=20, broken=30), probed(), probed())
    row = cells(report([outcome(FIRST, last)], Effort()).tables[0])["10 ×"]
    assert (row["offered/s"], row["served/s"], row["of peak"]) == ("320", "150", "50%")
    assert (row["refused/s"], row["refused p99 ms"], row["in vain/s"]) == ("10", "20.0", "15")
    assert (row["p99 ms"], row["slowest probe ms"]) == ("500.0", "20.0")
    assert (row["RSS MB start"], row["quarter"], row["end"], row["most"]) == ("70", "80", "81", "81")


def test_what_should_not_be_is_a_problem() -> None:
    bad = Load(10, offered(0, without_advice=3, example="HTTP/1.1 500"), probed(failures=["/healthz: 503"]), probed())
    made = report([outcome(FIRST, bad, refused_upstream=2)], Effort())
    assert made.problems == (
        "places, 10 ×: nothing was served",
        "places, 10 ×: an answer that should not be: HTTP/1.1 500",
        "places, 10 ×: 3 refusals without Retry-After",
        "places, 10 ×: the control plane failed 1 times: /healthz: 503",
        "places: the upstream had no place for 2 requests",
    )


def test_a_whole_run(tmp_path: Path) -> None:
    """Everything but the figures: real processes, real requests, more of them than there is place for."""
    said: list[str] = []
    pool, _, _, fresh = CASES
    made = overload.run(Cores.of_this_machine(), tmp_path, QUICK, said.append, [pool, fresh])
    assert made.problems == ()
    assert len(said) == 4
    assert [row[0] for row in made.tables[0].rows] == ["1 ×", "3 ×"]
    for result in made.data["outcomes"]:
        for load in result["loads"]:
            assert load["offered"]["served"]["count"] > 0
            assert load["probed"]["healthz"]
            assert load["probed"]["metrics"]
    assert [row[0] for row in made.tables[-2].rows] == [pool.name, fresh.name]
