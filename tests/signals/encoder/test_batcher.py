from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from pointsman.signals.encoder import batcher
from pointsman.signals.encoder.batcher import Batcher
from pointsman.signals.encoder.encoding import EncoderBusy, EncoderError, EncoderLate
from tests.support.encoders import LetterEncoder


class Heard:
    def __init__(self) -> None:
        self.passes: list[int] = []
        self.lookups: list[tuple[int, int]] = []
        self.reasons: list[str] = []

    def encoded(self, passages: int, seconds: float) -> None:
        self.passes.append(passages)

    def looked_up(self, found: int, missing: int) -> None:
        self.lookups.append((found, missing))

    def unencoded(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def encoder():
    return LetterEncoder()


@pytest.fixture
def front(encoder):
    front = Batcher(encoder)
    front.watcher = Heard()
    yield front
    encoder.gate.set()
    front.close()


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  it changes in another thread
            await asyncio.sleep(0)


async def test_encodings_are_those_of_the_encoder(front, encoder):
    found = await front.encode(["an oat", "sun"], 5)
    wanted = dict(zip(["an oat", "sun"], encoder.encode(["an oat", "sun"]), strict=True))
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[text].vector, wanted[text].vector) for text in wanted)


async def test_a_text_that_was_encoded_lately_is_not_encoded_again(front, encoder):
    await front.encode(["a", "b"], 5)
    await front.encode(["b", "c", "c"], 5)
    assert encoder.asked == [["a", "b"], ["c"]]
    assert front.watcher.lookups == [(0, 2), (1, 1)]


async def test_requests_that_wait_are_read_in_one_pass(front, encoder):
    encoder.gate.clear()
    first = asyncio.create_task(front.encode(["first"], 10))
    await until(lambda: encoder.asked)
    others = [asyncio.create_task(front.encode([f"text {n}"], 10)) for n in range(5)]
    await until(lambda: front.waiting == 6)
    encoder.gate.set()
    results = await asyncio.gather(first, *others)
    assert encoder.asked == [["first"], [f"text {n}" for n in range(5)]]
    assert [list(result) for result in results[1:]] == [[f"text {n}"] for n in range(5)]
    await until(lambda: front.watcher.passes == [1, 5])


async def test_past_its_budget_a_request_goes_on_without_and_the_next_one_is_served(front, encoder):
    encoder.gate.clear()
    with pytest.raises(EncoderLate, match="10 ms"):
        await front.encode(["slow"], 0.01)
    assert front.waiting == 0
    encoder.gate.set()
    assert await front.encode(["next"], 5)
    assert front.watcher.reasons == ["late"]


async def test_what_nobody_waits_for_any_more_is_not_encoded(front, encoder):
    encoder.gate.clear()
    blocking = asyncio.create_task(front.encode(["blocking"], 10))
    await until(lambda: encoder.asked)
    with pytest.raises(EncoderLate):
        await front.encode(["left"], 0.01)
    encoder.gate.set()
    await blocking
    await front.encode(["after"], 5)
    assert ["left"] not in encoder.asked


async def test_the_number_of_waiting_passages_is_bounded(front, encoder, monkeypatch):
    monkeypatch.setattr(batcher, "MAX_WAITING", 3)
    encoder.gate.clear()
    waiting = asyncio.create_task(front.encode(["a", "b"], 10))
    await until(lambda: front.waiting == 2)
    with pytest.raises(EncoderBusy, match="2 passages wait"):
        await front.encode(["c", "d"], 10)
    encoder.gate.set()
    await waiting
    assert front.watcher.reasons == ["busy"]


async def test_what_is_remembered_is_bounded_and_the_least_recent_goes(front, encoder, monkeypatch):
    monkeypatch.setattr(batcher, "REMEMBERED", 2)
    for text in ("a", "b", "a", "c"):
        await front.encode([text], 5)
    assert front.get(["a", "b", "c"]).keys() == {"a", "c"}


@pytest.mark.parametrize("error", [EncoderError("gone"), RuntimeError("gone"), MemoryError("gone")])
async def test_a_failing_encoder_is_told_to_every_waiter_and_asked_again(front, encoder, error):
    encoder.error = error
    results = await asyncio.gather(front.encode(["a"], 5), front.encode(["b"], 5), return_exceptions=True)
    assert all(isinstance(result, EncoderError) for result in results)
    assert all("gone" in str(result) for result in results)
    encoder.error = None
    assert await front.encode(["a"], 5)
    assert front.watcher.reasons == ["failed", "failed"]


async def test_closing_twice_and_before_use_is_fine(encoder):
    front = Batcher(encoder)
    front.close()
    await front.encode(["a"], 5)
    front.close()
    front.close()


async def test_after_closing_no_thread_is_left_of_what_was_still_asked(encoder):
    front = Batcher(encoder)
    await front.encode(["a"], 5)
    front.close()
    assert await front.encode(["b"], 5)
    assert await front.encode(["c"], 5)
    await until(lambda: not [thread for thread in threading.enumerate() if thread.name == "encoder"])


async def test_an_encoder_that_gains_nothing_from_batches_answers_each_request_at_once(front, encoder):
    encoder.together = 1
    encoder.gate.clear()
    waiting = [asyncio.create_task(front.encode([f"text {n}"], 10)) for n in range(3)]
    await until(lambda: front.waiting == 3)
    encoder.gate.set()
    await asyncio.gather(*waiting)
    assert encoder.asked == [["text 0"], ["text 1"], ["text 2"]]


async def test_between_the_parts_of_a_large_request_others_have_their_turn(front, encoder):
    encoder.together = 1
    encoder.gate.clear()
    large = asyncio.create_task(front.encode([f"part {n}" for n in range(20)], 10))
    await until(lambda: encoder.asked)
    small = asyncio.create_task(front.encode(["small"], 10))
    await until(lambda: front.waiting == 21)
    encoder.gate.set()
    await asyncio.gather(large, small)
    assert encoder.asked.index(["small"]) == 1
    assert sum(map(len, encoder.asked)) == 21


async def test_what_comes_too_late_is_found_by_whoever_asks_again(front, encoder):
    encoder.gate.clear()
    with pytest.raises(EncoderLate):
        await front.encode(["slow"], 0.01)
    encoder.gate.set()
    await until(lambda: front.get(["slow"]))
    assert await front.encode(["slow"], 0.01)
    assert encoder.asked == [["slow"]]
