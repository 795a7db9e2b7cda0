from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from pointsman.bench.quality.sets import Sets
from pointsman.bench.selection import fleet
from pointsman.bench.selection.bench import QUICK, Bench, Measured
from pointsman.bench.selection.town import KINDS, Ask, Contender, Question, Told, Town
from pointsman.gateway.pools.lease import live_leases
from pointsman.policies.select.context import Candidate, Context
from tests.support.encoders import LetterEncoder
from tests.support.select import prompt, selector

CANDIDATES = [Candidate(k.name, k.price, k.price, {"default": 0.4 + 0.1 * n}) for n, k in enumerate(KINDS)]
QUESTION = Question(prompt(), 60, (0.4, 0.5, 0.6, 0.7))


def asks(rate: float, seed: int = 1) -> Iterator[Ask]:
    random, time = Random(seed), 0.0
    while True:
        time += random.expovariate(rate)
        yield Ask(time, QUESTION, random.randint(20, 200))


def always(name: str, **more: Any) -> Contender:
    return Contender(name, lambda context: (name, None), **more)


def fused(**more: Any) -> Contender:
    chooser, random = selector({"by": "fused"}, CANDIDATES), Random(2)

    def choose(context: Context) -> tuple[str, str | None]:
        choice = chooser.choose(context, None, random)
        return choice.pools[0], choice.endpoint

    return Contender("fused", choose, **more)


def play(contender: Contender, rate: float = 8.0, seed: int = 1) -> list[Told]:
    return Town(contender, CANDIDATES, Random(seed)).play(asks(rate, seed), 50, 150)


def mean(told: list[Told]) -> float:
    return sum(one.seconds for one in told) / len(told)


def test_an_idle_model_is_as_fast_as_its_card() -> None:
    (kind, *_) = KINDS
    told = Town(always(kind.name), CANDIDATES, Random(1)).play((Ask(10.0 * n, QUESTION, 101) for n in range(20)), 2, 10)
    waits = {round(one.seconds, 2) for one in told}
    assert waits == {round(0.01 + 60 / kind.prefill + 101 * kind.alone, 2)}


def test_all_that_are_measured_are_told_and_no_lease_is_left() -> None:
    before = live_leases()
    told = play(fused())
    assert len(told) == 150
    assert all(0 < one.first <= one.seconds for one in told)
    assert live_leases() == before


def test_the_same_seed_tells_the_same_story() -> None:
    assert play(fused()) == play(fused())
    assert play(fused()) != play(fused(), seed=2)


def test_a_model_that_is_overloaded_makes_requests_wait_and_fused_does_not_use_it_alone() -> None:
    assert mean(play(fused())) < 0.2 * mean(play(always("14b"), rate=8.0))


@pytest.mark.parametrize("known", [{}, {"learns": False, "stated": True}])
def test_without_having_learned_anything_no_model_is_taken_for_all(known: dict[str, Any]) -> None:
    assert len({one.kind for one in play(fused(**known), rate=20.0)}) > 1


def test_decisions_that_take_long_one_at_a_time_are_waited_for() -> None:
    assert mean(play(fused(service=(0.1, 0.1)), rate=20.0)) > 3 * mean(play(fused(), rate=20.0))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder: Path = tmp_path_factory.mktemp("data")
    (folder / fleet.SCORES).parent.mkdir()
    rows = [
        {"id": n, "prompt": f"papaya {n}", "scores": dict(zip(fleet.STAND_INS, (0.3, 0.5, 0.6, 0.7), strict=True))}
        for n in range(100)
    ]
    (folder / fleet.SCORES).write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))
    return fleet.measure(Bench(Sets(folder), LetterEncoder(), QUICK, lambda line: None))


def test_every_policy_is_reported_at_every_rate_and_beside_fused(measured: Measured) -> None:
    every, beside, times = measured.tables
    assert len(every.rows) == 7 * len(fleet.QUICK.rates)
    assert len(beside.rows) == 6 * len(fleet.QUICK.rates)
    assert len(times.rows) == 1
    assert orjson.dumps(measured.data)
    assert not measured.problems  # a quick run shows nothing


def found(seconds: float) -> fleet.Found:
    return fleet.Found(seconds, seconds, 0.1, 0.5, 0.02, (0.25,) * 4)


@pytest.mark.parametrize(
    ("then", "static", "serial", "wrong"),
    [(2.0, 1.0, 9.0, ()), (1.1, 1.0, 9.0, ("chosen first",)), (2.0, 1.2, 1.5, ("static", "serial"))],
)
def test_what_is_promised_is_checked(then: float, static: float, serial: float, wrong: tuple[str, ...]) -> None:
    names = (fleet._FUSED, fleet._THEN_LOAD, fleet._STATED, fleet._SERIALLY)
    runs = {(n, 9.0): [found(s)] * 3 for n, s in zip(names, (1.0, then, static, serial), strict=True)}
    problems = fleet._problems(runs, 9.0, 50.0)
    assert len(problems) == len(wrong)
    assert all(word in line for word, line in zip(wrong, problems, strict=True))
