"""Playbooks: a line of events with their times, and the phase that each leaves."""

from __future__ import annotations

import pytest

from pointsman.gateway.pools.health import (
    LONGEST,
    PRESUMED_UP,
    Check,
    Health,
    Reason,
    Result,
    checked,
    ejectable,
    ended,
    sent,
    slowed,
)
from pointsman.gateway.pools.outlier import Results
from pointsman.gateway.schema.pools import Eject

EJECT = Eject.model_validate({"failures": 3, "for": "10s", "max": "50%", "error_rate": "50%", "requests": 20})


class Playbook:
    """`at TIME`, and events: ok, fail, busy, cancel (requests), send (another), probe-ok … (that one's end), slow,
    pass, refuse, silent (checks)."""

    def __init__(self, *, ejectable: bool = True) -> None:
        self.health: Health = PRESUMED_UP
        self.now = 0.0
        self.ejectable = ejectable
        self.recent = Results()

    def play(self, *events: str) -> str:
        for event in events:
            self._step(event)
        return self.health.phase(self.now).value

    def _step(self, event: str) -> None:
        results = {"ok": Result.OK, "fail": Result.FAILED, "busy": Result.BUSY, "cancel": Result.CANCELLED}
        checks = {"pass": Check.PASSED, "refuse": Check.REFUSED, "silent": Check.SILENT}
        result = event.removeprefix("probe-")
        if event.startswith("at "):
            self.now = float(event[3:])
        elif event == "send":
            self.health, _ = sent(self.health)
        elif event in checks:
            self.health = checked(self.health, checks[event], f"the check says {event}")
        elif result == "slow":
            probe = event.startswith("probe-")
            self.health = slowed(self.health, 6.0, 0.5, self.now, EJECT, probe=probe)
        else:
            self.health = ended(
                self.health,
                results[result],
                self.now,
                EJECT,
                probe=event.startswith("probe-"),
                ejectable=self.ejectable,
                recent=self.recent,
            )

    @property
    def takes(self) -> bool:
        return self.health.takes(self.now)


def test_is_presumed_up_before_the_first_check() -> None:
    assert Playbook().play() == "up"
    assert Playbook().takes


class TestActive:
    def test_a_refusal_takes_it_out_at_once(self) -> None:
        book = Playbook()
        assert book.play("refuse") == "down"
        assert not book.takes

    def test_silence_takes_it_out_the_second_time(self) -> None:
        assert Playbook().play("silent") == "up"
        assert Playbook().play("silent", "silent") == "down"
        assert Playbook().play("silent", "pass", "silent") == "up"

    def test_passing_brings_it_back(self) -> None:
        assert Playbook().play("refuse", "silent", "pass") == "up"

    def test_requests_do_not_bring_it_back(self) -> None:
        assert Playbook().play("refuse", "ok", "ok") == "down"


class TestPassive:
    def test_failures_in_a_row_eject(self) -> None:
        assert Playbook().play("fail", "fail") == "up"
        assert Playbook().play("fail", "fail", "fail") == "ejected"

    def test_a_success_between_starts_the_count_anew(self) -> None:
        assert Playbook().play("fail", "fail", "ok", "fail", "fail") == "up"

    def test_clients_that_leave_count_neither_way(self) -> None:
        assert Playbook().play("cancel", "cancel", "cancel", "cancel") == "up"
        assert Playbook().play("fail", "fail", "cancel", "fail") == "ejected"

    def test_to_be_busy_counts_neither_way(self) -> None:
        assert Playbook().play(*["busy"] * 20) == "up"
        assert Playbook().play("fail", "fail", "busy", "fail") == "ejected"
        book = Playbook()
        assert book.play("fail", "fail", "fail", "at 10", "send", "probe-busy") == "half_open"
        assert book.takes

    def test_the_pool_can_keep_it(self) -> None:
        assert Playbook(ejectable=False).play(*["fail"] * 20) == "up"

    def test_is_ejected_as_soon_as_the_pool_can_do_without(self) -> None:
        book = Playbook(ejectable=False)
        book.play(*["fail"] * 5)
        book.ejectable = True
        assert book.play("fail") == "ejected"

    def test_results_of_requests_sent_before_the_ejection_change_nothing(self) -> None:
        book = Playbook()
        book.play("fail", "fail", "fail", "at 5", "ok", "fail", "fail", "fail")
        assert book.play() == "ejected"
        assert book.play("at 10") == "half_open"

    def test_one_probe_at_a_time(self) -> None:
        book = Playbook()
        book.play("fail", "fail", "fail")
        assert not book.takes
        book.play("at 10")
        assert book.takes
        book.play("send")
        assert not book.takes

    def test_a_good_probe_readmits(self) -> None:
        book = Playbook()
        assert book.play("fail", "fail", "fail", "at 10", "send", "probe-ok") == "up"
        assert book.play("fail", "fail") == "up"

    def test_a_bad_probe_ejects_again_for_longer(self) -> None:
        book = Playbook()
        assert book.play("fail", "fail", "fail", "at 10", "send", "probe-fail") == "ejected"
        assert book.play("at 29") == "ejected"
        assert book.play("at 30") == "half_open"

    def test_a_probe_whose_client_left_frees_its_place(self) -> None:
        book = Playbook()
        assert book.play("fail", "fail", "fail", "at 10", "send", "probe-cancel") == "half_open"
        assert book.takes

    def test_a_probe_that_began_well_and_failed_in_the_end_ejects_again(self) -> None:
        book = Playbook()
        book.play("fail", "fail", "fail", "at 10", "send", "probe-ok", "at 12")
        assert book.play("probe-fail") == "ejected"

    def test_ejections_grow_to_a_bound(self) -> None:
        book = Playbook()
        book.play("fail", "fail", "fail")
        spans = []
        for _ in range(8):
            assert book.health.until is not None
            spans.append(book.health.until - book.now)
            book.play(f"at {book.health.until}", "send", "probe-fail")
        assert spans == sorted(spans)
        assert spans[:3] == [10, 20, 40]
        assert spans[-1] == LONGEST * 10

    def test_a_quick_relapse_stays_out_longer_a_late_one_does_not(self) -> None:
        quick, late = Playbook(), Playbook()
        for book, again in ((quick, 15), (late, 25)):
            book.play("fail", "fail", "fail", "at 10", "send", "probe-ok", f"at {again}", "fail", "fail", "fail")
        assert quick.health.span == 20
        assert late.health.span == 10


class TestErrorRate:
    @pytest.mark.parametrize(
        ("recent", "phase"),
        [
            (Results(20, 10), "ejected"),
            (Results(20, 9), "up"),
            (Results(19, 19), "up"),  # too few to tell
            (Results(1000, 500), "ejected"),
        ],
    )
    def test_many_failures_among_many_requests_eject(self, recent: Results, phase: str) -> None:
        book = Playbook()
        book.recent = recent
        assert book.play("ok", "fail") == phase

    def test_a_good_request_never_ejects(self) -> None:
        book = Playbook()
        book.recent = Results(1000, 999)
        assert book.play("ok", "cancel", "busy") == "up"

    def test_the_pool_can_keep_it(self) -> None:
        book = Playbook(ejectable=False)
        book.recent = Results(1000, 999)
        assert book.play("fail") == "up"

    def test_can_be_switched_off(self) -> None:
        off = Eject.model_validate({"error_rate": "0%"})
        health = ended(PRESUMED_UP, Result.FAILED, 0.0, off, probe=False, ejectable=True, recent=Results(1000, 999))
        assert health.phase(0.0) == "up"


class TestSlow:
    def test_is_out_for_a_time_like_any_other(self) -> None:
        book = Playbook()
        assert book.play("slow") == "ejected"
        assert book.play("at 10") == "half_open"
        assert book.play("send", "probe-ok") == "up"

    def test_a_slow_probe_ejects_again_for_longer(self) -> None:
        book = Playbook()
        assert book.play("slow", "at 10", "send", "probe-slow", "at 29") == "ejected"
        assert book.health.reason is Reason.SLOW
        assert book.play("at 30") == "half_open"
        assert book.takes

    def test_slowness_before_the_time_prolongs_nothing(self) -> None:
        assert Playbook().play("slow", "at 9", "send", "probe-slow", "at 10") == "half_open"


class TestWhy:
    @pytest.mark.parametrize(
        ("events", "why"),
        [
            (["ok"], ""),
            (["fail", "fail", "fail"], "3 failures in a row"),
            (["fail", "fail", "fail", "at 10"], "3 failures in a row"),
            (["fail", "fail", "fail", "at 10", "send", "probe-fail"], "the request that tested it failed"),
            (["fail", "fail", "fail", "at 10", "send", "probe-ok"], ""),
            (["slow"], "first token after 6 s, where 0.5 s are usual"),
            (["refuse"], "the check says refuse"),
            (["slow", "silent", "silent"], "the check says silent"),
            (["slow", "refuse", "pass"], ""),
        ],
    )
    def test_is_told(self, events: list[str], why: str) -> None:
        book = Playbook()
        book.play(*events)
        assert book.health.why == why

    def test_an_error_rate_has_numbers(self) -> None:
        book = Playbook()
        book.recent = Results(25, 15)
        book.play("fail")
        assert (book.health.reason, book.health.why) == (Reason.ERROR_RATE, "error rate 60% of 25 requests")


class TestDoubt:
    """Checks that get no answer, while requests do."""

    def test_a_good_request_to_a_silent_endpoint_shows_that_it_is_up(self) -> None:
        book = Playbook()
        assert book.play("silent", "silent", "send", "probe-ok") == "up"

    def test_only_one_that_was_sent_since(self) -> None:
        assert Playbook().play("send", "silent", "silent", "ok") == "down"
        book = Playbook()
        assert book.play("fail", "fail", "fail", "at 10", "send", "silent", "silent", "probe-ok") == "down"

    def test_then_silence_means_nothing_until_a_check_passes(self) -> None:
        book = Playbook()
        assert book.play("silent", "silent", "send", "probe-ok", *["silent"] * 9) == "up"
        assert book.play("pass", "silent", "silent") == "down"

    def test_nor_after_failures(self) -> None:
        book = Playbook(ejectable=False)
        book.play("silent", "silent", "send", "probe-ok")
        assert book.play("fail", "fail", "silent", "silent") == "up"
        assert book.play("fail", "silent", "silent") == "down"

    def test_a_refusal_is_believed(self) -> None:
        assert Playbook().play("silent", "silent", "send", "probe-ok", "refuse") == "down"
        assert Playbook().play("silent", "silent", "send", "refuse", "probe-ok") == "down"

    @pytest.mark.parametrize(
        ("events", "worth"),
        [
            ([], False),
            (["silent", "silent"], True),
            (["refuse"], False),
            (["refuse", "silent", "silent"], False),
            (["silent", "silent", "refuse"], False),
            (["silent", "silent", "send"], False),  # one at a time
            (["silent", "silent", "send", "probe-cancel"], True),
            (["silent", "silent", "send", "probe-fail", "at 9"], False),
            (["silent", "silent", "send", "probe-fail", "at 10"], True),
            (["silent", "silent", "send", "probe-fail", "at 10", "send", "probe-fail", "at 29"], False),
        ],
    )
    def test_when_a_request_is_worth_a_try(self, events: list[str], worth: bool) -> None:
        book = Playbook()
        book.play(*events)
        assert book.health.may_be_well(book.now) is worth
        assert not worth or not book.takes


class TestTogether:
    def test_a_check_that_passed_all_along_is_no_news_to_an_ejection(self) -> None:
        assert Playbook().play("pass", "fail", "fail", "fail", "pass") == "ejected"

    def test_a_check_that_passes_again_clears_the_ejection_too(self) -> None:
        assert Playbook().play("fail", "fail", "fail", "refuse", "pass") == "up"

    def test_a_good_probe_does_not_overrule_the_check(self) -> None:
        book = Playbook()
        assert book.play("fail", "fail", "fail", "at 10", "send", "refuse", "probe-ok") == "down"


OUT = Health(until=10.0)
DOWN = Health(down=Check.REFUSED)


@pytest.mark.parametrize(
    ("others", "share", "expected"),
    [
        ([], 1.0, False),  # the only one
        ([PRESUMED_UP], 0.5, True),
        ([PRESUMED_UP], 0.1, True),  # one of several may always be ejected
        ([PRESUMED_UP], 0.0, False),  # unless nobody wants that
        ([OUT], 1.0, False),  # not the last
        ([DOWN], 1.0, False),
        ([OUT, PRESUMED_UP, PRESUMED_UP], 0.5, True),
        ([OUT, OUT, PRESUMED_UP], 0.5, False),
    ],
)
def test_how_many_may_be_ejected(others: list[Health], share: float, expected: bool) -> None:
    assert ejectable(others, share) is expected
