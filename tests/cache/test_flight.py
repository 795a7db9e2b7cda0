"""A flight and those who ride in it."""

from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache.flight import Flight, Flights, Rider

STEPS = st.lists(
    st.one_of(st.binary(min_size=1, max_size=40), st.sampled_from(["board", "leave"]), st.integers(0, 5)), max_size=60
)


@given(STEPS, st.sampled_from([0, 50, 10_000]))
def test_who_comes_aboard_reads_all_of_it_whoever_else_does(steps, longest):
    flight, sent = Flight(longest), b""
    read = {Rider(): b""}
    flight.board(next(iter(read)))
    for step in steps:
        riders = list(read)
        if isinstance(step, bytes):
            flight.add(step)
            sent += step
        elif step == "board" and flight.joinable:
            rider = Rider()
            read[rider] = b""
            flight.board(rider)
        elif step == "leave" and len(riders) > 1:
            flight.leave(riders[-1])
            del read[riders[-1]]
        elif isinstance(step, int):
            rider = riders[step % len(riders)]
            read[rider] += flight.take(rider)
    assert flight.ahead == len(sent) - max(map(len, read.values()))
    for rider, got in read.items():
        while flight.has_more(rider):
            got += flight.take(rider)
        assert got == sent


def flown(longest=100):
    flight, rider = Flight(longest), Rider()
    flight.board(rider)
    return flight, rider


def test_it_can_be_joined_while_all_of_it_is_there():
    flight, rider = flown()
    assert flight.joinable
    flight.begin(200, [])
    flight.add(b"x" * 100)
    assert flight.joinable
    flight.end()
    flight.leave(rider)
    assert flight.joinable  # until it is kept elsewhere
    long, _ = flown()
    long.add(b"x" * 101)
    assert not long.joinable


def test_nobody_joins_what_failed_or_what_nobody_wanted():
    failed, _ = flown()
    failed.fail(RuntimeError())
    refused, _ = flown()
    refused.begin(503, [])
    abandoned, rider = flown()
    abandoned.leave(rider)
    assert abandoned.abandoned
    assert not any(flight.joinable for flight in (failed, refused, abandoned))


def test_a_failure_after_the_end_is_none():
    flight, _ = flown()
    flight.end()
    flight.fail(RuntimeError())
    assert flight.failure is None


def test_only_who_keeps_others_from_forgetting_is_left_behind():
    flight, slow = flown()
    assert flight.left_behind(50) == []
    quick = Rider()
    flight.board(quick)
    flight.add(b"x" * 90)
    flight.take(quick)
    assert flight.left_behind(50) == []  # it is all kept anyway
    flight.add(b"x" * 90)
    assert flight.left_behind(50) == [slow]
    assert flight.left_behind(90) == []
    flight.leave(quick)
    assert flight.left_behind(50) == []  # at his own pace again


def test_what_everybody_has_read_of_a_long_answer_is_forgotten():
    flight, rider = flown()
    for _ in range(3000):
        flight.add(b"x" * 10)
        flight.take(rider)
    assert len(flight._parts) < 300


def test_the_table_has_an_end():
    flights = Flights(1)
    first = flights.lead("a", lambda: flown()[0])
    assert flights.join("a") is first
    assert flights.join("b") is None
    assert flights.lead("b", lambda: flown()[0]) is None
    first.fail(RuntimeError())
    second = flights.lead("a", lambda: flown()[0])
    flights.landed("a", first)
    assert flights.join("a") is second
    flights.landed("a", second)
    assert (len(flights), flights.landings) == (0, 2)
