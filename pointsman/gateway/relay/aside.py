"""One request of the gateway's own, beside the client's: a judge's verdict, a second opinion, a panel's answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from pointsman.gateway.errors import RequestError, UpstreamAuth, UpstreamError, UpstreamTimeout
from pointsman.gateway.observe.outcome import Attempt, Usage
from pointsman.gateway.observe.outcome import Result as Ending
from pointsman.gateway.pools.claim import Claim, Priority
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.failure import Refusal, result_of
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound, prepare
from pointsman.gateway.relay.tries import RESULTS, refusal
from pointsman.gateway.relay.upstream import Upstream
from pointsman.gateway.relay.whole import checked
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.messages_to_chat import NEW_LIMIT
from pointsman.signals.facts import Route

LONGEST = 1024**2
"""Bytes of an answer."""

HUMBLE = Claim(priority=Priority.LOW, stream=False)
"""Of work that no client waits for: it comes after all of theirs."""

_JSON = MappingProxyType({"content-type": "application/json"})


class Told(NamedTuple):
    """What a model said. `usage` and `cost` (USD) are None if the upstream told no usage."""

    text: str
    usage: Usage | None
    cost: float | None
    seconds: float
    finish: str | None = None  # as chat completions name it
    endpoint: str | None = None
    body: Mapping[str, Any] = MappingProxyType({})  # the whole answer, in the wire of what was asked


class Aside:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def ask(
        self,
        pool: Pool,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int,
        timeout: float,
        request_id: str,
        temperature: float = 0.0,
        claim: Claim = HUMBLE,
        attempts: list[Attempt] | None = None,
    ) -> Told:
        """One chat completion; `messages` as OpenAI writes them, `timeout` in seconds with the wait for a place.

        Raises RequestError: PoolFull, PoolUnavailable, UpstreamError. Cancelled, it gives everything back."""
        body = _question(pool.config, messages, max_tokens, temperature)
        inbound = Inbound(Route.CHAT, "POST", "/chat/completions", b"", _JSON, orjson.dumps(body), body)
        return await self.send(pool, inbound, timeout=timeout, request_id=request_id, claim=claim, attempts=attempts)

    async def send(
        self,
        pool: Pool,
        inbound: Inbound,
        *,
        timeout: float,
        request_id: str,
        claim: Claim = HUMBLE,
        attempts: list[Attempt] | None = None,
    ) -> Told:
        """As `ask`, for a whole request that does not stream; `text` is only read of a chat completion.

        BadRequest if it cannot be said in the pool's wire. `attempts` gets the try, however it ends."""
        began = time.perf_counter()
        outbound = prepare(inbound, pool, request_id)
        journal = Journal(request_id, inbound.route)
        try:
            async with asyncio.timeout(timeout):
                lease = await pool.lease(claim)
                body = await self._exchange(lease, outbound, journal, [] if attempts is None else attempts)
        except TimeoutError:
            raise UpstreamTimeout(f"Pool {pool.name!r} did not answer within {timeout:g} s.") from None
        usage, price = journal.usage, pool.config.price
        cost = None if usage is None else usage.cost(price.input, price.output)
        text, finish = _said(body) if inbound.route is Route.CHAT else ("", None)
        return Told(text, usage, cost, time.perf_counter() - began, finish, lease.endpoint.name, body)

    async def _exchange(
        self, lease: Lease, outbound: Outbound, journal: Journal, attempts: list[Attempt]
    ) -> Mapping[str, Any]:
        began, ending = time.perf_counter(), Ending.CANCELLED
        try:
            body = await self._read(lease, outbound, journal)
            ending = Ending.OK
            return body
        except Refusal as error:
            ending = result_of(error)
            if error.is_busy:
                lease.release(Result.BUSY, error.retry_after(time.time()))
            raise _error(error, lease.pool) from None
        except RequestError as error:
            ending = result_of(error)
            raise
        finally:
            lease.release(RESULTS.get(ending, Result.FAILED))
            attempts.append(Attempt(lease.pool.name, lease.endpoint.name, ending, time.perf_counter() - began))

    async def _read(self, lease: Lease, outbound: Outbound, journal: Journal) -> Mapping[str, Any]:
        endpoint = lease.endpoint
        answer = await self._upstream.open(
            outbound.method, endpoint.url, outbound.path, outbound.headers, outbound.body,
            lease.pool.config.timeouts.connect, endpoint.authority,
        )  # fmt: skip
        try:
            if answer.status >= 300:
                raise await refusal(answer, outbound)
            if answer.encoded:
                raise UpstreamError("The upstream compressed its answer although it was asked not to.")
            lease.first_byte()
            raw, complete = await answer.read_up_to(LONGEST)
            if not complete:
                raise UpstreamError(f"The upstream's answer is larger than {LONGEST} bytes.")
            body: Mapping[str, Any] = orjson.loads(checked(raw, outbound, journal))
            return body
        finally:
            answer.close()


def _question(
    config: PoolConfig, messages: Sequence[Mapping[str, Any]], max_tokens: int, temperature: float
) -> dict[str, Any]:
    key = limit_key(config)
    body: dict[str, Any] = {"messages": list(messages), key: max_tokens}
    return body if key == _NEW else body | {"temperature": temperature}  # those reason, and take none


def limit_key(config: PoolConfig) -> str:
    """What the pool's model calls the most tokens that it may answer."""
    return _NEW if NEW_LIMIT.match(config.model) else "max_tokens"


_NEW = "max_completion_tokens"


def _error(refused: Refusal, pool: Pool) -> UpstreamError:
    if refused.is_auth:
        return UpstreamAuth(f"The upstream of pool {pool.name!r} does not accept the gateway's credentials.")
    return refused.as_error()


def _said(completion: Mapping[str, Any]) -> tuple[str, str | None]:
    """Text and finish reason. UpstreamError if it is no chat completion."""
    try:
        choice = completion["choices"][0]
        text, finish = choice["message"].get("content"), choice.get("finish_reason")
    except (LookupError, TypeError, AttributeError):
        raise UpstreamError("The upstream's answer is no chat completion.") from None
    return text if isinstance(text, str) else "", finish if isinstance(finish, str) else None
