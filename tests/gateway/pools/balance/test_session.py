from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from pointsman.gateway.pools.balance.session import Session
from pointsman.gateway.pools.endpoint import Endpoint

SESSIONS = [f"session-{number}" for number in range(4000)]


def fleet(number: int) -> list[Endpoint]:
    return [Endpoint(f"http://10.0.0.{index}:8000") for index in range(number)]


def homes(endpoints: list[Endpoint]) -> dict[str, Endpoint]:
    balancer = Session(Random(7))
    return {session: balancer.pick(endpoints, 0.0, session) for session in SESSIONS}


def test_a_session_stays() -> None:
    endpoints = fleet(5)
    assert homes(endpoints) == homes(endpoints)


def test_every_replica_agrees_whatever_the_order() -> None:
    names = {session: endpoint.url for session, endpoint in homes(fleet(5)).items()}
    assert names == {session: endpoint.url for session, endpoint in homes(fleet(5)[::-1]).items()}


def test_sessions_spread_evenly() -> None:
    counts = Counter(homes(fleet(8)).values())
    assert len(counts) == 8
    assert min(counts.values()) > 400
    assert max(counts.values()) < 600


def test_sessions_spread_by_weight() -> None:
    endpoints = fleet(2)
    endpoints[0].weight = 3.0
    counts = Counter(homes(endpoints).values())
    assert counts[endpoints[0]] / len(SESSIONS) == pytest.approx(0.75, abs=0.03)


def test_an_endpoint_that_leaves_moves_only_its_own_sessions() -> None:
    endpoints = fleet(6)
    before, after = homes(endpoints), homes(endpoints[1:])
    moved = {session for session in SESSIONS if before[session] is not after[session]}
    assert moved == {session for session in SESSIONS if before[session] is endpoints[0]}
    assert max(Counter(after[session] for session in moved).values()) < len(moved) / 2


def test_an_overloaded_endpoint_sends_its_sessions_to_the_next() -> None:
    endpoints = fleet(4)
    before = homes(endpoints)
    for endpoint in endpoints:
        endpoint.inflight = 10
    assert homes(endpoints) == before
    endpoints[0].inflight = 30
    after = homes(endpoints)
    assert endpoints[0] not in after.values()
    assert all(after[s] is before[s] for s in SESSIONS if before[s] is not endpoints[0])


def test_a_few_requests_are_no_overload() -> None:
    endpoints = fleet(4)
    before = homes(endpoints)
    endpoints[0].inflight = 3
    assert homes(endpoints) == before


def test_a_prompt_that_its_endpoint_still_reads_sends_a_session_to_the_next() -> None:
    endpoints = fleet(4)
    before = homes(endpoints)
    endpoints[0].inflight = endpoints[0].unanswered = 1
    assert endpoints[0] not in homes(endpoints).values()
    for endpoint in endpoints[1:]:
        endpoint.inflight = endpoint.unanswered = 1
    assert homes(endpoints) == before


def test_load_stays_bounded_when_few_sessions_send_everything() -> None:
    endpoints, balancer = fleet(8), Session(Random(7))
    for number in range(800):
        balancer.pick(endpoints, 0.0, f"session-{number % 3}").inflight += 1
    assert max(endpoint.inflight for endpoint in endpoints) <= 1.25 * 100 + 1


def test_without_a_session_the_less_loaded() -> None:
    endpoints = fleet(2)
    endpoints[0].inflight = 5
    balancer = Session(Random(7))
    assert {balancer.pick(endpoints, 0.0, None) for _ in range(50)} == {endpoints[1]}


def test_any_text_is_a_session() -> None:
    endpoints, balancer = fleet(3), Session(Random(7))
    for session in ("", "用户", "مستخدم", "🚂", "\ud800"):
        assert balancer.pick(endpoints, 0.0, session) is balancer.pick(endpoints, 0.0, session)
