"""A Kubernetes API server on a real socket, as far as EndpointSlices go: it answers what was recorded of one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.support.upstream import Exchange, ScriptedUpstream, head, scripted

Json = dict[str, Any]
SERVICE = "vllm"
PATH = "/apis/discovery.k8s.io/v1/namespaces/models/endpointslices"


def pod(
    address: str,
    uid: str | None = None,
    ready: bool | None = True,
    serving: bool | None = True,
    terminating: bool | None = False,
) -> Json:
    """An entry of a slice, as the controller writes it."""
    name = f"vllm-{uid or address}"
    target = {"kind": "Pod", "namespace": "models", "name": name, "uid": uid or f"uid-{address}"}
    conditions = {"ready": ready, "serving": serving, "terminating": terminating}
    return {
        "addresses": [address],
        "conditions": {key: value for key, value in conditions.items() if value is not None},
        "nodeName": "gpu-node-1",
        "targetRef": target,
        "zone": "eu-1a",
    }


def endpoint_slice(
    *pods: Json, name: str = "vllm-abcde", version: str = "100", family: str = "IPv4", ports: list[Json] | None = None
) -> Json:
    return {
        "addressType": family,
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": list(pods) or None,
        "kind": "EndpointSlice",
        "metadata": {
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "2026-10-01T08:00:00Z"},
            "creationTimestamp": "2026-10-01T07:59:58Z",
            "generateName": "vllm-",
            "generation": 3,
            "labels": {
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": SERVICE,
            },
            "name": name,
            "namespace": "models",
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "blockOwnerDeletion": True,
                    "controller": True,
                    "kind": "Service",
                    "name": SERVICE,
                    "uid": "0f2a4c1e-5d1e-4b7b-9d1c-2f1f6f1d7c11",
                }
            ],
            "resourceVersion": version,
            "uid": f"5b0e-{name}",
        },
        "ports": [{"name": "http", "port": 8000, "protocol": "TCP"}] if ports is None else ports,
    }


def listing(*slices: Json, version: str = "1000") -> Json:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "items": list(slices),
        "kind": "EndpointSliceList",
        "metadata": {"resourceVersion": version},
    }


def event(kind: str, piece: Json) -> Json:
    return {"type": kind, "object": piece}


def bookmark(version: str) -> Json:
    metadata = {"creationTimestamp": None, "resourceVersion": version}
    return event("BOOKMARK", {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata})


def status(code: int, reason: str, message: str) -> Json:
    return {
        "apiVersion": "v1",
        "code": code,
        "kind": "Status",
        "message": message,
        "metadata": {},
        "reason": reason,
        "status": "Failure",
    }


GONE = status(410, "Expired", "too old resource version: 1000 (2000)")
FORBIDDEN = status(
    403,
    "Forbidden",
    'endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:models:pointsman" cannot list '
    'resource "endpointslices" in API group "discovery.k8s.io" in the namespace "models"',
)


@dataclass
class ApiServer:
    """Answers lists and watches in turn with what was put into `lists` and `watches`.

    A list is its body, or (status, body). A watch ends when its queue gives None; the rest is as for a list."""

    lists: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    watches: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)
    upstream: ScriptedUpstream | None = None

    @property
    def url(self) -> str:
        assert self.upstream is not None
        return self.upstream.url

    async def __call__(self, x: Exchange) -> None:
        target = urlsplit(x.request.target)
        query = {key: values[0] for key, values in parse_qs(target.query).items()}
        assert target.path == PATH
        assert query["labelSelector"] == f"kubernetes.io/service-name={SERVICE}"
        self.authorization.append(x.request.headers.get("authorization", ""))
        watch = query.get("watch") == "true"
        self.asked.append(("watch" if watch else "list", query))
        answer = await (self.watches if watch else self.lists).get()
        code, body = answer if isinstance(answer, tuple) else (200, answer)
        if not isinstance(body, asyncio.Queue):
            await x.respond(body, code)
            return
        await x.send(head(200, {"content-type": "application/json", "transfer-encoding": "chunked"}))
        while (change := await body.get()) is not None:
            if change is ConnectionResetError:
                x.reset()
                return
            await x.chunk(json.dumps(change) + "\n")
        await x.end()

    def watch(self, *events: Any, end: bool = False) -> asyncio.Queue[Any]:
        """The next watch answers so; more can be put into the queue that it returns."""
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for each in events:
            queue.put_nowait(each)
        if end:
            queue.put_nowait(None)
        self.watches.put_nowait(queue)
        return queue

    def kubeconfig(self, folder: Path, url: str | None = None) -> str:
        """A file with access to it, or to `url`."""
        path = folder / "kubeconfig.yaml"
        settings = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": {"server": url or self.url}}],
            "users": [{"name": "pointsman", "user": {"token": "token-of-the-file"}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "pointsman"}}],
            "current-context": "local",
        }
        path.write_text(yaml.safe_dump(settings))
        return str(path)


@asynccontextmanager
async def api_server() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    async with scripted(server) as upstream:
        server.upstream = upstream
        yield server
