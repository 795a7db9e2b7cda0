"""Playbooks of the cascade: what happened, and what is to be done next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.accept import Accept, Gate, Judge, Measured
from pointsman.policies.cascade import (
    Ask,
    Cascade,
    Check,
    Course,
    Deliver,
    GiveUp,
    Prospect,
    Standing,
    Verdict,
)
from pointsman.policies.select.cascade import GATE

NOW = Standing(1.0, 60.0, 0.001)
SURE, UNSURE = Measured(chars=40, tokens=10, logprob=-0.1, margin=0.9), Measured(chars=40, tokens=10, logprob=-1.2)
PLAIN = Measured(chars=40, tokens=10)


def course(models=2, cascade=None, **accept):
    return Course(cascade or Cascade(Accept(**accept)), models)


def verdicts(run):
    return [(turn.place, turn.verdict.value, turn.reason) for turn in run.turns]


def test_a_sure_answer_of_the_first_model_is_the_answer():
    run = course(logprob=-0.8)
    assert run.start() == Ask(0)
    assert run.answered(SURE, NOW) == Deliver(0)
    (turn,) = run.turns
    assert (turn.verdict, turn.measures) == (Verdict.ACCEPTED, {"logprob": -0.1})


def test_an_unsure_one_goes_to_the_next_whose_answer_is_delivered_whatever_it_is():
    run = course(logprob=-0.8)
    run.start()
    assert run.answered(UNSURE, NOW) == Ask(1, 60.0)
    assert run.answered(UNSURE, NOW) == Deliver(1)
    assert verdicts(run) == [(0, "rejected", "logprob -1.2"), (1, "accepted", "last")]


@pytest.mark.parametrize(
    ("accept", "answer", "reason"),
    [
        ({}, Measured("length", 100), "finish length"),
        ({}, Measured("content_filter", 100), "finish content_filter"),
        ({}, Measured("stop", 0), "empty"),
        ({}, Measured("tool_calls", 0, parses=False), "tool_calls broken"),
        ({"min_chars": 20}, Measured(chars=19), "min_chars 19"),
        ({"max_chars": 20}, Measured(chars=21), "max_chars 21"),
        ({"margin": 0.4}, Measured(chars=1, margin=0.39), "margin 0.39"),
        ({"logprob": -1.0, "margin": 0.4}, Measured(chars=1, logprob=-0.9, margin=0.3), "margin 0.3"),
        ({"logprob": -1.0, "margin": 0.4}, Measured(chars=1, logprob=-1.1, margin=0.5), "logprob -1.1"),
    ],
)
def test_what_is_rejected(accept, answer, reason):
    run = course(**accept)
    run.start()
    assert run.answered(answer, NOW) == Ask(1, 60.0)
    assert verdicts(run) == [(0, "rejected", reason)]


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ({}, PLAIN),
        ({}, Measured(None, 5)),
        ({"finish": False, "min_chars": 1}, Measured("length", 5)),
        ({"min_chars": 20, "max_chars": 20}, Measured(chars=20)),
        ({"logprob": -0.8}, Measured("tool_calls", 0, parses=True)),
        ({"margin": 0.9, "logprob": -0.1}, SURE),
    ],
)
def test_what_is_accepted(accept, answer):
    run = course(**accept)
    run.start()
    assert run.answered(answer, NOW) == Deliver(0)


def test_a_test_that_cannot_be_made_is_counted_and_one_of_the_others_suffices():
    run = course(logprob=-0.8, margin=0.5)
    run.start()
    assert run.answered(Measured(chars=1, logprob=-0.1), NOW) == Deliver(0)
    assert run.turns[0].unmeasured == ("margin",)


@pytest.mark.parametrize("answer", [PLAIN, None])
def test_without_any_evidence_the_answer_is_not_accepted_unless_it_is_the_last(answer):
    run = course(logprob=-0.8)
    run.start()
    assert run.answered(answer, NOW) == Ask(1, 60.0)
    assert run.answered(answer, NOW) == Deliver(1)
    assert verdicts(run) == [(0, "rejected", "unmeasured"), (1, "accepted", "last")]
    assert "logprob" in run.turns[0].unmeasured


def test_a_check_asks_and_its_score_decides():
    run = course(self_check=0.7, judge=Judge("judge", 6.0))
    run.start()
    assert run.answered(PLAIN, NOW) == Check("self_check", 0, 60.0)
    assert run.checked(0.7, NOW) == Check("judge", 0, 60.0)
    assert run.checked(5.0, NOW) == Ask(1, 60.0)
    assert verdicts(run) == [(0, "rejected", "judge 5")]
    assert run.turns[0].measures == {"self_check": 0.7, "judge": 5.0}


def test_a_check_that_fails_is_one_that_was_not_made():
    run = course(self_check=0.7, judge=Judge("judge", 6.0))
    run.start()
    run.answered(PLAIN, NOW)
    assert run.checked(None, NOW) == Check("judge", 0, 60.0)
    assert run.checked(6.0, NOW) == Deliver(0)
    assert run.turns[0].unmeasured == ("self_check",)


def test_a_check_that_is_too_dear_is_not_made():
    run = course(cascade=Cascade(Accept(judge=Judge("judge", 6.0), logprob=-0.8), max_cost=0.01))
    run.start()
    dear = NOW._replace(test=lambda test: Prospect(cost=0.02))
    assert run.answered(SURE, dear) == Deliver(0)
    assert run.turns[0].unmeasured == ("judge",)


GATE_AT = Gate(0.5, GATE)


def test_the_gate_lets_pass_what_is_not_worth_another_look():
    easy = Cascade(Accept(gate=GATE_AT, judge=Judge("judge", 6.0)), {"need": 0.1, "difficulty": 0.1})
    run = course(cascade=easy)
    run.start()
    assert run.answered(SURE, NOW) == Deliver(0)  # the judge is spared
    hard = Cascade(Accept(gate=GATE_AT, judge=Judge("judge", 6.0)), {"need": 0.9, "difficulty": 0.9})
    run = course(cascade=hard)
    run.start()
    assert run.answered(UNSURE, NOW) == Check("judge", 0, 60.0)


def test_a_gate_alone_decides_itself():
    run = course(cascade=Cascade(Accept(gate=GATE_AT), {"need": 0.9, "difficulty": 0.9}))
    run.start()
    assert run.answered(UNSURE, NOW) == Ask(1, 60.0)
    assert run.turns[0].reason.startswith("gate 0.")


@given(
    need=st.floats(0, 1), difficulty=st.floats(0, 1), logprob=st.floats(-50, 0), tokens=st.integers(0, 10**9),
)  # fmt: skip
def test_the_gate_doubts_hard_prompts_and_unsure_answers_more(need, difficulty, logprob, tokens):
    prompt, answer = {"need": need, "difficulty": difficulty}, Measured(chars=1, tokens=tokens, logprob=logprob)
    doubt = GATE_AT.score(prompt, answer)
    assert 0 <= doubt <= 1
    assert GATE_AT.score({**prompt, "need": 1.0}, answer) >= doubt
    assert GATE_AT.score(prompt, answer._replace(logprob=logprob - 1)) >= doubt
    assert GATE_AT.score(prompt, answer._replace(finish="length")) >= doubt


@pytest.mark.parametrize(
    ("prospect", "caps", "why"),
    [
        (Prospect(able=False), {}, "unavailable"),
        (Prospect(seconds=60.0), {}, "too late"),
        (Prospect(seconds=5.0), {"max_seconds": 6.0}, "max_seconds"),
        (Prospect(cost=0.01), {"max_cost": 0.01}, "max_cost"),
    ],
)
def test_an_answer_is_delivered_although_rejected_if_the_next_model_is_hopeless(prospect, caps, why):
    run = course(cascade=Cascade(Accept(logprob=-0.8), **caps))
    run.start()
    assert run.answered(UNSURE, NOW._replace(model=lambda place: prospect)) == Deliver(0)
    assert verdicts(run) == [(0, "rejected", "logprob -1.2"), (1, "skipped", why)]


def test_a_model_that_cannot_help_is_passed_over_for_the_one_after_it():
    run = course(3, logprob=-0.8)
    run.start()
    busy = NOW._replace(model=lambda place: Prospect(able=place != 1))
    assert run.answered(UNSURE, busy) == Ask(2, 60.0)


def test_no_model_is_waited_for_longer_than_the_cascade_may_take():
    run = course(cascade=Cascade(Accept(logprob=-0.8), max_seconds=5.0))
    assert run.start() == Ask(0)  # for the first there is nothing else
    assert run.answered(UNSURE, NOW) == Ask(1, 4.0)


def test_if_the_next_model_fails_the_rejected_answer_is_delivered():
    run = course(logprob=-0.8)
    run.start()
    run.answered(UNSURE, NOW)
    assert run.failed("upstream_error", NOW) == Deliver(0)
    assert verdicts(run)[1] == (1, "failed", "upstream_error")


def test_if_the_last_answer_is_cut_off_the_whole_one_from_before_is_delivered():
    run = course(logprob=-0.8)
    run.start()
    run.answered(UNSURE, NOW)
    assert run.answered(Measured("length", 9), NOW) == Deliver(0)
    assert verdicts(run)[1] == (1, "rejected", "finish length")


def test_of_two_that_are_cut_off_the_later_is_delivered():
    run = course(logprob=-0.8)
    run.start()
    run.answered(Measured("length", 9), NOW)
    assert run.answered(Measured("length", 9), NOW) == Deliver(1)


def test_a_failure_goes_on_to_the_next_model_whatever_it_costs():
    run = course(cascade=Cascade(Accept(), max_cost=0.0001))
    run.start()
    dear = NOW._replace(model=lambda place: Prospect(cost=9.0))
    assert run.failed("pool_full", dear) == Ask(1)
    assert run.failed("pool_full", dear) == GiveUp()


def test_what_every_model_would_say_ends_it():
    run = course()
    run.start()
    assert run.failed("status 400", NOW, final=True) == GiveUp()


def test_what_goes_through_is_accepted():
    run = course(logprob=-0.8)
    run.start()
    run.through("too long to judge")
    assert verdicts(run) == [(0, "accepted", "too long to judge")]


prospects = st.builds(Prospect, st.booleans(), st.floats(0, 100), st.floats(0, 1))
answers = st.builds(
    Measured, st.sampled_from(["stop", "length", "tool_calls", None]), st.integers(0, 50), st.integers(0, 50),
    st.none() | st.booleans(), st.none() | st.floats(-5, 0), st.none() | st.floats(0, 1),
)  # fmt: skip
accepts = st.builds(
    Accept, st.booleans(), st.none() | st.integers(1, 30), st.none(), st.none() | st.floats(-2, 0),
    st.none() | st.floats(0, 1), st.none() | st.just(GATE_AT), st.none() | st.floats(0, 1),
    st.none() | st.just(Judge("judge", 5.0)),
)  # fmt: skip


@given(st.data(), st.integers(1, 4), accepts, st.none() | st.floats(0.1, 1), st.none() | st.floats(1, 50))
def test_whatever_happens_it_ends_with_an_answer_if_there_was_one(data, models, accept, max_cost, max_seconds):
    cascade = Cascade(accept, {}, max_cost, max_seconds)
    run = course(models, cascade)
    action, answered, asked, spent = run.start(), set(), [], 0.0
    for _ in range(4 * models + 1):
        now = Standing(float(len(asked)), 60.0, spent, lambda _: data.draw(prospects), lambda _: data.draw(prospects))
        match action:
            case Ask(place):
                assert place not in asked
                assert place > max(asked, default=-1)
                asked.append(place)
                if data.draw(st.booleans()):
                    action = run.failed("error", now, final=data.draw(st.booleans()))
                else:
                    answered.add(place)
                    spent += 0.1
                    action = run.answered(data.draw(st.none() | answers), now)
            case Check(_, place):
                assert place == asked[-1]
                action = run.checked(data.draw(st.none() | st.floats(0, 1)), now)
            case Deliver(place):
                assert place in answered
                break
            case GiveUp():
                assert not answered
                break
    else:
        raise AssertionError("it does not end")
    assert [turn.place for turn in run.turns] == sorted({turn.place for turn in run.turns})
    assert set(asked) == {turn.place for turn in run.turns if turn.verdict is not Verdict.SKIPPED}
    assert sum(turn.verdict is Verdict.ACCEPTED for turn in run.turns) <= 1


def test_the_steps_that_explain_shows():
    cascade = Cascade(Accept(logprob=-0.8, judge=Judge("large", 7.0)))
    assert cascade.steps(["small", "large"]) == [
        {"pool": "small", "accept": {"finish": True, "logprob": -0.8, "judge": {"pool": "large", "score": 7.0}}},
        {"pool": "large", "accept": "always"},
    ]
    assert Cascade(Accept(), direct=True).steps(["large", "small"]) == [{"pool": "large", "accept": "always"}]
