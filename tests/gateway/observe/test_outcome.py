from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.observe.outcome import MAX_TOKENS, Usage


def test_usage_is_what_the_upstream_counted() -> None:
    assert Usage.read(10, 0) == Usage(10, 0, None)
    assert Usage.read(10, 20, 10) == Usage(10, 20, 10)


@pytest.mark.parametrize("lie", [None, "12", 1.5, True, -1, MAX_TOKENS + 1, 10**30, [], {}])
def test_implausible_usage_is_none(lie: object) -> None:
    assert Usage.read(lie, 1) is None
    assert Usage.read(1, lie) is None
    assert Usage.read(1, 1, lie) == Usage(1, 1, None)


def test_more_cached_than_prompted_is_not_believed() -> None:
    assert Usage.read(10, 1, 11) == Usage(10, 1, None)


def test_cost_is_per_million_tokens() -> None:
    assert Usage(1_000_000, 500_000).cost(0.1, 0.3) == pytest.approx(0.25)
    assert Usage(0, 0).cost(5, 5) == 0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 100), st.floats(0, 100))
def test_cost_adds_up(prompt: int, completion: int, input_price: float, output_price: float) -> None:
    whole = Usage(prompt, completion).cost(input_price, output_price)
    parts = Usage(prompt, 0).cost(input_price, output_price) + Usage(0, completion).cost(input_price, output_price)
    assert whole == pytest.approx(parts)
