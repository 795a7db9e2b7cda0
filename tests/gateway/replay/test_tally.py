from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.gateway.replay import tally
from pointsman.gateway.replay.entries import Entry, read_entry
from pointsman.gateway.replay.replayer import Missing, Replayed
from pointsman.gateway.replay.tally import OTHERS, Pair, Tally
from tests.gateway.replay.test_entries import POLICY
from tests.support.logged import Logged


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return replace(read_entry(Logged(tmp_path, POLICY).ask()), cost=3.0)


def test_sums(entry: Entry) -> None:
    found = Tally()
    found.add(Replayed(entry, "all", False, "small", 3.0))
    found.add(Replayed(entry, "other", True, "large", 5.0))
    found.add(Replayed(entry, "other", True, "large", None))
    found.add(Replayed(entry, None, True, missing=(Missing("a", "new", "text"),)))
    found.add(Replayed(entry, None, None, missing=(Missing("a", "new", "text"), Missing("b", "new", "text"))))
    sums = found.all
    assert (sums.requests, sums.changed, sums.unchanged, sums.untold, sums.elsewhere, sums.told) == (5, 3, 1, 1, 1, 4)
    assert (sums.cost_then, sums.cost_now, sums.unpriced) == (6.0, 8.0, 1)
    assert found.matrix[Pair("all", "other", True)].requests == 2
    assert (found.pools_then, found.pools_now) == ({"small": 3}, {"small": 1, "large": 2})
    assert found.missing == {Missing("a", "new", "text"): 2, Missing("b", "new", "text"): 1}


def test_a_few_examples_are_kept(entry: Entry) -> None:
    found = Tally()
    for number in range(10):
        found.add(Replayed(replace(entry, id=f"r{number}"), "all", False))
    assert found.matrix[Pair("all", "all", False)].examples == ["r0", "r1", "r2"]


def test_no_table_grows_with_the_log(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_KEYS", 5)
    found = Tally()
    for number in range(50):
        name = f"x{number}"
        other = replace(entry, decided=name, tenant=name, asked=name)
        found.add(Replayed(other, name, False, name, missing=(Missing(name, "new", "text"),)))
    assert found.all.requests == sum(cell.requests for cell in found.matrix.values()) == 50
    assert sum(sums.requests for sums in found.tenants.values()) == 50
    assert found.tenants[OTHERS].requests == 45
    sizes = map(len, (found.matrix, found.tenants, found.pools_then, found.pools_now, found.missing))
    assert max(sizes) <= 6
