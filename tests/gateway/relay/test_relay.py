"""What becomes of a request at its endpoints, and what the log, the health of an endpoint and the client learn of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from structlog.testing import capture_logs

from pointsman.gateway.observe.outcome import Phase, Result, Usage
from pointsman.gateway.pools.lease import live_leases
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, chunk, completion, scripted

MESSAGES = [{"role": "user", "content": "Say hello"}]
PRICE = {"input": 1.0, "output": 10.0}
ONCE = {"attempts": 1}
QUICK = {"attempts": 2, "backoff": "1ms"}
EJECT_AT_ONCE = {"eject": {"failures": 1, "for": "1h"}}


class Served:
    """A gateway under test, its outcomes, and a client."""

    def __init__(self, gateway, http):
        self.url, self.gateway, self._http = gateway.url, gateway.gateway, http
        self.outcomes = asyncio.Queue()
        gateway.gateway.observe(self.outcomes.put_nowait)

    async def post(self, stream=False, path="/v1/chat/completions", headers=None, **body):
        body = {"model": "auto", "messages": MESSAGES, "stream": stream, **body}
        async with self._http.post(self.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers

    async def outcome(self):
        return await self.outcomes.get()

    def endpoint(self, name="small"):
        return self.gateway.runtime.pools[name].endpoints[0]


@asynccontextmanager
async def served(*scripts, pools=None, decisions=None, **extra):
    """One pool with an endpoint for each script."""
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as http:
        async with Upstreams(scripts) as ups:
            pools = pools(*ups) if pools else {"small": pool(*(u.url for u in ups), price=PRICE, **extra)}
            async with serving(config(pools, decisions)) as gateway:
                yield Served(gateway, http), *ups
        group._abort()


class Upstreams:
    def __init__(self, scripts):
        self._contexts = [scripted(script) for script in scripts]

    async def __aenter__(self):
        return [await context.__aenter__() for context in self._contexts]

    async def __aexit__(self, *error):
        for context in self._contexts:
            await context.__aexit__(*error)
