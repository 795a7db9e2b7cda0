from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.canary import sticky_key, within
from pointsman.signals.facts import Facts, Route

shares = st.floats(0, 1)


@given(st.text(), st.text(max_size=16), shares, shares)
def test_a_share_that_grows_keeps_whom_it_has(key: str, salt: str, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert within(less, key, salt) <= within(more, key, salt)


@given(st.text(), st.text(max_size=16))
def test_nobody_at_0_and_everybody_at_100_percent(key: str, salt: str) -> None:
    assert not within(0.0, key, salt)
    assert within(1.0, key, salt)


def test_the_share_is_that_of_the_keys_and_another_trial_has_other_ones() -> None:
    first, second = ({key for key in map(str, range(10_000)) if within(0.1, key, salt)} for salt in ("a", "b"))
    assert 900 < len(first) < 1100
    assert 50 < len(first & second) < 150


def test_a_session_stays_together_and_tenants_apart() -> None:
    def key(request: str, **given: str) -> str:
        return sticky_key(Facts(Route.CHAT, **given), request)

    assert key("r1", session="s") == key("r2", session="s")
    assert key("r1", session="s", tenant="a") != key("r1", session="s", tenant="b")
    assert key("r1", tenant="a") != key("r2", tenant="a")
