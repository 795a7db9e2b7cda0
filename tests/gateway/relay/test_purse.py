from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.errors import PoolFull, UpstreamTimeout
from pointsman.gateway.relay.purse import Purse, tokens_of

AMOUNTS = st.floats(0, 1)


@given(most=AMOUNTS, calls=st.lists(st.tuples(AMOUNTS, st.none() | st.floats(0, 1)), max_size=20))
def test_calls_that_cost_no_more_than_was_held_for_them_never_exceed_the_cap(most, calls):
    purse = Purse(most)
    for amount, share in calls:
        if purse.hold(amount):
            purse.settle(amount, None if share is None else amount * share)
        assert purse.spent <= most + 1e-9


def test_what_was_not_needed_can_be_spent_again():
    purse = Purse(1.0)
    assert purse.hold(0.8)
    assert not purse.hold(0.4)
    purse.settle(0.8, 0.5)
    assert purse.hold(0.4)


def test_an_upstream_without_an_answer_may_have_been_paid_and_a_full_pool_was_not():
    purse = Purse(1.0)
    assert purse.hold(0.4)
    purse.failed(0.4, PoolFull("full"))
    assert purse.spent == 0
    assert purse.hold(0.4)
    purse.failed(0.4, UpstreamTimeout("late"))
    assert purse.spent == 0.4


def test_texts_count_and_what_is_no_text_does_not():
    long, image = "a word or two " * 50, {"type": "image_url", "image_url": {"url": "data:..."}}
    alone = tokens_of([{"role": "user", "content": long}])
    assert alone > 150
    assert tokens_of([{"role": "user", "content": [{"type": "text", "text": long}, image]}]) == alone
