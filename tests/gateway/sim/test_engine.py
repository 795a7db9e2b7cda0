from __future__ import annotations

from array import array
from collections.abc import Sequence as Items
from itertools import accumulate
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.sim.engine import Engine, EngineOptions, Request, Sequence, Token

TINY = EngineOptions(
    prefill_rate=1000,
    step_base=0.01,
    step_per_sequence=0.001,
    max_num_seqs=4,
    max_num_batched_tokens=8,
    block_size=4,
    num_blocks=8,
    max_model_len=32,
)


def request(prompt: Items[int], output: int = 3) -> Request:
    return Request(array("q", prompt), array("q", range(1000, 1000 + output)))


def drain(engine: Engine) -> list[Token]:
    tokens: list[Token] = []
    now = 0.0
    while not engine.idle:
        step = engine.step(now)
        now += step.duration
        tokens += step.tokens
    return tokens


def test_a_request_alone_takes_its_prefill_and_a_step_for_each_further_token() -> None:
    engine = Engine(TINY)
    engine.submit(request(range(6), output=3), 0.0)
    times = [token.time for token in drain(engine)]
    assert times == pytest.approx([0.016, 0.027, 0.038])


def test_a_step_takes_longer_for_every_sequence_that_decodes() -> None:
    engine = Engine(TINY)
    for _ in range(4):
        engine.submit(request([1]), 0.0)
    engine.step(0.0)
    assert engine.step(0.0).duration == pytest.approx(0.01 + 4 * 0.001)


def test_a_long_prompt_is_prefilled_in_chunks_while_others_decode() -> None:
    engine = Engine(TINY)
    short = engine.submit(request([1], output=4), 0.0)
    engine.step(0.0)
    long = engine.submit(request(range(15)), 0.0)
    first = engine.step(0.0)
    assert [token.sequence for token in first.tokens] == [short]
    assert long.computed == 7, "the batch of 8 tokens has one that decodes"
    assert first.duration == pytest.approx(0.01 + 7 / 1000 + 0.001)
    engine.step(0.0)
    assert [token.sequence for token in engine.step(0.0).tokens] == [short, long]


def test_no_more_sequences_run_than_allowed_and_the_rest_wait_in_order() -> None:
    engine = Engine(TINY)
    sequences = [engine.submit(request([n], output=2), 0.0) for n in range(6)]
    engine.step(0.0)
    assert engine.running == sequences[:4]
    assert list(engine.waiting) == sequences[4:]


def test_a_common_prefix_is_computed_once() -> None:
    engine = Engine(TINY)
    first = engine.submit(request([*range(8), 90]), 0.0)
    drain(engine)
    second = engine.submit(request([*range(8), 91]), 0.0)
    tokens = drain(engine)
    assert (first.cached, second.cached) == (0, 8)
    assert tokens[0].time == pytest.approx(0.01 + 1 / 1000)
    assert (engine.totals.prefix_queries, engine.totals.prefix_hits) == (18, 8)


def test_the_last_token_of_a_prompt_is_always_computed() -> None:
    engine = Engine(TINY)
    engine.submit(request(range(8)), 0.0)
    drain(engine)
    again = engine.submit(request(range(8)), 0.0)
    drain(engine)
    assert again.cached == 4


def test_a_conversation_finds_its_last_answer_in_the_cache() -> None:
    engine = Engine(TINY)
    engine.submit(request(range(6), output=4), 0.0)
    drain(engine)
    follow = engine.submit(request([*range(6), 1000, 1001, 1002, 1003, 7, 7]), 0.0)
    drain(engine)
    assert follow.cached == 8


def test_without_prefix_caching_nothing_is_found() -> None:
    engine = Engine(EngineOptions(block_size=4, prefix_caching=False))
    for _ in range(2):
        sequence = engine.submit(request(range(20)), 0.0)
        drain(engine)
        assert sequence.cached == 0


def test_when_the_cache_is_full_the_newest_gives_way_and_is_computed_again() -> None:
    engine = Engine(TINY)
    old = engine.submit(request(range(8), output=16), 0.0)
    new = engine.submit(request(range(50, 58), output=16), 0.0)
    tokens = drain(engine)
    assert (old.preemptions, new.preemptions) == (0, 1)
    assert engine.totals.preemptions == 1
    assert [t.position for t in tokens if t.sequence is new] == list(range(16)), "no token twice"
    assert new.tokens == new.request.prompt + new.request.output


def test_an_aborted_sequence_frees_its_blocks_at_once() -> None:
    engine = Engine(TINY)
    running = engine.submit(request(range(8), output=9), 0.0)
    waiting = engine.submit(request(range(30, 38), output=9), 0.0)
    engine.step(0.0)
    assert engine.kv_usage > 0
    assert engine.abort(waiting)
    assert engine.abort(running)
    assert (engine.idle, engine.kv_usage) == (True, 0.0)
    assert not engine.abort(running)


def test_a_request_without_output_ends_with_its_prefill() -> None:
    engine = Engine(TINY)
    engine.submit(request(range(12), output=0), 0.0)
    (token,) = drain(engine)
    assert token.finished == "stop"
    assert engine.totals.generation_tokens == 0


@pytest.mark.parametrize(("prompt", "output"), [(0, 1), (30, 3)])
def test_requests_that_can_never_run_are_refused(prompt: int, output: int) -> None:
    with pytest.raises(ValueError, match="1 to 32 tokens"):
        Engine(TINY).submit(request(range(prompt), output), 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_model_len": 1000, "num_blocks": 4}, "raise num_blocks"),
        ({"max_num_seqs": 0}, "max_num_seqs must be at least 1"),
        ({"prefill_rate": 0}, "prefill rate"),
    ],
)
def test_impossible_options_say_why(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EngineOptions(**options)


class Job(NamedTuple):
    gap: int  # steps after the job before
    prompt: list[int]
    output: int
    patience: int  # steps after which its client leaves


# Prompts are made of few tokens, so that prefixes meet often.
JOBS = st.lists(
    st.builds(
        Job,
        gap=st.integers(0, 6),
        prompt=st.lists(st.integers(0, 1), min_size=1, max_size=20),
        output=st.integers(0, 12),
        patience=st.integers(0, 5) | st.just(1000),
    ),
    max_size=14,
)


def check(engine: Engine, sequences: Items[Sequence]) -> None:
    held = {block for sequence in engine.running for block in sequence.blocks}
    assert engine.blocks.free + engine.blocks.used == engine.blocks.total
    assert len(held) == engine.blocks.used
    assert len(engine.running) <= engine.options.max_num_seqs
    numbers = [sequence.number for sequence in [*engine.running, *engine.waiting]]
    assert numbers == sorted(numbers), "first come, first served"
    assert not any(sequence.blocks for sequence in engine.waiting)
    for sequence in sequences:
        found = sequence.tokens[: sequence.cached or 0]
        assert not found or any(s.tokens[: len(found)] == found for s in sequences if s is not sequence)


@given(JOBS, st.integers(1, 9), st.integers(1, 5))
def test_whatever_comes_blocks_are_conserved_and_nothing_is_lost(jobs: list[Job], batch: int, seqs: int) -> None:
    engine = Engine(
        EngineOptions(
            prefill_rate=1,
            step_base=0,
            step_per_sequence=1,  # so that a step takes as many seconds as it has tokens
            max_num_seqs=seqs,
            max_num_batched_tokens=batch,
            block_size=4,
            num_blocks=9,
            max_model_len=36,
        )
    )
    given_out: dict[Sequence, list[int]] = {}
    leaves: dict[Sequence, int] = {}
    due = list(accumulate(job.gap for job in jobs))
    clock = 0
    while len(given_out) < len(jobs) or not engine.idle:
        while len(given_out) < len(jobs) and due[len(given_out)] <= clock:
            job = jobs[len(given_out)]
            sequence = engine.submit(request(job.prompt, job.output), 0.0)
            given_out[sequence] = []
            leaves[sequence] = clock + job.patience
        step = engine.step(0.0)
        assert step.duration <= batch
        assert step.duration > 0 or engine.idle
        for token in step.tokens:
            given_out[token.sequence].append(token.position)
        for sequence in given_out:
            if leaves[sequence] <= clock:
                engine.abort(sequence)
        check(engine, list(given_out))
        clock += 1
    assert engine.blocks.free == engine.blocks.total
    for sequence, positions in given_out.items():
        assert sequence.finished in ("stop", "abort")
        assert positions == list(range(len(positions)))
        if sequence.finished == "stop":
            assert len(positions) == max(1, len(sequence.request.output))
