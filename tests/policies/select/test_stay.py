from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.context import Previous
from pointsman.policies.select.stay import TOOL_LOOP, switching_cost

_previous = st.builds(
    Previous, st.just("a"), st.integers(1, 1000), st.integers(0, 10**6), st.floats(0, 10**6), st.just(False)
)


@given(_previous)
def test_a_switch_costs_more_the_longer_the_conversation_and_less_the_longer_ago(previous):
    cost = switching_cost(previous)
    assert 0 <= cost < TOOL_LOOP
    assert switching_cost(previous._replace(turns=previous.turns + 1)) > cost
    assert switching_cost(previous._replace(tokens=previous.tokens + 1000)) >= cost
    assert switching_cost(previous._replace(seconds=previous.seconds + 60)) <= cost


def test_a_cache_that_has_cooled_costs_nothing():
    assert switching_cost(Previous("a", 1, 100_000, 1e6)) == switching_cost(Previous("a", 1, 0))


def test_nobody_takes_over_in_the_midst_of_a_tools_use():
    assert switching_cost(Previous("a", tool_loop=True)) == TOOL_LOOP
