"""A gateway that is asked too much at once, or has too many connections, as its clients see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest

from pointsman.gateway import entrance, overload
from pointsman.gateway.overload import Gate
from tests.support.clients import KEY, MESSAGES, anthropic_sdk, call, chat, openai_sdk
from tests.support.gateway import Served, config, pool, serving
from tests.support.upstream import answer_hello, scripted

CROWD = 24
CHAT, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
BODY = json.dumps({"model": "auto", "max_tokens": 9, "messages": MESSAGES}).encode()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    json: Any


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def of(cls, gateway: Served) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    def ask(self, path: str = CHAT, body: bytes = BODY, fields: Mapping[str, str] | None = None) -> None:
        length = {"content-type": "application/json", "content-length": str(len(body))}
        headers = {"host": "localhost", **length, **(fields or {})}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.writer.write("\r\n".join(lines).encode() + body)

    def get(self, path: str, method: str = "GET") -> None:
        self.writer.write(f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())

    async def answer(self) -> Answer:
        line, *fields = (await self._reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(line.split()[1]), headers, json.loads(body))

    async def closed(self) -> bool:
        try:
            return await self._reader.read() == b""
        except ConnectionResetError:
            return True


def slow_down(gate: Gate) -> None:
    """As if each request had been a second's work."""
    for _ in range(200):
        gate.pace.turned(1.0, 1)
    gate.tokens = min(gate.tokens, gate.pace.in_tick)


@asynccontextmanager
async def crowd(**server: Any) -> AsyncIterator[tuple[Served, list[Client]]]:
    """A gateway that can start few requests at once, and many connections to it."""
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(scripted(answer_hello))
        gateway = await stack.enter_async_context(serving(config({"small": pool(up.url)}, server=server)))
        clients = [await stack.enter_async_context(Client.of(gateway)) for _ in range(CROWD)]
        for client in clients:  # all are accepted
            client.get("/healthz")
            await client.answer()
        slow_down(gateway.gateway.gate)
        yield gateway, clients


async def answers(clients: list[Client]) -> list[Answer]:
    return await asyncio.gather(*(client.answer() for client in clients))


async def value(gateway: Served, series: str) -> float:
    lines = (await call("GET", f"{gateway.url}/metrics")).body.decode().splitlines()
    return next(float(line.removeprefix(series)) for line in lines if line.startswith(series))


@pytest.mark.parametrize("path", [CHAT, ANTHROPIC])
async def test_what_is_too_much_at_once_is_refused_and_the_rest_served(path: str) -> None:
    async with crowd() as (gateway, clients):
        for number, client in enumerate(clients):
            client.ask(path, fields={"x-request-id": f"r{number}"})
        got = await answers(clients)
        refused = [answer for answer in got if answer.status == 503]
        assert 0 < len(refused) <= CROWD - overload.LEAST
        assert {answer.status for answer in got} == {200, 503}
        for number, answer in enumerate(got):
            assert answer.headers["x-request-id"] == f"r{number}"
        for answer in refused:
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["x-pointsman-error-source"] == "gateway"
            error = answer.json["error"]
            code = error["details"]["error_code"] if path == ANTHROPIC else error["code"]
            assert (code, error["type"]) == ("overloaded", "overloaded_error" if path == ANTHROPIC else "server_error")
        assert await value(gateway, 'pointsman_overload_total{reason="busy"} ') == len(refused)
        route = path.removeprefix("/v1/")
        series = f'pointsman_requests_total{{decision="none",model="none",route="{route}",status="503"}} '
        assert await value(gateway, series) == len(refused)
        assert await value(gateway, 'pointsman_errors_total{code="overloaded",source="gateway"} ') == len(refused)


async def test_health_and_metrics_are_never_refused() -> None:
    async with crowd() as (_, clients):
        for client in clients[:-2]:
            client.ask()
        clients[-2].get("/healthz")
        clients[-1].get("/readyz")
        got = await answers(clients)
        assert 503 in [answer.status for answer in got[:-2]]
        assert [answer.status for answer in got[-2:]] == [200, 200]


async def test_after_the_rush_everything_is_served_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "REST", 0.0)
    async with crowd() as (_, clients):
        for client in clients:
            client.ask()
        assert 503 in [answer.status for answer in await answers(clients)]
        for client in clients:  # on the same connections, one after the other
            client.ask()
            assert (await client.answer()).status == 200


async def test_a_refused_connection_is_not_read_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a client that asks again at once costs anything until then."""
    async with crowd() as (gateway, clients):
        resumed: list[Any] = []
        monkeypatch.setattr(Gate, "rest", lambda gate, resume: resumed.append(resume))
        for client in clients:
            client.ask()
        got = await answers(clients)
        again = next(client for client, answer in zip(clients, got, strict=True) if answer.status == 503)
        again.ask()
        before = await value(gateway, 'pointsman_overload_total{reason="busy"} ')
        assert await value(gateway, 'pointsman_overload_total{reason="busy"} ') == before
        assert len(resumed) == before
        for resume in resumed:
            resume()
        assert (await again.answer()).status == 200


async def test_a_request_is_refused_before_its_body_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the rest of it is not taken for the next request."""
    monkeypatch.setattr(overload, "REST", 0.0)
    async with crowd() as (_, clients):
        *others, late = clients
        for client in others:
            client.ask()
        late.ask(body=BODY[:10], fields={"content-length": str(len(BODY))})
        assert (await late.answer()).status == 503
        late.writer.write(BODY[10:])
        await answers(others)
        late.ask()
        assert (await late.answer()).status == 200


@pytest.mark.parametrize("fields", [{"expect": "100-continue"}, {"connection": "close"}])
async def test_a_refusal_that_leaves_the_next_request_unclear_closes(fields: dict[str, str]) -> None:
    async with crowd() as (_, clients):
        *others, last = clients
        for client in others:
            client.ask()
        last.ask(fields=fields)
        answer = await last.answer()
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert await last.closed()
        await answers(others)


async def test_pipelined_requests_are_answered_in_order_or_cut() -> None:
    async with crowd() as (_, clients):
        *others, last = clients
        for client in others:
            client.ask()
        for number in range(3):
            last.ask(fields={"x-request-id": f"p{number}"})
        first = await last.answer()
        assert (first.status, first.headers["x-request-id"]) == (503, "p0")
        await answers(others)


async def test_web_pages_may_read_the_refusal() -> None:
    origin = "https://app.example.com"
    async with crowd(cors=[origin]) as (_, clients):
        for client in clients:
            client.ask(fields={"origin": origin})
        refused = [answer for answer in await answers(clients) if answer.status == 503]
        assert refused
        assert {answer.headers["access-control-allow-origin"] for answer in refused} == {origin}


# Connections


async def test_connections_that_are_too_many_are_refused_in_both_wires() -> None:
    limits = {"max_connections": 1}
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)}, server=limits)) as gateway:
        async with Client.of(gateway) as only, openai_sdk(gateway.v1) as first, anthropic_sdk(gateway.url) as second:
            only.ask()
            assert (await only.answer()).status == 200
            with pytest.raises(openai.InternalServerError) as said:
                await first.chat.completions.create(model="auto", messages=MESSAGES)
            assert said.value.code == "overloaded"
            assert said.value.response.headers["retry-after"] == "1"
            with pytest.raises(anthropic.InternalServerError) as told:
                await second.messages.create(model="auto", max_tokens=9, messages=MESSAGES)
            assert told.value.status_code == 503
            assert told.value.body["error"]["type"] == "overloaded_error"  # type: ignore[index]
            assert (await call("GET", f"{gateway.url}/healthz")).status == 200
            assert await value(gateway, 'pointsman_overload_total{reason="connections"} ') == 2
            only.ask()  # it was there before
            assert (await only.answer()).status == 200
        await _until_closed(gateway)
        assert (await chat(gateway.url, headers={"authorization": f"Bearer {KEY}"})).status == 200


async def _until_closed(gateway: Served) -> None:
    while await value(gateway, "pointsman_connections ") > 1:  # the one that asks
        pass


async def test_beyond_a_few_that_may_be_health_checks_they_are_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "SURPLUS", 1)
    settings = config({"small": pool("http://127.0.0.1:9")}, server={"max_connections": 1})
    async with serving(settings) as gateway, Client.of(gateway) as first, Client.of(gateway) as second:
        for client in (first, second):
            client.get("/healthz")
            assert (await client.answer()).status == 200
        async with Client.of(gateway) as third:
            assert await third.closed()
