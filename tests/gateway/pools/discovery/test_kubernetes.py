"""The official client against recorded answers of an API server on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.config import incluster_config

from pointsman.gateway.pools.discovery import kubernetes
from pointsman.gateway.pools.discovery.base import DiscoveryError
from pointsman.gateway.pools.discovery.kubernetes import KubernetesService
from pointsman.gateway.pools.roster import Member
from pointsman.gateway.schema.pools import Kubernetes
from tests.support.kubernetes import (
    FORBIDDEN,
    GONE,
    ApiServer,
    api_server,
    bookmark,
    endpoint_slice,
    event,
    listing,
    pod,
    status,
)
from tests.support.secure import CERTIFICATE, server_context
from tests.support.upstream import ScriptedUpstream

Sets = AsyncGenerator[Sequence[Member]]


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as server:
        yield server


@pytest.fixture
async def sets(server: ApiServer, tmp_path: Path) -> AsyncIterator[Sets]:
    async with aclosing(service(server.kubeconfig(tmp_path)).sets()) as sets:
        yield sets


def service(kubeconfig: str | None) -> KubernetesService:
    return KubernetesService(Kubernetes(service="vllm", namespace="models", kubeconfig=kubeconfig), pause=0)


async def hosts(sets: Sets) -> list[str]:
    """The next set, shortly: a draining server in brackets."""
    async with asyncio.timeout(20):
        members = await anext(sets)
    names = [member.url.removeprefix("http://").removesuffix(":8000") for member in members]
    return [f"({name})" if m.draining else name for name, m in zip(names, members, strict=True)]


async def test_list_then_watch(server: ApiServer, sets: Sets) -> None:
    server.lists.put_nowait(listing(endpoint_slice(pod("10.0.0.1"), pod("10.0.0.2")), version="1000"))
    watch = server.watch()
    assert await hosts(sets) == ["10.0.0.1", "10.0.0.2"]
    more = endpoint_slice(pod("10.0.0.3"), name="vllm-fghij", version="1001")
    watch.put_nowait(event("ADDED", more))
    assert await hosts(sets) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    less = endpoint_slice(pod("10.0.0.2"), version="1002")
    watch.put_nowait(event("MODIFIED", less))
    assert await hosts(sets) == ["10.0.0.2", "10.0.0.3"]
    watch.put_nowait(event("DELETED", more))
    assert await hosts(sets) == ["10.0.0.2"]
    assert [kind for kind, _ in server.asked] == ["list", "watch"]
    assert server.asked[1][1]["resourceVersion"] == "1000"
    assert server.asked[1][1]["allowWatchBookmarks"] == "true"
    assert set(server.authorization) == {"Bearer token-of-the-file"}


async def test_a_rolling_update_drains_what_terminates(server: ApiServer, sets: Sets) -> None:
    server.lists.put_nowait(listing(endpoint_slice(pod("10.0.0.1"))))
    watch = server.watch()
    assert await hosts(sets) == ["10.0.0.1"]
    starting = pod("10.0.0.2", ready=False, serving=False)
    watch.put_nowait(event("MODIFIED", endpoint_slice(pod("10.0.0.1"), starting)))
    assert await hosts(sets) == ["10.0.0.1"]
    stopping = pod("10.0.0.1", ready=False, serving=True, terminating=True)
    watch.put_nowait(event("MODIFIED", endpoint_slice(stopping, pod("10.0.0.2"))))
    assert await hosts(sets) == ["(10.0.0.1)", "10.0.0.2"]
    watch.put_nowait(event("MODIFIED", endpoint_slice(pod("10.0.0.2"))))
    assert await hosts(sets) == ["10.0.0.2"]


async def test_a_watch_that_ends_goes_on_where_it_was(server: ApiServer, sets: Sets) -> None:
    server.lists.put_nowait(listing(endpoint_slice(pod("10.0.0.1")), version="1000"))
    server.watch(bookmark("1500"), end=True)
    server.watch(event("MODIFIED", endpoint_slice(pod("10.0.0.2"), version="1600")), end=True)
    server.watch(bookmark("1700"))
    assert [await hosts(sets) for _ in range(4)] == [["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"], ["10.0.0.2"]]
    versions = [query.get("resourceVersion") for _, query in server.asked]
    assert versions == [None, "1000", "1500", "1600"]


@pytest.mark.parametrize("how", ["event", "status"])
async def test_an_expired_version_is_listed_anew(server: ApiServer, sets: Sets, how: str) -> None:
    server.lists.put_nowait(listing(endpoint_slice(pod("10.0.0.1"))))
    if how == "event":
        server.watch(event("ERROR", GONE))
    else:
        server.watches.put_nowait((410, GONE))
    server.lists.put_nowait(listing(endpoint_slice(pod("10.0.0.9")), version="3000"))
    server.watch(bookmark("3001"))
    assert [await hosts(sets) for _ in range(3)] == [["10.0.0.1"], ["10.0.0.9"], ["10.0.0.9"]]
    assert [kind for kind, _ in server.asked] == ["list", "watch", "list", "watch"]
    assert server.asked[-1][1]["resourceVersion"] == "3000"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, FORBIDDEN), "403: endpointslices.discovery.k8s.io is forbidden: User"),
        ((401, status(401, "Unauthorized", "Unauthorized")), "401: Unauthorized"),
        ((500, b"<html>"), "500: "),
        (b"<html>", "cannot be read"),
        ({"kind": "EndpointSliceList", "items": [{}]}, "cannot be read"),
    ],
)
async def test_a_list_that_fails(server: ApiServer, sets: Sets, answer: Any, says: str) -> None:
    server.lists.put_nowait(answer)
    with pytest.raises(DiscoveryError, match=says):
        await hosts(sets)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (ConnectionResetError, "cannot be reached"),
        ("half an event", "cannot be read"),
        (event("ERROR", status(500, "InternalError", "etcd is away")), "ended the watch: etcd is away"),
    ],
)
async def test_a_watch_that_breaks(server: ApiServer, sets: Sets, change: Any, says: str) -> None:
    server.lists.put_nowait(listing(endpoint_slice(pod("10.0.0.1"))))
    watch = server.watch()
    assert await hosts(sets) == ["10.0.0.1"]
    watch.put_nowait(change)
    with pytest.raises(DiscoveryError, match=says):
        await hosts(sets)


async def test_a_server_that_is_away(server: ApiServer, tmp_path: Path) -> None:
    kubeconfig = server.kubeconfig(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(DiscoveryError, match="cannot be reached"):
        await anext(service(kubeconfig).sets())


@pytest.mark.parametrize("text", [None, "", "[]", "clusters: [", "current-context: other\nclusters: []\n"])
async def test_a_kubeconfig_that_is_none(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DiscoveryError, match=f"{path} gives no access"):
        await anext(service(str(path)).sets())


async def test_in_a_pod_its_service_account_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token-of-the-pod")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(CERTIFICATE))
    server = ApiServer()
    upstream = ScriptedUpstream(server)
    await upstream.listen(tls=server_context([]))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", upstream.url.rpartition(":")[2])
    server.lists.put_nowait(listing(endpoint_slice(pod("10.0.0.1"))))
    async with aclosing(service(None).sets()) as sets:
        assert await hosts(sets) == ["10.0.0.1"]
    await upstream.stop()
    assert server.authorization == ["bearer token-of-the-pod"]


async def test_in_a_pod_without_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    with pytest.raises(DiscoveryError, match="the pod's service account gives no access"):
        await anext(service(None).sets())  # it has no token here


async def test_a_client_of_an_older_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def old() -> None:
        raise ImportError("no kubernetes.aio")

    monkeypatch.setattr(kubernetes, "_import", old)
    with pytest.raises(DiscoveryError, match=r"pointsman\[kubernetes\]"):
        await anext(service(None).sets())
