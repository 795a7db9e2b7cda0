from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.observe.outcome import Cause
from pointsman.gateway.relay.course import Ask, Course, Fault, Leg, Step

BROKEN = Fault()
BAD_REQUEST = Fault(final=True)
WRONG_KEY = Fault(retry=False)
LATE = Fault(again=False)
BUSY = Fault(busy=True)
BUSY_FOR_2S = Fault(busy=True, after=2.0)
BUSY_FOR_AN_HOUR = Fault(busy=True, after=3600.0)

FAULTS = st.sampled_from([BROKEN, BAD_REQUEST, WRONG_KEY, LATE, BUSY, BUSY_FOR_2S, BUSY_FOR_AN_HOUR])


def course_of(*attempts: int) -> Course:
    legs = [Leg(attempts=n, backoff=0.1, patience=5.0) for n in attempts]
    return Course(len(legs), legs.__getitem__)


def begun(*attempts: int) -> Course:
    course = course_of(*attempts)
    course.start()
    course.began()
    return course


def test_it_begins_with_the_first_candidate():
    assert course_of(2, 2).start() == Ask(0, Cause.FIRST)


def test_a_failure_is_tried_again_in_the_same_pool_after_a_pause_that_doubles():
    course = begun(3)
    assert course.failed(BROKEN, 0.5) == Ask(0, Cause.RETRY, pytest.approx(0.1))
    course.began()
    assert course.failed(BROKEN, 0.5) == Ask(0, Cause.RETRY, pytest.approx(0.2))


def test_after_its_attempts_the_next_pool_is_asked_at_once():
    course = begun(1, 1)
    assert course.failed(BROKEN, 0.9) == Ask(1, Cause.FAILOVER)
    course.began()
    assert course.failed(BROKEN, 0.9) is Step.GIVE_UP


def test_a_busy_endpoints_neighbour_is_asked_without_a_pause():
    assert begun(2).failed(BUSY_FOR_2S, 0.9) == Ask(0, Cause.RETRY, 0.0)


@pytest.mark.parametrize(
    ("fault", "candidates", "follows"),
    [
        (BROKEN, 1, Ask(0, Cause.RETRY, 0.0, again=True)),
        (BUSY_FOR_2S, 1, Ask(0, Cause.RETRY, 2.0, again=True)),
        (BUSY, 1, Ask(0, Cause.RETRY, pytest.approx(0.1), again=True)),
        (BUSY_FOR_AN_HOUR, 1, Step.GIVE_UP),
        (LATE, 1, Step.GIVE_UP),
        (BROKEN, 2, Ask(0, Cause.RETRY, 0.0, again=True)),
        (BUSY_FOR_2S, 2, Ask(1, Cause.FAILOVER)),
        (LATE, 2, Ask(1, Cause.FAILOVER)),
    ],
)
def test_a_pool_of_one_endpoint(fault: Fault, candidates: int, follows: Ask | Step):
    course = begun(*[2] * candidates)
    assert isinstance(course.failed(fault, 0.5), Ask)
    assert course.exhausted() == follows


def test_a_wrong_key_is_wrong_for_the_whole_pool():
    assert begun(3, 3).failed(WRONG_KEY, 0.5) == Ask(1, Cause.FAILOVER)


def test_a_bad_request_is_bad_for_everyone():
    assert begun(3, 3).failed(BAD_REQUEST, 0.5) is Step.GIVE_UP


def test_a_full_pool_is_passed_over():
    course = course_of(2, 2)
    course.start()
    assert course.full() == Ask(1, Cause.FIRST)
    assert course.full() is Step.GIVE_UP


def test_a_hedge_runs_beside_and_either_may_fail():
    course = begun(2, 1)
    assert course.overdue() == Ask(0, Cause.HEDGE)
    course.began()
    assert course.failed(BROKEN, 0.5) is Step.WAIT
    assert course.failed(BROKEN, 0.5) == Ask(1, Cause.FAILOVER)  # two tries were made here


def test_there_is_one_hedge_only():
    course = begun(2)
    course.overdue()
    course.began()
    assert course.overdue() is Step.WAIT


@dataclass
class Story:
    """What a runner did, for the invariants."""

    course: Course
    attempts: list[int]
    began: list[tuple[int, Cause]] = field(default_factory=list)
    legs: list[int] = field(default_factory=list)
    hedges: int = 0
    last: Fault | None = None
    committed: bool = False


@given(attempts=st.lists(st.integers(1, 4), min_size=1, max_size=3), data=st.data())
def test_any_schedule_of_faults(attempts: list[int], data: st.DataObject):
    story = Story(course_of(*attempts), attempts)
    step: Ask | Step = story.course.start()
    for _ in range(100):
        if not isinstance(step, Ask):
            break
        check_ask(story, step)
        step = follow(story, step, data)
    else:
        pytest.fail("the course goes on forever")
    assert step is Step.GIVE_UP or story.committed
    assert story.course.running == story.committed
    if step is Step.GIVE_UP and story.last is not None and not story.last.final:
        assert story.legs[-1] == len(attempts) - 1  # every candidate had its chance
    for leg, most in enumerate(attempts):
        tried = [cause for where, cause in story.began if where == leg]
        assert len([cause for cause in tried if cause is not Cause.HEDGE]) <= most
    assert story.hedges <= 1


def check_ask(story: Story, ask: Ask) -> None:
    assert not story.committed
    assert story.last is None or not story.last.final
    assert not story.legs or ask.leg >= story.legs[-1]
    assert (ask.cause is Cause.FIRST) == (not story.began)
    if ask.again:
        assert story.last is not None
        assert story.last.again
        assert ask.pause >= (story.last.after or 0.0)
    story.legs.append(ask.leg)


def follow(story: Story, ask: Ask, data: st.DataObject) -> Ask | Step:
    place = data.draw(st.sampled_from(["placed", "placed", "full", "exhausted"]))
    if place == "full":
        return story.course.full()
    if place == "exhausted":
        return story.course.exhausted()
    begin(story, ask)
    if data.draw(st.booleans()):
        hedge(story, data)
    while True:
        if data.draw(st.booleans()):
            story.course.committed()
            story.committed = True
            assert story.course.overdue() is Step.WAIT
            return Step.WAIT
        fault = data.draw(FAULTS)
        running = story.course.running
        story.last = fault
        step = story.course.failed(fault, data.draw(st.floats(0, 1, exclude_max=True)))
        if step is not Step.WAIT:
            if fault.final and running > 1:  # the runner cancels the other
                story.course.dropped()
            return step
        assert running > 1


def begin(story: Story, ask: Ask) -> None:
    story.course.began()
    story.began.append((ask.leg, ask.cause))


def hedge(story: Story, data: st.DataObject) -> None:
    step = story.course.overdue()
    if not isinstance(step, Ask):
        assert story.hedges
        return
    assert step.cause is Cause.HEDGE
    assert step.leg == story.legs[-1]
    story.hedges += 1
    if data.draw(st.booleans()):
        begin(story, step)


@given(data=st.data())
def test_nothing_is_sent_after_the_first_byte(data: st.DataObject):
    course = begun(4, 4)
    course.committed()
    assert course.failed(data.draw(FAULTS), 0.5) is Step.GIVE_UP
