from __future__ import annotations

import pytest
from pydantic import ValidationError

from pointsman.policies.accept import Accept, Gate, Judge
from pointsman.policies.cascade import Cascade
from pointsman.policies.select.cascade import GATE, CascadeOptions
from pointsman.policies.select.context import Candidate
from tests.support.select import LARGE, SMALL, context, prompt, selector

MID = Candidate("mid", 0.5, 1.5, {"default": 0.7})


def choose(options=None, models=(LARGE, MID, SMALL), **given):
    return selector({"by": "cascade", **(options or {})}, models).choose(context(**given), None, None)


def test_the_cheapest_is_asked_first_unless_the_file_says_otherwise():
    assert choose().pools == ("small", "mid", "large")
    assert choose({"order": "listed"}).pools == ("large", "mid", "small")


def test_models_of_the_same_price_are_asked_as_listed():
    assert choose(models=(Candidate("b"), Candidate("a"))).pools == ("b", "a")


def test_a_prompt_that_the_cheap_model_would_fail_begins_with_the_strong_one():
    easy, hard = (choose({"skip": 0.8}, prompt=prompt(need)) for need in (0.79, 0.8))
    assert (easy.pools[0], hard.pools) == ("small", ("large", "mid", "small"))
    assert easy.procedure == Cascade(Accept(), {"need": 0.79, "difficulty": 0.45})
    assert hard.procedure.direct
    assert "0.80" in hard.reason
    assert hard.strong == 0.8
    assert hard.scores["large"] > hard.scores["small"]


def test_no_prompt_begins_with_a_model_that_it_cannot_pay():
    assert choose({"skip": 0.8, "max_cost": 0.0001}, prompt=prompt(0.9)).pools[0] == "small"
    assert choose({"skip": 0.8, "max_cost": 1.0}, prompt=prompt(0.9)).pools[0] == "large"


def test_without_an_encoder_the_cascade_begins_at_its_beginning():
    choice = choose({"skip": 0.0})
    assert (choice.pools[0], choice.strong) == ("small", None)


def test_quality_is_what_the_priors_say():
    quality = choose(prompt=prompt(0.9)).quality
    assert quality["small"] < quality["mid"] < quality["large"]


def test_a_request_may_not_cost_more_than_its_budget():
    assert choose({"max_cost": 0.5}, budget=0.2).procedure.max_cost == 0.2
    assert choose({"max_cost": 0.5}).procedure.max_cost == 0.5
    assert choose().procedure.max_cost is None


def test_every_way_to_accept():
    accept = {
        "finish": False, "min_chars": 2, "max_chars": 9, "logprob": -0.8, "margin": 0.3,
        "gate": {"above": 0.4, "weights": {"need": 1.0}}, "self_check": 0.5, "judge": {"pool": "large", "score": 6},
    }  # fmt: skip
    assert choose({"accept": accept}).procedure.accept == Accept(
        False, 2, 9, -0.8, 0.3, Gate(0.4, {**GATE, "need": 1.0}), 0.5, Judge("large", 6.0)
    )
    assert choose({"accept": {"gate": 0.4}}).procedure.accept.gate == Gate(0.4, GATE)


@pytest.mark.parametrize(
    "accept",
    [{"logprob": 0.1}, {"margin": 1.1}, {"judge": {"score": 3}}, {"gate": {"above": 0.3, "weights": {"odd": 1}}}],
)
def test_what_makes_no_sense_is_refused(accept):
    with pytest.raises(ValidationError):
        CascadeOptions.model_validate({"by": "cascade", "accept": accept})


def test_a_cascade_that_judges_nothing_is_refused():
    with pytest.raises(ValueError, match="judges nothing"):
        choose({"accept": {"finish": False}})


def test_lengths_that_nothing_has_are_refused():
    with pytest.raises(ValueError, match="more than `max_chars`"):
        choose({"accept": {"min_chars": 5, "max_chars": 4}})
