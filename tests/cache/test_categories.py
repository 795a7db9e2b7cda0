from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache.categories import BUILT_IN, UNBENT, default, quotas

names = st.sampled_from([*BUILT_IN, "own", "other"])


@pytest.mark.parametrize("name", sorted(UNBENT))
def test_where_a_wrong_answer_does_harm_nothing_is_loosened(name: str) -> None:
    category = default(name)
    assert category.threshold_at(1.0) == category.threshold_at(0.0) == category.threshold
    assert category.ttl_at(1.0) == category.ttl_at(0.0) == category.longest == category.ttl


def test_dense_kinds_ask_for_more_similarity_than_sparse_ones() -> None:
    thresholds = {name: category.threshold or 0 for name, category in BUILT_IN.items()}
    assert thresholds["medical"] > thresholds["code"] > thresholds["general"]
    assert default("finance").ttl < default("general").ttl < default("code").ttl


def test_loosening_stays_within_its_bounds() -> None:
    general = default("general")
    assert general.threshold_at(1.0) == pytest.approx(0.80)
    assert general.ttl_at(0.5) == pytest.approx(1.5 * general.ttl)
    assert general.longest == 2 * general.ttl


def test_an_own_category_begins_as_general_does() -> None:
    own = default("own")
    assert (own.name, own.threshold, own.ttl) == ("own", default("general").threshold, default("general").ttl)


def test_the_only_category_has_all_the_room() -> None:
    assert quotas(["general"], {}) == {"general": 1.0}


def test_what_is_told_is_kept_and_the_others_divide_the_rest() -> None:
    found = quotas(["code", "docs", "general"], {"general": 0.5})
    assert found["general"] == 0.5
    assert found["code"] == pytest.approx(0.3)
    assert found["docs"] == pytest.approx(0.2)


@given(st.sets(names, min_size=1), st.dictionaries(names, st.floats(0, 0.1)))
def test_quotas_are_never_more_than_all(used: set[str], told: dict[str, float]) -> None:
    told = {name: share for name, share in told.items() if name in used}
    found = quotas(used, told)
    assert found.keys() == used
    assert sum(found.values()) <= 1.0 + 1e-9
    assert all(share > 0 for name, share in found.items() if name not in told)
