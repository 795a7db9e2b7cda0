"""Playbooks: a line of events with their times, and the phase that each leaves."""

from __future__ import annotations

import pytest

from pointsman.gateway.pools.health import LONGEST, PRESUMED_UP, Check, Health, Result, checked, ejectable, ended, sent
from pointsman.gateway.schema import Eject

EJECT = Eject.model_validate({"failures": 3, "for": "10s", "max": "50%"})


class Playbook:
    """`at TIME EVENT`: ok, fail, cancel (requests), probe (a request is sent), probe-ok …, pass, refuse, silent."""

    def __init__(self, *, ejectable: bool = True) -> None:
        self.health: Health = PRESUMED_UP
        self.now = 0.0
        self.ejectable = ejectable

    def play(self, *events: str) -> str:
        for event in events:
            self._step(event)
        return self.health.phase(self.now).value

    def _step(self, event: str) -> None:
        results = {"ok": Result.OK, "fail": Result.FAILED, "cancel": Result.CANCELLED}
        checks = {"pass": Check.PASSED, "refuse": Check.REFUSED, "silent": Check.SILENT}
        result = event.removeprefix("probe-")
        if event.startswith("at "):
            self.now = float(event[3:])
        elif event == "send":
            self.health, _ = sent(self.health)
        elif event in checks:
            self.health = checked(self.health, checks[event])
        else:
            probe = event.startswith("probe-")
            self.health = ended(self.health, results[result], self.now, EJECT, probe=probe, ejectable=self.ejectable)

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


class TestTogether:
    def test_a_check_that_passed_all_along_is_no_news_to_an_ejection(self) -> None:
        assert Playbook().play("pass", "fail", "fail", "fail", "pass") == "ejected"

    def test_a_check_that_passes_again_clears_the_ejection_too(self) -> None:
        assert Playbook().play("fail", "fail", "fail", "refuse", "pass") == "up"

    def test_a_good_probe_does_not_overrule_the_check(self) -> None:
        book = Playbook()
        assert book.play("fail", "fail", "fail", "at 10", "send", "refuse", "probe-ok") == "down"


OUT = Health(until=10.0)
DOWN = Health(down=True)


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
