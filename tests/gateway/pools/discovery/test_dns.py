from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from pointsman.gateway.pools.discovery.base import DiscoveryError
from pointsman.gateway.pools.discovery.dns import Dns
from pointsman.gateway.pools.roster import Member
from tests.support.clock import virtual_time


class Names:
    """A name server: each lookup has the next answer."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, float]] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append((host, asyncio.get_running_loop().time()))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def first(url: str, *addresses: str) -> list[Member]:
    async with aclosing(Dns(url, 5.0, Names(addresses)).sets()) as sets:
        return list(await anext(sets))


async def test_each_address_is_an_endpoint_that_keeps_the_name() -> None:
    assert await first("http://vllm.models:8000/team/a", "10.0.0.2", "10.0.0.1", "10.0.0.2") == [
        Member("http://10.0.0.1:8000/team/a", authority="vllm.models:8000"),
        Member("http://10.0.0.2:8000/team/a", authority="vllm.models:8000"),
    ]


@pytest.mark.parametrize(("url", "port"), [("http://vllm", 80), ("https://vllm", 443), ("https://vllm:8443", 8443)])
async def test_the_port_is_the_urls(url: str, port: int) -> None:
    (member,) = await first(url, "10.0.0.1")
    assert member.url.endswith(f"://10.0.0.1:{port}")
    assert member.authority == url.partition("://")[2]


async def test_a_server_of_both_families_is_one_endpoint() -> None:
    both = await first("http://vllm:8000", "2001:db8::1", "10.0.0.1")
    assert [member.url for member in both] == ["http://10.0.0.1:8000"]
    six = await first("http://vllm:8000", "2001:db8::2", "2001:db8::1")
    assert [member.url for member in six] == ["http://[2001:db8::1]:8000", "http://[2001:db8::2]:8000"]


async def test_it_is_looked_up_again_after_each_interval() -> None:
    names = Names(["10.0.0.1"], ["10.0.0.2"], ["10.0.0.2", "10.0.0.3"])
    found = []
    with virtual_time():
        async with aclosing(Dns("http://vllm:8000", 5.0, names).sets()) as sets:
            async for members in sets:
                found.append([member.url[7:15] for member in members])
                if len(found) == 3:
                    break
    assert found == [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.2", "10.0.0.3"]]
    times = [at - names.asked[0][1] for _, at in names.asked]
    assert times == pytest.approx([0, 5, 10])


@pytest.mark.parametrize("answer", [socket.gaierror(-2, "Name or service not known"), UnicodeError("too long"), []])
async def test_a_name_without_an_address_is_trouble_and_no_empty_set(answer: Sequence[str] | Exception) -> None:
    with pytest.raises(DiscoveryError, match="vllm"):
        await anext(Dns("http://vllm:8000", 5.0, Names(answer)).sets())


async def test_the_systems_resolver() -> None:
    (member,) = await anext(Dns("http://localhost:8000", 5.0).sets())
    assert member in (
        Member("http://127.0.0.1:8000", authority="localhost:8000"),
        Member("http://[::1]:8000", authority="localhost:8000"),
    )
    with pytest.raises(DiscoveryError, match=r"no-such-host\.invalid could not be resolved"):
        await anext(Dns("http://no-such-host.invalid", 5.0).sets())
