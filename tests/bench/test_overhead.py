from __future__ import annotations

from pathlib import Path
from typing import Any

from pointsman.bench import overhead
from pointsman.bench.children import Cores
from pointsman.bench.contenders import BARE, HEURISTIC, LOGGED, OWN, Contender, Launch
from pointsman.bench.load import Measured
from pointsman.bench.overhead import DIRECT, QUICK, Effort, Series, report
from pointsman.bench.report import Table

RIVAL = "LiteLLM proxy"


def measured(rate: float, p50: float = 0.0, errors: int = 0, example: str = "") -> Measured:
    return Measured(int(rate), int(rate), errors, 1.0, rate, p50, 2 * p50, 3 * p50, example)


def series(name: str, rates: list[float], p50s: list[float], cpu: float = 0.0, **extra: Any) -> Series:
    return Series(
        name,
        [measured(rate) for rate in rates],
        [measured(100, p50) for p50 in p50s],
        [cpu] * len(rates) if cpu else [],
        [60.0, 64.0] if cpu else [],
        **extra,
    )


def cells(table: Table) -> dict[str, dict[str, str]]:
    return {row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}


DIRECTLY = series(DIRECT, [60000, 60000, 60000], [0.0001, 0.0002, 0.0001])


def test_shares_are_of_both_relays_in_the_same_round() -> None:
    bare = series(BARE.name, [8000, 4000, 8000], [0.0003] * 3, cpu=0.0001)
    own = series(OWN.name, [16000, 8000, 16000], [0.0002] * 3, cpu=0.0001)
    gateway = series(HEURISTIC.name, [4800, 2400, 4800], [0.0004, 0.0006, 0.0005], cpu=0.00025)
    throughput, latency = report(DIRECTLY, [bare, own, gateway], Effort()).tables
    row = cells(throughput)[HEURISTIC.name]
    assert (row["requests/s"], row["of aiohttp relay"], row["of own-client relay"]) == ("4,800", "60%", "30%")
    assert (row["CPU µs/request"], row["RSS MB"], row["errors"]) == ("250", "64", "0")
    assert cells(throughput)[OWN.name]["of aiohttp relay"] == "200%"
    assert cells(throughput)[DIRECT]["of aiohttp relay"] == ""
    assert cells(latency)[HEURISTIC.name]["added p50 ms"] == "0.400"
    assert cells(latency)[HEURISTIC.name]["added p90 ms"] == "0.800"


def test_other_gateways_are_compared_with_the_gateway() -> None:
    gateway = series(HEURISTIC.name, [5000, 2500], [0.0004] * 2)
    rival = series(RIVAL, [200, 50], [0.005] * 2)
    bare = series(BARE.name, [8000, 4000], [0.0003] * 2)
    _, _, compared = report(DIRECTLY, [bare, gateway, rival], Effort()).tables
    assert compared.columns == ("", HEURISTIC.name)
    assert compared.rows == ((RIVAL, "37.5 ×"),)


def test_errors_and_what_did_not_start_are_problems() -> None:
    bare = series(BARE.name, [8000], [0.0003])
    bare.loaded.append(measured(10, errors=3, example="HTTP/1.1 502"))
    absent = series(RIVAL, [], [], problem=f"{RIVAL}: it ended with status 3")
    made = report(DIRECTLY, [bare, absent], Effort())
    assert made.problems == (f"{RIVAL}: it ended with status 3", f"{BARE.name}: 3 errors, such as: HTTP/1.1 502")
    assert RIVAL not in cells(made.tables[0])


def test_no_answer_at_all_is_a_problem() -> None:
    slow = series(RIVAL, [0.0], [0.0])
    assert report(DIRECTLY, [slow], Effort()).problems == (f"{RIVAL}: a load ended without one answer",)


def _broken(upstream: str, port: int, folder: Path) -> Launch:
    return Launch(["/no/such/gateway"], "/")


def test_a_whole_run(tmp_path: Path) -> None:
    """Everything but the figures: real processes, real requests; one that does not start stops nothing."""
    said: list[str] = []
    contenders = [BARE, Contender("broken", _broken), LOGGED]
    made = overhead.run(Cores.of_this_machine(), contenders, tmp_path, QUICK, said.append)
    assert made.problems == ("broken: /no/such/gateway cannot be started: No such file or directory",)
    assert said == [f"overhead: round 1 of 1, {contender.name}" for contender in contenders]
    measurements = {s["name"]: s for s in made.data["series"]}
    for name in (DIRECT, BARE.name, LOGGED.name):
        for part in (*measurements[name]["loaded"], *measurements[name]["sequential"]):
            assert part["requests"] > 0
            assert part["errors"] == 0
            assert 0 < part["p50"] <= part["p99"]
        assert measurements[name]["sequential"][0]["requests"] <= QUICK.sequential
    assert [row[0] for row in made.tables[0].rows] == [DIRECT, BARE.name, LOGGED.name]
    assert (tmp_path / "decisions.jsonl").stat().st_size > 0
