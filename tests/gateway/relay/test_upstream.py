"""Requests to real sockets: connections that are kept, that age, that break; and which headers go where."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from contextlib import asynccontextmanager

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.errors import UpstreamTimeout
from pointsman.gateway.relay import http1
from pointsman.gateway.relay import upstream as module
from pointsman.gateway.relay.upstream import ConnectionFailed, Upstream, downstream_headers, upstream_headers
from tests.support.upstream import answer_hello, completion, scripted

BODY = b'{"model": "m"}'


@pytest.fixture
async def upstream():
    upstream = Upstream()
    yield upstream
    await upstream.close()


async def post(upstream, url, body=BODY, **headers):
    answer = await upstream.open("POST", url, "/v1/chat/completions", headers, body, 5.0)
    try:
        data, complete = await answer.read_up_to(10**6)
        assert complete
        return answer, data
    finally:
        answer.close()


# Connections


async def test_a_connection_serves_one_request_after_the_other(upstream):
    async with scripted(answer_hello) as up:
        for _ in range(3):
            answer, _ = await post(upstream, up.url, accept="x")
    assert (answer.status, up.connections, len(up.requests)) == (200, 1, 3)
    assert (up.last.method, up.last.target, up.last.body) == ("POST", "/v1/chat/completions", BODY)
    assert up.last.headers == {"host": up.url[7:], "accept": "x", "content-length": str(len(BODY))}


async def test_a_prefix_stands_before_the_path(upstream):
    async with scripted(answer_hello) as up:
        await post(upstream, up.url + "/llm")
    assert up.last.target == "/llm/v1/chat/completions"


async def test_requests_at_the_same_time_have_their_own(upstream):
    async with scripted(answer_hello) as up:
        await asyncio.gather(*(post(upstream, up.url) for _ in range(5)))
    assert up.connections == 5


async def test_an_answer_that_was_not_read_to_its_end_takes_its_connection_along(upstream):
    async with scripted(answer_hello) as up:
        answer = await upstream.open("POST", up.url, "/v1/x", {}, BODY, 5.0)
        answer.close()
        assert await answer.read_some() == b""
        await post(upstream, up.url)
    assert up.connections == 2


async def test_the_little_that_is_left_is_read_for_the_next_request(upstream):
    async with scripted(answer_hello) as up:
        for _ in range(2):
            answer = await upstream.open("POST", up.url, "/v1/x", {}, BODY, 5.0)
            await answer.drain()
            answer.close()
    assert up.connections == 1


async def test_what_does_not_end_is_not_waited_for(upstream, monkeypatch):
    monkeypatch.setattr(module, "_DRAIN", 0.01)
    left = asyncio.Event()

    async def script(x):
        await x.start_events()
        await x.gone()
        left.set()
        x.close()

    async with scripted(script) as up:
        answer = await upstream.open("POST", up.url, "/v1/x", {}, BODY, 5.0)
        await answer.drain()
        await left.wait()


async def test_idle_connections_are_let_go_before_the_server_does_it(upstream, monkeypatch):
    """Also one that was busy while all others of its endpoint were let go."""
    monkeypatch.setattr(module, "_KEEPALIVE", 0.02)
    gone = asyncio.Queue()

    async def script(x):
        await x.respond(completion())
        await x.gone()
        gone.put_nowait(x)
        x.close()

    async with scripted(script) as up:
        late = await upstream.open("POST", up.url, "/v1/x", {}, BODY, 5.0)
        await post(upstream, up.url)
        await gone.get()
        await late.read_up_to(10**6)
        await gone.get()


async def test_after_the_end_nothing_is_kept(upstream):
    gone = asyncio.Event()

    async def script(x):
        await x.respond(completion())
        await x.gone()
        gone.set()
        x.close()

    async with scripted(script) as up:
        answer = await upstream.open("POST", up.url, "/v1/x", {}, BODY, 5.0)
        await upstream.close()
        await answer.read_up_to(10**6)
        await gone.wait()


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_kept_connection_that_breaks_without_an_answer_is_replaced(upstream, how):
    """The server let go of it while the request was on its way."""
    seen = []

    async def script(x):
        seen.append(x.writer)
        if len(seen) == 2:
            getattr(x, how)()
        else:
            await x.respond(completion())

    async with scripted(script) as up:
        await post(upstream, up.url)
        answer, _ = await post(upstream, up.url)
    assert (answer.status, len(up.requests), up.connections) == (200, 3, 2)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_new_connection_that_breaks_is_not_replaced(upstream, how):
    async def script(x):
        getattr(x, how)()

    async with scripted(script) as up:
        with pytest.raises(ConnectionFailed, match="without an answer") as caught:
            await post(upstream, up.url)
    assert caught.value.connected
    assert len(up.requests) == 1


async def test_an_answer_that_began_is_not_asked_for_again(upstream):
    async def script(x):
        if len(up.requests) == 1:
            await x.respond(completion())
        else:
            await x.send(b"HTTP/1.1 2")
            x.close()

    async with scripted(script) as up:
        await post(upstream, up.url)
        with pytest.raises(ConnectionFailed):
            await post(upstream, up.url)
    assert len(up.requests) == 2


async def test_who_gives_up_leaves_no_connection(upstream):
    asked, left = asyncio.Event(), asyncio.Event()

    async def script(x):
        asked.set()
        await x.gone()
        left.set()
        x.close()

    async with scripted(script) as up:
        asking = asyncio.create_task(post(upstream, up.url))
        await asked.wait()
        asking.cancel()
        await left.wait()
        await asyncio.wait([asking])


# Failures, and what clients are told of them


async def test_nobody_listens(upstream):
    with pytest.raises(ConnectionFailed, match="refused") as caught:
        await post(upstream, "http://127.0.0.1:9")
    assert not caught.value.connected
    assert "127.0.0.1" not in str(caught.value)


async def test_a_name_that_does_not_exist(upstream, monkeypatch):
    async def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(ConnectionFailed, match="resolved") as caught:
        await post(upstream, "http://nowhere.invalid:80")
    assert "nowhere" not in str(caught.value)


@asynccontextmanager
async def tls_url(script):
    """Of a server that does not know what TLS is."""
    server = await asyncio.start_server(script, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"https://{host}:{port}"


async def test_a_server_that_does_not_speak_tls(upstream):
    async def surprised(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with tls_url(surprised) as url:
        with pytest.raises(ConnectionFailed, match="TLS") as caught:
            await post(upstream, url)
    assert not caught.value.connected


async def test_a_handshake_that_never_ends(upstream):
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async with tls_url(silent) as url:
        with pytest.raises(UpstreamTimeout, match=r"timeouts\.connect"):
            await upstream.open("POST", url, "/v1/x", {}, BODY, 0.05)


def test_certificates_are_read_once():
    assert isinstance(http1._tls(), ssl.SSLContext)
    assert http1._tls() is http1._tls()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_small_writes_are_not_kept_back(run):
    async def check():
        upstream = Upstream()
        async with scripted(answer_hello) as up:
            answer = await upstream.open("POST", up.url, "/v1/x", {}, BODY, 5.0)
            sock = answer._connection._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            answer.close()
            await upstream.close()

    run(check())


# Streams under pressure


def unacknowledged(x):
    """Bytes that the other side's kernel does not have yet."""
    return struct.unpack("i", fcntl.ioctl(x.writer.get_extra_info("socket"), termios.TIOCOUTQ, b"\0" * 4))[0]


async def read_into(answer, got):
    while part := await answer.read_some():
        got += part


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("per_write", [1, 5])
def test_events_before_a_reset_reach_a_reader_who_was_slow(run, per_write):
    """More than is read ahead, less than the kernel holds; the reset is there before the first is read."""
    pieces = [b"data: %d %b\n\n" % (number, b"x" * 1000) for number in range(90)]

    async def check():
        sent = asyncio.Event()

        async def script(x):
            await x.start_events()
            for at in range(0, len(pieces), per_write):
                await x.chunk(b"".join(pieces[at : at + per_write]))
            for _ in range(10_000):
                if not unacknowledged(x):  # a reset throws away what is still here
                    break
                await asyncio.sleep(0.001)
            x.reset()
            sent.set()

        upstream = Upstream()
        async with scripted(script) as up:
            answer = await upstream.open("POST", up.url, "/v1/x", {}, BODY, 5.0)
            await sent.wait()
            got = bytearray()
            with pytest.raises(ConnectionFailed):
                await read_into(answer, got)
            assert got == b"".join(pieces)
            await upstream.close()

    run(check())


# Headers


def sent_upstream(headers, credentials=None):
    return upstream_headers(headers, credentials or {}, "r")


def test_clients_credentials_stay_and_the_pools_go():
    given = {"authorization": "Bearer client", "x-api-key": "client", "api-key": "client", "cookie": "client"}
    assert "client" not in str(sent_upstream(given))
    sent = sent_upstream(given, {"authorization": "Bearer pool"})
    assert sent["authorization"] == "Bearer pool"
    assert "client" not in str(sent)


def test_what_concerns_the_clients_connection_stays():
    names = (
        "host", "content-length", "content-encoding", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive",
        "connection", "proxy-authorization", "proxy-connection", "expect", "origin", "referer", "x-pointsman-debug",
    )  # fmt: skip
    assert sent_upstream(dict.fromkeys(names, "1")) == {"accept-encoding": "identity", "x-request-id": "r"}


def test_what_a_connection_header_names_stays_and_nothing_else():
    given = {
        "connection": "keep-alive, X-Hop,x-other",
        "x-hop": "1",
        "x-other": "1",
        "x": "1",
        "x-hop-by": "1",
        "o": "1",
    }
    assert set(sent_upstream(given)) == {"x", "x-hop-by", "o", "accept-encoding", "x-request-id"}
    assert set(sent_upstream({"connection": "close", "c": "1", "lose": "1"})) >= {"c", "lose"}


def test_what_we_do_not_know_passes():
    given = {"openai-organization": "o", "openai-beta": "b", "x-vendor": "v", "traceparent": "t", "user-agent": "u"}
    assert given.items() <= sent_upstream(given).items()


def test_a_client_may_name_anthropics_version_but_no_key():
    pool = {"anthropic-version": "2023-06-01", "x-api-key": "pool"}
    assert sent_upstream({}, pool)["anthropic-version"] == "2023-06-01"
    sent = sent_upstream({"anthropic-version": "2099-01-01", "x-api-key": "client"}, pool)
    assert (sent["anthropic-version"], sent["x-api-key"]) == ("2099-01-01", "pool")


def test_answers_are_asked_for_uncompressed_and_under_our_id():
    sent = sent_upstream({"accept-encoding": "gzip, br", "x-request-id": "theirs"})
    assert (sent["accept-encoding"], sent["x-request-id"]) == ("identity", "r")


@given(st.dictionaries(st.sampled_from(["connection", "x-a", "x-b", "cookie", "authorization"]), st.text(max_size=20)))
def test_no_connection_header_lets_a_credential_through(headers):
    assert {"cookie", "authorization", "connection"}.isdisjoint(sent_upstream(headers))


def got_downstream(*fields):
    return downstream_headers([(name.encode(), value.encode()) for name, value in fields])


def test_what_concerns_the_upstreams_connection_or_host_stays():
    names = (
        "connection", "keep-alive", "transfer-encoding", "content-length", "trailer", "upgrade", "date", "server",
        "set-cookie", "alt-svc", "strict-transport-security", "endpoint-load-metrics", "proxy-authenticate",
        "access-control-allow-origin", "x-pointsman-model",
    )  # fmt: skip
    assert got_downstream(*((name, "1") for name in names)) == []


@pytest.mark.parametrize("order", [1, -1])
def test_what_an_answers_connection_header_names_stays(order):
    fields = [("x-hop", "1"), ("connection", "close, X-Hop"), ("x-kept", "1")]
    assert got_downstream(*fields[::order]) == [(b"x-kept", b"1")]


def test_the_rest_passes_byte_for_byte_and_the_id_under_another_name():
    fields = [
        ("x-request-id", "u1"),
        ("retry-after", "7"),
        ("x-ratelimit-limit", "1"),
        ("x-name", "张"),
        ("link", "a"),
        ("link", "b"),
    ]
    assert got_downstream(*fields) == [
        (b"x-upstream-request-id", b"u1"),
        (b"retry-after", b"7"),
        (b"x-ratelimit-limit", b"1"),
        (b"x-name", "张".encode()),
        (b"link", b"a"),
        (b"link", b"b"),
    ]
