from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.context import Candidate
from pointsman.policies.select.quality import Priors
from tests.support.select import LARGE, SMALL, prompt

_shares = st.floats(0, 1)


def test_without_a_prompt_the_stated_qualities_hold():
    assert Priors([SMALL, LARGE]).of(None).tolist() == [0.5, 0.8]


@given(_shares, _shares, _shares, st.lists(_shares, min_size=2, max_size=5))
def test_the_better_rated_models_lead_grows_with_need(need, more, difficulty, qualities):
    priors = Priors([Candidate(f"m{n}", quality={"default": q}) for n, q in enumerate(qualities)])
    low, high = sorted((need, more))
    best, least = int(np.argmax(qualities)), int(np.argmin(qualities))
    gaps = [(found := priors.of(prompt(need=n, difficulty=difficulty)))[best] - found[least] for n in (low, high)]
    assert 0 <= gaps[0] <= gaps[1] + 1e-12
    order = np.argsort(qualities, kind="stable")
    assert (np.diff(priors.of(prompt(need=high, difficulty=difficulty))[order]) >= -1e-12).all()


@given(_shares, _shares)
def test_predictions_are_qualities(need, difficulty):
    found = Priors([SMALL, LARGE]).of(prompt(need=need, difficulty=difficulty))
    assert ((found >= 0) & (found <= 1)).all()


def test_a_domains_quality_counts_as_much_as_the_prompt_is_of_it():
    priors = Priors([Candidate("a", quality={"default": 0.4, "math": 0.8}), Candidate("b", quality={"default": 0.6})])
    assert priors.of(prompt(math=0.0)).argmax() == 1
    assert priors.of(prompt(math=1.0)).argmax() == 0


def test_where_nothing_is_stated_the_dearer_model_is_taken_for_the_better():
    assert Priors([Candidate("a", 1, 2), Candidate("b", 3, 9), Candidate("c", 2, 2)]).of(None) == pytest.approx(
        [0.5, 0.75, 0.625]
    )
    assert Priors([Candidate("first"), Candidate("second")]).of(None).argmax() == 0
