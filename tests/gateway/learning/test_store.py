"""What outlives the process."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from pointsman.gateway.learning.learner import Learner
from pointsman.gateway.learning.requests import Kept, Request
from pointsman.gateway.learning.store import Store, read
from pointsman.gateway.observe.told import Status
from pointsman.policies.outcome import Source
from pointsman.policies.select.base import Seen
from pointsman.policies.types import Decision
from tests.support.learning import Clock, decision

DAY = 86400.0
KEY = ("team-a", "r1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "learned.db"


async def started(path: Path, *decisions: Decision, clock: Clock | None = None) -> Learner:
    it = Learner(requests=100, keep=7 * DAY, clock=clock or Clock(1000.0))
    it.follow(decisions)
    await it.start(str(path))
    return it


def answered(it: Learner, key: tuple[str | None, str] = KEY, pool: str = "small", time: float = 1000.0) -> Request:
    request = Request(key, pool, "all", "mean", 0.25, time=time)
    request.kept = Kept.of(Seen(np.arange(3.0), np.array([0.6, 0.8]), 0.7, 12))
    request.output_tokens = 40
    it.requests.add(request)
    it.ended(request)
    return request


def view(it: Learner, of: Decision) -> dict[str, float]:
    found: dict[str, float] = it.lesson(of).view
    return found


async def test_what_was_learned_is_there_after_a_restart(path: Path) -> None:
    one = decision()
    it = await started(path, one)
    answered(it)
    it.reward(KEY, Source.FEEDBACK, 0.0)
    it.lesson(one).notebook.turns = 5
    await it.stop()
    again = await started(path, other := decision())
    assert view(again, other) == {"small": 0.25, "large": 0.5}
    notebook = again.lesson(other).notebook
    assert (notebook.sums.count, notebook.turns, notebook.arms["small"].tolist()) == (1, 5, [1.0, 1.0, 0.0])
    await again.stop()


async def test_feedback_counts_days_after_a_restart_and_once(path: Path) -> None:
    it = await started(path, decision())
    answered(it)
    it.reward(KEY, Source.JUDGE, 0.0)
    await it.stop()
    again = await started(path, other := decision(), clock=Clock(1000.0 + 6 * DAY))
    request = again.requests.get(KEY)
    assert request is not None
    assert (request.arm, request.propensity, request.output_tokens) == ("small", 0.25, 40)
    seen = request.seen()
    assert seen.features is not None
    assert (seen.features.tolist(), seen.prior, seen.prompt_tokens) == ([0.0, 1.0, 2.0], 0.7, 12)
    assert again.reward(KEY, Source.JUDGE, 0.0) is Status.UNCHANGED
    assert again.reward(KEY, Source.FEEDBACK, 0.0) is Status.RECORDED
    await again.fold()
    assert view(again, other)["small"] == pytest.approx(0.5 / 2.5)
    assert again.lesson(other).notebook.sums.count == 1
    await again.stop()


async def test_old_requests_and_decisions_that_are_gone_are_dropped_in_the_end(path: Path) -> None:
    it = await started(path, decision())
    answered(it)
    it.reward(KEY, Source.FEEDBACK, 0.0)
    await it.stop()
    within = await started(path, clock=Clock(1000.0 + 6 * DAY))
    within._tidy()
    assert len(within.requests) == len(within.notebooks()) == 1
    await within.stop()
    later = await started(path, clock=Clock(1000.0 + 8 * DAY))
    later._tidy()
    assert not len(later.requests)
    assert not later.notebooks()
    await later.stop()
    assert not read(path).notebooks


async def test_what_had_to_make_room_is_not_in_the_file(path: Path) -> None:
    it = await started(path)
    it.requests.limit = 1
    answered(it, (None, "a"))
    await it.fold()
    answered(it, (None, "b"))
    await it.stop()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT tenant, id FROM requests").fetchall() == [("", "b")]


async def test_forgetting_lasts(path: Path) -> None:
    it = await started(path, decision())
    answered(it)
    it.reward(KEY, Source.FEEDBACK, 0.0)
    await it.fold()
    it.forget("all")
    await it.stop()
    again = await started(path, one := decision())
    assert view(again, one) == {"small": 0.5, "large": 0.5}
    await again.stop()


def spoil(path: Path, broken: bytes | None) -> None:
    path.write_bytes(broken or path.read_bytes()[:5000] + b"\xff" * 5000)


@pytest.mark.parametrize("broken", [b"this is no database at all, is it?" * 100, None])
async def test_a_file_that_is_broken_is_set_aside_and_learning_goes_on(path: Path, broken: bytes | None) -> None:
    it = await started(path, decision())
    answered(it)
    await it.stop()
    spoil(path, broken)
    with capture_logs() as logs:
        again = await started(path, decision())
    assert [(line["event"], line["log_level"]) for line in logs] == [("learning_set_aside", "error")]
    answered(again)
    await again.stop()
    assert [*path.parent.glob("learned.db.broken-*")]
    last = await started(path, decision())
    assert len(last.requests) == 1
    await last.stop()


async def test_a_file_of_a_later_version_is_set_aside(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    with capture_logs() as logs:
        it = await started(path)
    assert "version 99" in logs[0]["reason"]
    await it.stop()


async def test_a_file_that_cannot_be_there(tmp_path: Path) -> None:
    with capture_logs() as logs:
        it = await started(tmp_path / "nowhere" / "learned.db", one := decision())
    assert [line["event"] for line in logs] == ["learning_not_kept"]
    answered(it)
    it.reward(KEY, Source.FEEDBACK, 0.0)
    await it.fold()
    assert view(it, one)["small"] == 0.25
    await it.stop()


async def test_nobody_else_may_read_it(path: Path) -> None:
    it = await started(path)
    answered(it)
    await it.fold()
    assert it._store is not None
    it._store.flush()
    rights = {found.name: found.stat().st_mode & 0o777 for found in path.parent.glob("learned.db*")}
    await it.stop()
    assert set(rights) >= {"learned.db", "learned.db-wal"}
    assert {right for name, right in rights.items() if not name.endswith(".lock")} == {0o600}


async def test_two_gateways_do_not_write_into_one_file(path: Path) -> None:
    first = await started(path)
    with capture_logs() as logs:
        second = await started(path)
    assert [line["reason"] for line in logs] == ["another process has it"]
    answered(second)
    await second.stop()
    answered(first, (None, "mine"))
    await first.stop()
    third = await started(path)
    assert [request.id for request in third.requests] == ["mine"]
    await third.stop()


async def test_who_only_looks_changes_nothing(path: Path) -> None:
    one = decision()
    it = await started(path, one)
    answered(it)
    it.reward(KEY, Source.FEEDBACK, 0.0)
    await it.fold()
    looking = Learner()
    await it.stop()
    files = {found.name: found.stat().st_mtime_ns for found in path.parent.glob(path.name)}
    looking.take_over(read(path))
    assert view(looking, one)["small"] == 0.25
    assert {found.name: found.stat().st_mtime_ns for found in path.parent.glob(path.name)} == files


async def test_a_disk_that_fails_for_a_while_loses_nothing(path: Path) -> None:
    store = Store(path)
    assert store._db is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        store._db.execute("PRAGMA busy_timeout=0")
        it = Learner(clock=Clock(1000.0))
        it._store = store
        it.follow([decision()])
        answered(it)
        other.execute("BEGIN IMMEDIATE")
        with capture_logs() as logs:
            it.reward(KEY, Source.FEEDBACK, 0.0)
            await it.fold()
            store.flush()
        assert [line["event"] for line in logs] == ["learning_not_saved"]
        other.execute("COMMIT")
    await it.stop()
    assert [notebook.sums.count for notebook in read(path).notebooks] == [1]
