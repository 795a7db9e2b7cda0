from __future__ import annotations

from pathlib import Path

from pointsman.bench import streaming
from pointsman.bench.children import Cores
from pointsman.bench.contenders import BARE, HEURISTIC, OWN
from pointsman.bench.streaming import DIRECT, KINDS, QUICK, Effort, Series, report
from pointsman.bench.streams import Streamed


def series(name: str, *rates: float, errors: int = 0) -> Series:
    made = Series(name)
    for kind in KINDS:
        made.streamed[kind.title] = [Streamed(1000, errors, 1.0, rate, "cut" if errors else "") for rate in rates]
    return made


def test_shares_are_of_both_relays_in_the_same_round() -> None:
    bare, own, gateway = series(BARE.name, 100, 50), series(OWN.name, 200, 100), series(HEURISTIC.name, 70, 35)
    (table,) = report(series(DIRECT, 900, 900), [bare, own, gateway], Effort()).tables
    rows = [row for row in table.rows if row[1] == HEURISTIC.name]
    assert [row[0] for row in rows] == [kind.title for kind in KINDS]
    assert {row[2:] for row in rows} == {("52", "33%", "70%", "35%", "0")}
    assert {row[4:6] for row in table.rows if row[1] == DIRECT} == {("", "")}


def test_errors_are_problems() -> None:
    made = report(series(DIRECT, 900), [series(BARE.name, 100, errors=2)], Effort())
    assert made.problems == (f"{BARE.name}: 2 errors, such as: cut",) * len(KINDS)


def test_a_whole_run(tmp_path: Path) -> None:
    """Everything but the figures: every stream goes through whole, with every way of writing."""
    said: list[str] = []
    made = streaming.run(Cores.of_this_machine(), [OWN, HEURISTIC], tmp_path, QUICK, said.append)
    assert made.problems == ()
    assert said == [f"streaming: round 1 of 1, {name}" for name in (OWN.name, HEURISTIC.name)]
    assert [s["name"] for s in made.data["series"]] == [DIRECT, OWN.name, HEURISTIC.name]
    for measurements in made.data["series"]:
        for kind in KINDS:
            (streamed,) = measurements["streamed"][kind.title]
            assert streamed["errors"] == 0
            assert streamed["events"] >= QUICK.streams * QUICK.events
            assert streamed["events"] % (QUICK.streams * QUICK.events) == 0
    assert len(made.tables[0].rows) == 3 * len(KINDS)
