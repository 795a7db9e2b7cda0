"""Where a request's time went."""

from __future__ import annotations

import pytest

from pointsman.gateway.observe.outcome import Stage
from pointsman.gateway.relay import journal as module
from pointsman.gateway.relay.journal import Journal
from pointsman.signals.facts import Route


class Clock:
    now = 100.0

    def perf_counter(self):
        return self.now

    def time(self):
        return 1e9


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def journal(clock):
    return Journal("r", Route.CHAT, clock.now, clock.time())


def test_overhead_is_what_neither_the_upstream_nor_the_queue_took(journal, clock):
    clock.now += 1
    journal.stage(Stage.PARSE, 100.0)
    since, clock.now = clock.now, clock.now + 10
    journal.stage(Stage.QUEUE, since)
    for _ in range(2):
        journal.asked()
        clock.now += 5
        journal.answered()
    clock.now += 2
    timings = journal.outcome().timings
    assert (timings.total, timings.upstream, timings.overhead) == (23, 10, 3)
    assert timings.stages == {Stage.PARSE: 1, Stage.QUEUE: 10}


def test_an_answer_that_nobody_waited_for_took_no_time(journal):
    journal.answered()
    assert journal.upstream == 0


def test_a_stage_that_comes_again_adds_up(journal, clock):
    for _ in range(2):
        since, clock.now = clock.now, clock.now + 3
        assert journal.stage(Stage.PREPARE, since) == clock.now
    assert journal.stages == {Stage.PREPARE: 6}


def test_a_streams_first_event_and_gaps(journal, clock):
    journal.stream, journal.first_event, journal.last_event, journal.events = True, 104.0, 110.0, 4
    clock.now = 120
    outcome = journal.outcome()
    assert (outcome.timings.ttft, outcome.gaps, outcome.events) == (4, 6, 4)


def test_what_was_no_stream_has_no_first_event(journal):
    outcome = journal.outcome()
    assert (outcome.timings.ttft, outcome.gaps, outcome.events) == (None, 0, 0)


def test_what_is_not_known_stays_unknown(journal):
    outcome = journal.outcome()
    unknown = (outcome.facts, outcome.usage, outcome.cost, outcome.error_source, outcome.disconnect, outcome.chosen)
    assert set(unknown) == {None}
    assert outcome.attempts == ()
