from __future__ import annotations

from typing import Any

import pytest

from pointsman.gateway.pools.discovery.base import DiscoveryError
from pointsman.gateway.pools.discovery.slices import members
from pointsman.gateway.pools.roster import Member
from pointsman.gateway.schema.pools import Kubernetes
from tests.support.kubernetes import endpoint_slice, pod


def service(**options: Any) -> Kubernetes:
    return Kubernetes.model_validate({"service": "vllm", "namespace": "models", **options})


def found(*slices: Any, **options: Any) -> list[str]:
    return [member.url for member in members(slices, service(**options))]


def test_a_pod_is_an_endpoint_that_is_named_as_its_service() -> None:
    assert members([endpoint_slice(pod("10.0.0.1"))], service()) == [
        Member("http://10.0.0.1:8000", authority="vllm.models.svc:8000")
    ]
    (secured,) = members([endpoint_slice(pod("10.0.0.1"))], service(scheme="https"))
    assert secured.url == "https://10.0.0.1:8000"


@pytest.mark.parametrize(
    ("ready", "serving", "terminating", "is_draining"),
    [
        (True, True, False, False),
        (None, None, None, False),  # unknown counts as ready
        (True, None, None, False),
        (False, False, False, None),
        (False, None, None, None),
        (False, True, True, True),
        (False, False, True, True),
        (True, True, True, True),  # a service with publishNotReadyAddresses
    ],
)
def test_conditions(
    ready: bool | None, serving: bool | None, terminating: bool | None, is_draining: bool | None
) -> None:
    listed = members([endpoint_slice(pod("10.0.0.1", None, ready, serving, terminating))], service())
    assert [member.draining for member in listed] == ([] if is_draining is None else [is_draining])


def test_a_pod_of_both_families_is_one_endpoint() -> None:
    four = endpoint_slice(pod("10.0.0.1", "a"), pod("10.0.0.2", "b"))
    six = endpoint_slice(pod("fd00::1", "a"), pod("fd00::3", "c"), name="vllm-six", family="IPv6")
    expected = ["http://10.0.0.1:8000", "http://10.0.0.2:8000", "http://[fd00::3]:8000"]
    assert found(four, six) == found(six, four) == expected


def test_a_pod_that_moves_between_slices_counts_as_it_is_best() -> None:
    old = endpoint_slice(pod("10.0.0.1", "a", ready=False, terminating=True), name="vllm-old")
    new = endpoint_slice(pod("10.0.0.1", "a"), name="vllm-new")
    for slices in ((old, new), (new, old)):
        assert [member.draining for member in members(slices, service())] == [False]


def test_an_endpoint_without_a_pod_is_known_by_its_address() -> None:
    bare = {"addresses": ["10.0.0.1"]}
    assert found(endpoint_slice(bare, bare, {"addresses": []})) == ["http://10.0.0.1:8000"]


def test_empty_slices_are_no_endpoints() -> None:
    assert found() == []
    assert found(endpoint_slice(ports=[]), endpoint_slice(ports=None)) == []


TWO = [{"name": "http", "port": 8000, "protocol": "TCP"}, {"name": "metrics", "port": 9400, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("ports", "wanted", "url"),
    [
        ([{"name": "", "port": 8080}], None, "http://10.0.0.1:8080"),
        ([{"name": None, "port": 8080}], None, "http://10.0.0.1:8080"),
        (TWO, "metrics", "http://10.0.0.1:9400"),
        (TWO, 8000, "http://10.0.0.1:8000"),
        ([*TWO[:1], {"name": "quic", "port": 8443, "protocol": "UDP"}], None, "http://10.0.0.1:8000"),
        ([], 8000, "http://10.0.0.1:8000"),  # a headless service need not name any
    ],
)
def test_ports(ports: list[Any], wanted: int | str | None, url: str) -> None:
    assert found(endpoint_slice(pod("10.0.0.1"), ports=ports), port=wanted) == [url]


@pytest.mark.parametrize(
    ("ports", "wanted", "says"),
    [
        (TWO, None, r"8000 \(http\), 9400 \(metrics\); choose one with `port`"),
        (TWO, "grpc", r"8000 \(http\), 9400 \(metrics\), but not grpc"),
        (TWO, 80, r"8000 \(http\), 9400 \(metrics\), but not 80"),
        ([], None, "names no port, so `port` is needed"),
        ([], "http", "none, but not http"),
    ],
)
def test_ports_that_leave_it_open(ports: list[Any], wanted: int | str | None, says: str) -> None:
    with pytest.raises(DiscoveryError, match=says):
        found(endpoint_slice(pod("10.0.0.1"), ports=ports), port=wanted)


def test_each_slice_has_its_own_number_for_a_named_port() -> None:
    old = endpoint_slice(pod("10.0.0.1"), name="a", ports=[{"name": "http", "port": 8000}])
    new = endpoint_slice(pod("10.0.0.2"), name="b", ports=[{"name": "http", "port": 8001}])
    assert found(old, new, port="http") == ["http://10.0.0.1:8000", "http://10.0.0.2:8001"]
