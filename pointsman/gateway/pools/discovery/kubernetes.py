"""`discover: {kubernetes: …}`: the pods behind a service, by list and watch of its EndpointSlices."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import yaml

from pointsman.gateway.pools.discovery.base import Discovery, DiscoveryError
from pointsman.gateway.pools.discovery.slices import Json, members
from pointsman.gateway.pools.roster import Member
from pointsman.gateway.schema.pools import Kubernetes

_WATCH = 300
"""Seconds after which the API server ends a watch; it is then taken up where it ended."""
_LIST_TIMEOUT = 30.0
_GRACE = 30.0
_AGAIN = 1.0
"""Seconds between the end of a watch and the next request, so that no server that ends them early is stormed."""


_MALFORMED = (KeyError, TypeError, AttributeError)
"""What the shape of somebody else's JSON or YAML leads to, if it is another than the documented one."""


class Expired(Exception):
    """The API server has forgotten the resource version from which a watch was to go on."""


class KubernetesService(Discovery):
    longest = 30.0

    def __init__(self, service: Kubernetes, pause: float = _AGAIN) -> None:
        self._service = service
        self._pause = pause

    async def sets(self) -> AsyncGenerator[Sequence[Member]]:
        async with _trouble(), _api(self._service.kubeconfig) as api:
            while True:
                slices, version = await self._list(api)
                yield members(slices.values(), self._service)
                try:
                    while True:
                        async with self._watching(api, version) as answer:
                            while line := await answer.content.readline():
                                version = _apply(orjson.loads(line), slices, version)
                                yield members(slices.values(), self._service)
                        await asyncio.sleep(self._pause)
                except Expired:
                    await asyncio.sleep(self._pause)

    async def _list(self, api: Any) -> tuple[dict[str, Json], str]:
        async with self._ask(api, _request_timeout=_LIST_TIMEOUT) as answer:
            found = orjson.loads(await answer.read())
        slices = {piece["metadata"]["name"]: piece for piece in found.get("items") or ()}
        return slices, found["metadata"]["resourceVersion"]

    def _watching(self, api: Any, version: str) -> Any:
        return self._ask(
            api,
            watch=True,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=_WATCH,
            _request_timeout=_WATCH + _GRACE,
        )

    @asynccontextmanager
    async def _ask(self, api: Any, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        # Its JSON as it is: the client's own Watch opens a second client, hides the end of a watch and has one
        # exception for everything.
        label = f"kubernetes.io/service-name={self._service.service}"
        answer: aiohttp.ClientResponse = await api.list_namespaced_endpoint_slice_without_preload_content(
            self._service.namespace, label_selector=label, **options
        )
        async with answer:
            if answer.status == 410:
                raise Expired
            if answer.status != 200:
                raise DiscoveryError(f"the Kubernetes API answers {answer.status}: {await _reason(answer)}")
            yield answer


def _apply(event: Json, slices: dict[str, Json], version: str) -> str:
    """Take in an event of a watch; the resource version after it."""
    kind, piece = event["type"], event["object"]
    if kind == "ERROR":
        if piece.get("code") == 410:
            raise Expired
        raise DiscoveryError(f"the Kubernetes API ended the watch: {str(piece.get('message'))[:200]}")
    metadata = piece["metadata"]
    if kind == "DELETED":
        slices.pop(metadata["name"], None)
    elif kind != "BOOKMARK":
        slices[metadata["name"]] = piece
    return str(metadata.get("resourceVersion") or version)


async def _reason(answer: aiohttp.ClientResponse) -> str:
    body = await answer.content.read(64 * 1024)
    try:
        return str(orjson.loads(body)["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return answer.reason or "no reason given"


@asynccontextmanager
async def _trouble() -> AsyncIterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise DiscoveryError("the Kubernetes API does not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise DiscoveryError(f"the Kubernetes API cannot be reached: {_said(error)}") from error
    except (ValueError, *_MALFORMED) as error:
        raise DiscoveryError(f"the Kubernetes API's answer cannot be read: {error!r}"[:300]) from error
    except Expired as error:  # of a list, which names no version
        raise DiscoveryError("the Kubernetes API does not list the service's endpoints") from error


@asynccontextmanager
async def _api(kubeconfig: str | None) -> AsyncIterator[Any]:
    try:
        client, config = await asyncio.to_thread(_import)
    except ImportError as error:
        raise DiscoveryError(f"{error}; pip install -U 'pointsman[kubernetes]'") from error
    configuration = client.Configuration()
    in_pod = kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ
    try:
        if in_pod:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(kubeconfig, client_configuration=configuration, persist_config=False)
        opened = await asyncio.to_thread(client.ApiClient, configuration)  # reads certificates
    except (config.ConfigException, yaml.YAMLError, OSError, ValueError, *_MALFORMED) as error:
        where = "the pod's service account" if in_pod else kubeconfig or "kubectl's configuration"
        raise DiscoveryError(f"{where} gives no access to a cluster: {_said(error)}") from error
    try:
        yield client.DiscoveryV1Api(opened)
    finally:
        await opened.close()


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:300]


def _import() -> tuple[Any, Any]:
    """Takes a third of a second and some 30 MB, which nobody else should pay."""
    from kubernetes.aio import client, config

    return client, config
