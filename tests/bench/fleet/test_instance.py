"""Steps that are taken at once must come to the same as the engine's steps one by one."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.bench.fleet.instance import ENGINE, Instance
from pointsman.bench.fleet.traces import Row
from pointsman.gateway.sim.engine import EngineOptions, Sequence

SMALL = replace(ENGINE, block_size=512, num_blocks=24, max_model_len=24 * 512, max_num_seqs=6)
Times = dict[int, list[float]]


class Stepping(Instance):
    """Never coasts."""

    def _alike(self) -> int:
        return 0


def play(instance: Instance, rows: list[Row]) -> tuple[Times, list[int | None], int]:
    """Times of first and last tokens by request, what each found cached, and how often anything was preempted."""
    pending, numbers, times, now = list(rows), {}, dict[int, list[float]](), 0.0
    taken: list[Sequence] = []
    while pending or not instance.idle:
        if instance.idle:
            now = max(now, pending[0].time)
        while pending and pending[0].time <= now:
            taken.append(instance.take(pending.pop(0), now))
            numbers[taken[-1]] = len(taken) - 1
        until = instance.begin(now)
        while pending and pending[0].time < until:
            row = pending.pop(0)
            taken.append(instance.take(row, row.time))
            numbers[taken[-1]] = len(taken) - 1
            until = instance.interrupt(row.time) or until
        now = until
        for token in instance.end():
            if token.position == 0 or token.finished:
                times.setdefault(numbers[token.sequence], []).append(now)
    return times, [sequence.cached for sequence in taken], instance.totals.preemptions


def traffic(seed: int, number: int, gap: float) -> list[Row]:
    random, now, rows = Random(seed), 0.0, []
    for _ in range(number):
        now += random.expovariate(1 / gap)
        conversation, length = random.randrange(4), random.randrange(1, 9)
        blocks = tuple(100 * conversation + block for block in range(length))
        rows.append(Row(now, length * 512 - random.randrange(500), random.choice((1, 2, 30, 700)), blocks))
    return rows


@given(st.integers(0, 10**6), st.sampled_from([SMALL, ENGINE]), st.sampled_from([0.02, 0.3, 3.0]))
@settings(max_examples=40, deadline=None)
def test_coasting_changes_nothing(seed: int, options: EngineOptions, gap: float) -> None:
    rows = traffic(seed, 15, gap)
    coasted, found, preempted = play(Instance(options), rows)
    stepped, found_stepping, preempted_stepping = play(Stepping(options), rows)
    assert found == found_stepping
    assert preempted == preempted_stepping
    assert coasted.keys() == stepped.keys() == set(range(15))
    for number, times in stepped.items():
        assert coasted[number] == pytest.approx(times, abs=1e-6)


def test_it_does_coast() -> None:
    instance = Instance()
    instance.take(Row(0.0, 100, 500), 0.0)
    rounds, now = 0, 0.0
    while not instance.idle:
        now, rounds = instance.begin(now), rounds + 1
        instance.end()
    assert rounds <= 4


def test_a_prompt_that_begins_alike_is_cached() -> None:
    instance, now = Instance(), 0.0
    rows = [Row(0.0, 1500, 5, (0, 7, 8)), Row(0.0, 2500, 5, (0, 7, 9, 10, 11))]
    cached = []
    for row in rows:
        sequence = instance.take(row, now)
        while not instance.idle:
            now = instance.begin(now)
            instance.end()
        cached.append(sequence.cached)
    assert cached == [0, 1024]  # the third block was not full, and is another


def test_present_until_the_last_token() -> None:
    instance = Instance()
    instance.take(Row(0.0, 100, 1), 0.0)
    instance.begin(0.0)
    assert instance.present == 1
    instance.end()
    assert instance.present == 0
