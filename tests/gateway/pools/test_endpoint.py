from __future__ import annotations

import pytest

from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.load import Reading


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://10.0.0.1:8001", "10.0.0.1:8001"),
        ("http://GPU-1/team/a", "gpu-1:80/team/a"),
        ("https://gpu-1", "gpu-1:443"),
        ("http://[::1]:8001", "[::1]:8001"),
    ],
)
def test_names(url: str, name: str) -> None:
    assert Endpoint(url).name == name


def take(endpoint: Endpoint, number: int) -> None:
    endpoint.inflight += number


def give_back(endpoint: Endpoint, number: int) -> None:
    endpoint.inflight -= number
    endpoint.released += number


def test_without_a_reading_only_own_requests_count() -> None:
    endpoint = Endpoint("http://a:1")
    take(endpoint, 3)
    assert endpoint.load == 3


def test_a_reading_includes_what_others_sent_and_ours_since_come_on_top() -> None:
    endpoint = Endpoint("http://a:1")
    take(endpoint, 3)
    endpoint.read(Reading(8, 2, 0.5), endpoint.mark(), 10.0)
    assert endpoint.load == 10
    take(endpoint, 2)
    assert endpoint.load == 12
    give_back(endpoint, 4)
    assert endpoint.load == 8


def test_a_request_sent_while_the_engine_answered_counts_even_if_the_engine_has_not_seen_it() -> None:
    endpoint = Endpoint("http://a:1")
    mark = endpoint.mark()
    take(endpoint, 4)
    endpoint.read(Reading(0, 0), mark, 10.0)
    assert endpoint.load == 4


def test_a_request_that_ended_while_the_engine_answered_is_not_taken_off_twice() -> None:
    endpoint = Endpoint("http://a:1")
    take(endpoint, 4)
    mark = endpoint.mark()
    give_back(endpoint, 3)
    endpoint.read(Reading(1, 0), mark, 10.0)
    assert endpoint.load == 1


def test_load_is_never_negative() -> None:
    endpoint = Endpoint("http://a:1")
    take(endpoint, 4)
    endpoint.read(Reading(0, 0), endpoint.mark(), 10.0)
    give_back(endpoint, 4)
    assert endpoint.load == 0


def test_an_engine_that_does_not_say_how_many_wait_has_at_least_ours() -> None:
    endpoint = Endpoint("http://a:1")
    take(endpoint, 6)
    endpoint.read(Reading(running=4), endpoint.mark(), 10.0)
    assert endpoint.load == 6
    endpoint.read(Reading(running=9), endpoint.mark(), 10.0)
    assert endpoint.load == 9


def test_an_engine_that_does_not_say_how_many_run_says_nothing_about_load() -> None:
    endpoint = Endpoint("http://a:1")
    take(endpoint, 2)
    endpoint.read(Reading(waiting=0, kv=0.5), endpoint.mark(), 10.0)
    assert endpoint.load == 2
    assert endpoint.reading == Reading(waiting=0, kv=0.5)


def test_a_forgotten_reading_leaves_own_requests() -> None:
    endpoint = Endpoint("http://a:1")
    take(endpoint, 2)
    endpoint.read(Reading(50, 5, 0.9), endpoint.mark(), 10.0)
    endpoint.forget()
    assert endpoint.load == 2
    assert endpoint.reading is None
