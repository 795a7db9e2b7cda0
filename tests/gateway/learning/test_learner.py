"""What is told of answers, and what selectors then know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pointsman.gateway.learning.learner import MAX_PARTS, Learner
from pointsman.gateway.learning.requests import Kept, Request
from pointsman.gateway.observe.outcome import Chosen
from pointsman.gateway.observe.told import Status, Told
from pointsman.policies.outcome import Source
from pointsman.policies.select.base import Rewarded, Seen
from pointsman.policies.select.sums import Sums
from pointsman.policies.types import Decision
from tests.support.learning import Clock, Mean, Other, decision

ME = (None, "r1")


class Watching:
    def __init__(self) -> None:
        self.told: list[Told] = []

    def rewarded(self, told: Told) -> None:
        self.told.append(told)

    def fed_back(self, result: str) -> None: ...


def learner(*decisions: Decision) -> Learner:
    found = Learner()
    found.follow(decisions)
    return found


def asked(by: Learner, identifier: str = "r1", pool: str = "small", decided: str = "all", time: float = 0.0) -> Request:
    request = Request((None, identifier), pool, decided, "mean", time=time)
    by.requests.add(request)
    return request


def quality(by: Learner, of: Decision) -> dict[str, float]:
    found: dict[str, float] = by.lesson(of).view
    return found


async def test_what_was_told_counts_from_the_next_fold_on() -> None:
    one = decision()
    it = learner(one)
    asked(it)
    assert it.reward(ME, Source.FEEDBACK, 0.0) is Status.RECORDED
    assert quality(it, one) == {"small": 0.5, "large": 0.5}
    await it.fold()
    assert quality(it, one) == {"small": 0.25, "large": 0.5}
    assert it.lesson(one).notebook.sums.count == 1


async def test_the_same_again_changes_nothing_and_something_else_takes_its_place() -> None:
    one = decision()
    it = learner(one)
    asked(it)
    said = [it.reward(ME, Source.FEEDBACK, value) for value in (0.0, 0.0, 1.0)]
    assert said == [Status.RECORDED, Status.UNCHANGED, Status.RECORDED]
    await it.fold()
    assert quality(it, one)["small"] == 0.75
    assert it.lesson(one).notebook.sums.count == 1


def test_a_request_that_nobody_remembers() -> None:
    it = learner(decision())
    asked(it)
    assert it.reward((None, "r2"), Source.JUDGE, 1.0) is Status.UNKNOWN
    assert it.reward(("team-a", "r1"), Source.JUDGE, 1.0) is Status.UNKNOWN


said = st.lists(st.tuples(st.sampled_from(list(Source)), st.sampled_from(["r1", "r2"]), st.floats(0, 1)), max_size=12)


@given(said, st.data())
async def test_sums_are_those_of_the_last_words_of_each_source(
    words: list[tuple[Source, str, float]], data: st.DataObject
) -> None:
    last = {(source, identifier): value for source, identifier, value in words}
    order = data.draw(st.permutations(list(last.items())))
    one = decision()
    long, short = learner(one), learner(one)
    for it in (long, short):
        asked(it, "r1", "small")
        asked(it, "r2", "large")
    for source, identifier, value in words:
        long.reward((None, identifier), source, value)
        if data.draw(st.booleans()):
            await long.fold()
    for (source, identifier), value in order:
        short.reward((None, identifier), source, value)
    await long.fold()
    await short.fold()
    assert long.lesson(one).notebook.sums.count == short.lesson(one).notebook.sums.count
    assert quality(long, one) == pytest.approx(quality(short, one))


async def test_of_two_answers_the_better_one() -> None:
    one = decision()
    it = learner(one)
    small, large = asked(it, "r1", "small"), asked(it, "r2", "large")
    assert it.preferred(large, small) is Status.RECORDED
    assert it.preferred(large, small) is Status.UNCHANGED
    await it.fold()
    assert quality(it, one)["large"] > 0.5 > quality(it, one)["small"]
    assert it.lesson(one).notebook.sums.arrays["over small"].tolist() == [0.5]
    it.preferred(small, large)
    await it.fold()
    arrays = it.lesson(one).notebook.sums.arrays
    assert arrays["over small"].tolist() == [0.0]
    assert arrays["over large"].tolist() == [0.5]
    assert quality(it, one)["small"] > quality(it, one)["large"]


async def test_whoever_counts_pairs_hears_of_each_once() -> None:
    heard: list[Rewarded] = []

    class Hearing(Mean):
        def learn(self, rewarded: Rewarded) -> Sums:
            heard.append(rewarded)
            return super().learn(rewarded)

    it = learner(decision(of=Hearing))
    it.preferred(asked(it, "r1", "large"), asked(it, "r2", "small"))
    await it.fold()
    assert [(r.arm, r.over, r.under) for r in heard] == [("large", "small", None), ("small", None, "large")]


async def test_the_parts_of_one_answer_are_bounded() -> None:
    it = learner(decision())
    best = asked(it, "best", "large")
    found = [it.preferred(best, asked(it, f"r{n}", "small")) for n in range(MAX_PARTS + 2)]
    assert len(best.parts) == MAX_PARTS
    assert found[0] is Status.RECORDED


async def test_a_request_is_taught_with_what_was_seen_of_it() -> None:
    heard: list[Rewarded] = []

    class Hearing(Mean):
        def learn(self, rewarded: Rewarded) -> Sums:
            heard.append(rewarded)
            return super().learn(rewarded)

    it = learner(decision(of=Hearing))
    request = asked(it)
    request.kept = Kept.of(Seen(np.arange(3.0), np.array([0.6, 0.8]), 0.7, 12))
    request.output_tokens = 40
    it.reward(ME, Source.JUDGE, 1.0)
    it.reward(ME, Source.FEEDBACK, 1.0)
    await it.fold()
    first, second = heard
    assert (first.arm, first.weight, first.reward, first.outcomes, first.output_tokens) == ("small", 0.5, 0.5, 1, 40)
    assert (second.weight, second.reward, second.outcomes, second.output_tokens) == (1.0, 1.0, 0, None)
    assert first.seen.features is not None
    assert first.seen.features.tolist() == [0.0, 1.0, 2.0]
    assert first.seen.vector is not None
    assert first.seen.vector.tolist() == pytest.approx([0.6, 0.8], abs=1e-3)
    assert (first.seen.prior, first.seen.prompt_tokens) == (0.7, 12)


async def test_while_it_is_being_answered_the_pool_is_the_one_that_answers() -> None:
    class Answering:
        chosen: Chosen | None = Chosen("large", "org/large", None, "mean")

    one = decision()
    it = learner(one)
    it.requests.add(Request(ME, "small", "all", "mean", answering=Answering()))
    it.reward(ME, Source.FEEDBACK, 1.0)
    await it.fold()
    assert quality(it, one) == {"small": 0.5, "large": 0.75}


async def test_a_reload_keeps_what_was_learned() -> None:
    before, after = decision(), decision()
    it = learner(before)
    asked(it)
    it.chosen(before, None, None)  # type: ignore[arg-type]  # of a selector that does not observe
    it.reward(ME, Source.FEEDBACK, 0.0)
    await it.fold()
    it.follow([after])
    assert quality(it, after)["small"] == 0.25
    assert it.lesson(after).turns == 1


async def test_a_canary_shares_what_is_learned_and_nobody_learns_it_twice() -> None:
    live, canary = decision(), decision(models=("large", "small"))
    it = learner(live)
    it.follow([live], [canary])
    asked(it)
    it.reward(ME, Source.FEEDBACK, 0.0)
    await it.fold()
    assert quality(it, live)["small"] == quality(it, canary)["small"] == 0.25
    assert it.lesson(canary).notebook.sums.count == 1


async def test_another_selector_learns_from_the_same_outcomes_and_is_told_all_of_those_before_it() -> None:
    clock = Clock(100.0)
    live, canary = decision(), decision(of=Other)
    it = Learner(clock=clock)
    it.follow([live])
    asked(it, time=clock())
    it.reward(ME, Source.JUDGE, 0.0)
    clock.now += 10
    it.follow([live], [canary])
    clock.now += 10
    it.reward(ME, Source.FEEDBACK, 0.0)
    await it.fold()
    assert quality(it, live)["small"] == quality(it, canary)["small"] == pytest.approx(0.5 / 2.5)


async def test_a_decision_that_does_not_learn_is_told_and_heard_of() -> None:
    it, watcher = Learner(), Watching()
    it.watcher = watcher
    asked(it, decided="explicit")
    it.reward(ME, Source.FEEDBACK, 1.0)
    it.reward(ME, Source.JUDGE, 0.4)
    await it.fold()
    [first, second] = watcher.told
    assert (first.decision, first.pool, first.source, first.quality) == ("explicit", "small", Source.FEEDBACK, 1.0)
    assert (second.quality, second.reward, second.weight) == (0.4, pytest.approx(0.8), 1.5)
    assert not it.notebooks()


async def test_what_is_forgotten_can_be_learned_again() -> None:
    clock = Clock(100.0)
    one = decision()
    it = Learner(clock=clock)
    it.follow([one])
    asked(it, time=clock())
    it.reward(ME, Source.FEEDBACK, 0.0)
    await it.fold()
    clock.now += 1
    assert it.forget("all")
    assert not it.forget("nothing")
    assert quality(it, one) == {"small": 0.5, "large": 0.5}
    clock.now += 1
    it.reward(ME, Source.FEEDBACK, 1.0)
    await it.fold()
    assert quality(it, one)["small"] == 0.75
    assert it.lesson(one).notebook.sums.count == 1


async def test_a_selector_that_fails_ends_no_other_ones_learning() -> None:
    class Failing(Mean):
        def learn(self, rewarded: Rewarded) -> Sums:
            raise ZeroDivisionError

    bad, good = decision("bad", of=Failing), decision("good")
    it = learner(bad, good)
    asked(it, "r1", decided="bad")
    asked(it, "r2", decided="good")
    it.reward((None, "r1"), Source.FEEDBACK, 0.0)
    it.reward((None, "r2"), Source.FEEDBACK, 0.0)
    with capture_logs() as logs:
        await it.fold()
    assert [(line["event"], line["decision"]) for line in logs] == [("learning_failed", "bad")]
    assert quality(it, good)["small"] == 0.25


@pytest.mark.parametrize("many", [1, 200])
async def test_much_is_learned_beside_the_event_loop(many: int) -> None:
    one = decision()
    it = learner(one)
    for number in range(many):
        asked(it, f"r{number}")
        it.reward((None, f"r{number}"), Source.FEEDBACK, 1.0)
    await it.fold()
    assert quality(it, one)["small"] == pytest.approx((many + 0.5) / (many + 1))
