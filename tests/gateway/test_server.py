from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
import yaml

from pointsman.gateway.app import Gateway
from pointsman.gateway.config import load
from pointsman.gateway.errors import ConfigError
from pointsman.gateway.server import CannotListen, Server, listen, running
from tests.support.gateway import config, pool


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(config({"small": pool("http://127.0.0.1:9")})))
    return Gateway(load(path), path)


async def get(url: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_port_0_takes_a_free_one_and_the_url_names_it(gateway: Gateway, host: str) -> None:
    async with running(gateway, host) as url:
        assert await get(f"{url}/healthz") == 200
        assert not gateway.exposed
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(f"{url}/healthz")


@pytest.fixture
def ipv6() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


@pytest.mark.usefixtures("ipv6")
async def test_ipv6(gateway: Gateway) -> None:
    async with running(gateway, "::1") as url:
        assert url.startswith("http://[::1]:")
        assert await get(f"{url}/healthz") == 200


async def test_a_socket_that_others_can_reach_is_known_to_be_one(gateway: Gateway) -> None:
    async with running(gateway, "0.0.0.0"):
        assert gateway.exposed
        with pytest.raises(ConfigError, match=r"without auth\.keys"):
            await gateway.reload()


def test_only_one_can_have_a_port_from_the_first_moment() -> None:
    with closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}: the port is in use"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no..such..host", "\0", "nowhere.invalid"])
def test_a_host_that_cannot_be_listened_on(host: str) -> None:
    with pytest.raises(CannotListen, match=r"cannot listen on .*\. Check --host"):
        listen(host, 0)


async def test_a_port_for_the_control_plane_alone(gateway: Gateway) -> None:
    with closing(listen("127.0.0.1", 0)) as sock, closing(listen("127.0.0.1", 0)) as control:
        url = f"http://127.0.0.1:{control.getsockname()[1]}"
        async with Server(gateway).open(sock, control) as clients:
            for path in ("/healthz", "/readyz", "/metrics", "/admin/pools"):
                assert await get(url + path) == 200
                assert await get(clients + path) == 200
            assert await get(f"{url}/v1/models") == 404
            assert await get(f"{clients}/v1/models") == 200
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(f"{url}/healthz")


async def test_readiness_can_be_asked_while_the_process_drains(gateway: Gateway) -> None:
    with closing(listen("127.0.0.1", 0)) as sock, closing(listen("127.0.0.1", 0)) as control:
        server = Server(gateway)
        seen: list[int] = []

        async def asked(seconds: float, done: object) -> None:
            if not seen:
                seen.append(await get(f"http://127.0.0.1:{control.getsockname()[1]}/readyz"))

        async with server.open(sock, control):
            gateway.draining = True
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("pointsman.gateway.server._wait", asked)
                await server.shutdown()
        assert seen == [503]
