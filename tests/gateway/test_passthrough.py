"""Other `/v1/*` paths: bytes both ways, to the pool that lists them."""

import asyncio
import gzip
import io
import json

import aiohttp
import openai
import pytest

from pointsman.gateway.pools.lease import Lease
from tests.support.clients import KEY, call, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, head, scripted

DEAD = "http://127.0.0.1:9"
PATHS = ["/v1/images", "/v1/audio", "/v1/rerank", "/score", "/v1/files", "/tokenize"]
MB = 1024**2


async def echo(x):
    await x.respond({"path": x.request.target, "size": len(x.request.body)})


def media(url, **extra):
    return pool(url, model="org/media", paths=PATHS, **extra)


def settings(url, **extra):
    return config({"small": pool(DEAD), "media": media(url)}, **extra)


# Which pool


async def test_the_pool_that_lists_the_path_gets_it():
    async with scripted(echo) as up, serving(settings(up.url)) as gateway:
        answer = await call("POST", f"{gateway.v1}/rerank", json={"query": "q", "documents": ["a"]})
    assert answer.json["path"] == "/v1/rerank"
    assert answer.headers["x-pointsman-decision"] == "explicit"
    assert answer.headers["x-pointsman-pool"] == "media"
    assert answer.headers["x-pointsman-model"] == "org/media"


@pytest.mark.parametrize("path", ["/v1/moderations", "/v1/imagesque", "/v1", "/", "/nothing", "/v1/other"])
async def test_a_path_that_no_pool_lists_is_a_404_that_says_where_to_list_it(path):
    async with serving(settings(DEAD)) as gateway:
        answer = await call("POST", gateway.url + path, json={"input": "x"})
    assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert "`paths`" in answer.error["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files/../admin",
        "/v1/files/%2e%2e/admin",
        "/v1/files/x%2f..%2f..%2fadmin",
        "/v1/files/..%5cadmin",
        "/v1/files/.",
    ],
)
async def test_a_path_cannot_climb_out_of_what_is_listed(path):
    async with scripted(echo) as up, serving(settings(up.url)) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert up.requests == []


async def test_encoded_characters_stay_encoded():
    """Decoded, they could end the request line and begin a request of their own."""
    path = "/v1/files/a%20b%0d%0aX-Evil:%201%E6%98%8E"
    async with scripted(echo) as up, serving(settings(up.url)) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        writer.write(f"GET {path}?q=%0a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert up.last.target == f"{path}?q=%0a"
    assert "x-evil" not in up.last.headers


@pytest.mark.parametrize(
    ("asked", "upstream"),
    [("/v1/score", "/score"), ("/score", "/score"), ("/tokenize/", "/tokenize"), ("/v1/tokenize", "/tokenize"),
     ("/images/generations", "/v1/images/generations"), ("/v1/files/", "/v1/files")],
)  # fmt: skip
async def test_the_spelling_in_the_file_is_the_upstreams(asked, upstream):
    async with scripted(echo) as up, serving(settings(up.url)) as gateway:
        assert (await call("POST", gateway.url + asked, json={"prompt": "x"})).json["path"] == upstream


async def test_a_models_name_chooses_among_those_that_list_the_path():
    async with scripted(echo) as one, scripted(echo) as two:
        pools = {
            "a": pool(one.url, model="m/a", paths=["/v1/rerank"]),
            "b": pool(two.url, model="m/b", paths=["/v1/rerank"]),
        }
        async with serving(config(pools)) as gateway:
            for model in ("m/b", "b"):
                raw = b'{ "model" : "%b", "x": 1.0 }' % model.encode()
                headers = {"content-type": "application/json"}
                assert (await call("POST", f"{gateway.v1}/rerank", data=raw, headers=headers)).status == 200
                assert two.last.body == b'{ "model" : "m/b", "x": 1.0 }'
    assert (len(one.requests), len(two.requests)) == (0, 2)


async def test_a_model_whose_pool_does_not_list_the_path_is_a_404_with_those_that_do():
    async with serving(settings(DEAD)) as gateway:
        answer = await call("POST", f"{gateway.v1}/rerank", json={"model": "small"})
    assert (answer.status, answer.error["param"]) == (404, "model")
    assert "media" in answer.error["message"]


async def test_an_alias_means_any_pool_and_its_model_is_filled_in():
    async with scripted(echo) as up, serving(settings(up.url)) as gateway:
        await call("POST", f"{gateway.v1}/rerank", json={"model": "auto", "query": "q"})
        assert up.last.json == {"model": "org/media", "query": "q"}
        raw = b'{"input_file_id": "f", "endpoint": "/v1/x"}'
        await call("POST", f"{gateway.v1}/files", data=raw, headers={"content-type": "application/json"})
        assert up.last.body == raw  # a body without a model gets none


async def test_an_anthropic_pool_may_list_paths_too(monkeypatch):
    monkeypatch.setenv("POOL_KEY", "pool-key")
    async with scripted(echo) as up:
        claude = pool(up.url, provider="anthropic", api_key="env:POOL_KEY", paths=["/v1/messages/batches"])
        async with serving(config({"claude": claude})) as gateway:
            answer = await call("GET", f"{gateway.v1}/messages/batches/b1", headers={"x-api-key": KEY})
    assert answer.json["path"] == "/v1/messages/batches/b1"
    assert up.last.headers["x-api-key"] == "pool-key"


# Through the SDK


async def test_images():
    async def script(x):
        await x.respond({"created": 1, "data": [{"b64_json": "aGk="}]})

    async with scripted(script) as up, serving(settings(up.url)) as gateway, openai_sdk(gateway.v1) as client:
        answer = await client.images.generate(model="auto", prompt="a cat")
    assert answer.data[0].b64_json == "aGk="
    assert up.last.json["model"] == "org/media"


async def test_speech_comes_back_as_bytes():
    sound = bytes(range(256)) * 1000

    async def script(x):
        await x.respond(sound, headers={"content-type": "audio/mpeg"})

    async with scripted(script) as up, serving(settings(up.url)) as gateway, openai_sdk(gateway.v1) as client:
        answer = await client.audio.speech.create(model="media", voice="alloy", input="hi")
    assert answer.content == sound
    assert answer.response.headers["content-type"] == "audio/mpeg"


async def test_transcriptions_upload_multipart():
    async def script(x):
        await x.respond({"text": "hello"})

    sound = bytes(range(256)) * 4000
    async with scripted(script) as up, serving(settings(up.url)) as gateway, openai_sdk(gateway.v1) as client:
        answer = await client.audio.transcriptions.create(model="whisper", file=("a.wav", io.BytesIO(sound)))
    assert answer.text == "hello"
    sent = up.last
    assert sound in sent.body
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert "content-length" in sent.headers
    assert KEY not in str(sent.headers)


async def test_files_with_queries_and_without_bodies():
    async def script(x):
        if x.request.method == "DELETE":
            await x.respond({"id": "file-1", "object": "file", "deleted": True})
        else:
            await x.respond({"object": "list", "data": [], "has_more": False})

    async with scripted(script) as up, serving(settings(up.url)) as gateway, openai_sdk(gateway.v1) as client:
        await client.files.list(purpose="batch", limit=5)
        assert (up.last.method, up.last.target, up.last.body) == ("GET", "/v1/files?limit=5&purpose=batch", b"")
        assert "content-length" not in up.last.headers
        assert (await client.files.delete("file-1")).deleted
        assert (up.last.method, up.last.target) == ("DELETE", "/v1/files/file-1")


async def test_errors_of_the_upstream_reach_the_sdk():
    async def script(x):
        await x.respond({"error": {"message": "no such file", "code": "missing"}}, 404)

    async with scripted(script) as up, serving(settings(up.url)) as gateway, openai_sdk(gateway.v1) as client:
        with pytest.raises(openai.NotFoundError, match="no such file") as caught:
            await client.files.retrieve("file-1")
    assert caught.value.response.headers["x-pointsman-error-source"] == "upstream"


async def test_events_of_other_paths_pass_as_they_come():
    heard = asyncio.Event()

    async def script(x):
        await x.start_events()
        await x.event({"type": "speech.audio.delta", "audio": "aGk="})
        await heard.wait()
        await x.event({"type": "speech.audio.done"})
        await x.end()

    async with scripted(script) as up, serving(settings(up.url)) as gateway, openai_sdk(gateway.v1) as client:
        got = b""
        speech = client.audio.speech.with_streaming_response
        async with speech.create(model="auto", voice="alloy", input="hi", stream_format="sse") as answer:
            async for piece in answer.iter_bytes():
                got += piece
                heard.set()
    assert got.count(b"data: ") == 2


# Uploads


class Slow:
    """An upstream that tells how much of a body has arrived while it still arrives."""

    def __init__(self, script):
        self.script = script
        self.headers = {}
        self.body = bytearray()
        self.arrived = asyncio.Event()
        self.connections = 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error):
        self.server.close()

    async def _connected(self, reader, writer):
        self.connections += 1
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        self.headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        try:
            await self.script(self, reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def take(self, reader, size):
        while len(self.body) < size and (data := await reader.read(65536)):
            self.body += data
            self.arrived.set()


def reply(body=b'{"ok": true}', status=200):
    return head(status, {"content-type": "application/json", "content-length": str(len(body))}) + body


async def upload(gateway, parts, **headers):
    headers = {"content-type": "application/octet-stream", **headers}
    return await call("POST", f"{gateway.v1}/files", data=parts, headers=headers)


async def test_a_body_goes_on_while_it_still_comes():
    async def script(up, reader, writer):
        await up.take(reader, 5 + 2 * MB)
        writer.write(reply())

    async def parts(up):
        yield b"first"
        await up.arrived.wait()  # in vain, if the gateway kept it back
        yield b"x" * 2 * MB

    async with asyncio.timeout(10), Slow(script) as up, serving(settings(up.url)) as gateway:
        answer = await upload(gateway, parts(up), **{"content-length": str(5 + 2 * MB)})
    assert answer.json == {"ok": True}
    assert bytes(up.body) == b"first" + b"x" * 2 * MB
    assert up.headers["content-length"] == str(5 + 2 * MB)
    assert "transfer-encoding" not in up.headers


async def test_a_body_of_unknown_length_goes_on_in_chunks():
    async def parts():
        for number in range(3):
            yield b"part %d;" % number

    async with scripted(echo) as up, serving(settings(up.url)) as gateway:
        answer = await upload(gateway, parts())
    assert answer.json["size"] == len(b"part 0;part 1;part 2;")
    assert up.last.headers["transfer-encoding"] == "chunked"


async def test_an_encoding_is_the_upstreams_business():
    packed = gzip.compress(b"x" * 1000)
    async with scripted(echo) as up, serving(settings(up.url)) as gateway:
        await upload(gateway, packed, **{"content-encoding": "gzip"})
    assert up.last.body == packed
    assert up.last.headers["content-encoding"] == "gzip"


async def test_a_slow_upstream_slows_the_client():
    sent = 0
    release = asyncio.Event()

    async def script(up, reader, writer):
        await release.wait()
        await up.take(reader, 64 * MB)
        writer.write(reply())

    async def parts():
        nonlocal sent
        for _ in range(1024):
            yield b"x" * 65536
            sent += 65536

    async with Slow(script) as up, serving(settings(up.url, server={"max_body": "64MB"})) as gateway:
        task = asyncio.create_task(upload(gateway, parts(), **{"content-length": str(64 * MB)}))
        before = -1
        while before != sent or not sent:  # until it stands still
            before = sent
            for _ in range(50):
                await call("GET", f"{gateway.url}/healthz")
        assert sent < 32 * MB
        release.set()
        assert (await task).status == 200
    assert len(up.body) == 64 * MB


async def test_a_declared_length_over_the_limit_is_refused_before_anybody_is_asked():
    async with scripted(echo) as up, serving(settings(up.url, server={"max_body": "10KB"})) as gateway:
        answer = await upload(gateway, b"x" * 20_000)
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert up.requests == []


async def test_a_body_that_turns_out_too_long_is_refused_and_no_endpoint_is_blamed():
    async def parts():
        for _ in range(20):
            yield b"x" * 1000

    async def script(up, reader, writer):
        await up.take(reader, 10 * MB)

    async with Slow(script) as up, serving(settings(up.url, server={"max_body": "10KB"})) as gateway:
        for _ in range(6):  # as many failures would put the endpoint out
            answer = await upload(gateway, parts())
            assert (answer.status, answer.error["code"]) == (413, "request_too_large")
            assert answer.headers["x-pointsman-error-source"] == "gateway"
        assert up.connections == 6
        assert gateway.gateway.runtime.pools["media"].endpoints[0].up


async def test_an_endpoint_that_refuses_the_connection_is_passed_over():
    async with scripted(echo) as up:
        endpoints = media(DEAD) | {"endpoints": [DEAD, up.url], "balance": "round_robin"}
        async with serving(config({"media": endpoints})) as gateway:
            for _ in range(4):
                assert (await upload(gateway, b"abc")).json["size"] == 3


async def test_a_body_that_was_sent_is_not_sent_again():
    async def script(x):
        x.close()

    async with scripted(script) as one, scripted(script) as two:
        endpoints = media(one.url) | {"endpoints": [one.url, two.url], "retry": {"attempts": 3}}
        async with serving(config({"media": endpoints})) as gateway:
            answer = await upload(gateway, b"abc")
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert len(one.requests) + len(two.requests) == 1


async def test_an_answer_before_the_end_of_the_body_is_passed_on():
    async def script(up, reader, writer):
        writer.write(reply(b'{"error": {"message": "not that kind"}}', 415))
        await writer.drain()
        await up.take(reader, 2**40)

    answered = asyncio.Event()

    async def parts():
        yield b"x" * 1000
        while not answered.is_set():
            yield b"x" * 1000
            await asyncio.sleep(0)

    async with Slow(script) as up, serving(settings(up.url)) as gateway:
        task = asyncio.create_task(upload(gateway, parts()))
        outcomes = asyncio.Queue()
        gateway.gateway.observe(outcomes.put_nowait)
        assert (await outcomes.get()).status == 415
        answered.set()
        assert (await task).error["message"] == "not that kind"
        assert (await upload(gateway, b"again")).status == 415  # on a connection of its own
        assert up.connections == 2


async def test_a_client_that_leaves_in_the_middle_frees_the_upstream():
    gone = asyncio.Event()

    async def script(up, reader, writer):
        await up.take(reader, 2**40)
        gone.set()

    async def parts(up):
        yield b"first"
        await up.arrived.wait()
        raise ConnectionResetError

    async with Slow(script) as up, serving(settings(up.url)) as gateway:
        outcomes = asyncio.Queue()
        gateway.gateway.observe(outcomes.put_nowait)
        before = Lease.out
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await upload(gateway, parts(up))
        async with asyncio.timeout(5):
            await gone.wait()
            assert (await outcomes.get()).status == 499
        assert Lease.out == before


async def test_a_client_that_leaves_after_its_upload_is_noticed():
    got_all, gone = asyncio.Event(), asyncio.Event()

    async def script(up, reader, writer):
        await up.take(reader, 3)
        got_all.set()
        await reader.read()
        gone.set()

    async with Slow(script) as up, serving(settings(up.url)) as gateway:
        task = asyncio.create_task(upload(gateway, b"abc"))
        await got_all.wait()
        task.cancel()
        async with asyncio.timeout(5):
            await gone.wait()


async def test_a_json_body_is_read_whole_and_can_be_tried_again():
    answers = iter([503, 200])

    async def script(x):
        await x.respond({"size": len(x.request.body)}, next(answers))

    async with scripted(script) as up:
        endpoints = media(up.url) | {"endpoints": [up.url, up.url.replace("127.0.0.1", "localhost")]}
        async with serving(config({"media": endpoints})) as gateway:
            answer = await call("POST", f"{gateway.v1}/rerank", json={"query": "q"})
    assert answer.status == 200
    assert len(up.requests) == 2


async def test_bad_json_for_a_listed_path_is_a_400():
    async with serving(settings(DEAD)) as gateway:
        answer = await call("POST", f"{gateway.v1}/rerank", data=b"{", headers={"content-type": "application/json"})
    assert (answer.status, answer.error["code"]) == (400, "invalid_json")


async def test_lines_of_json_are_not_json():
    lines = b"\n".join(json.dumps({"n": n}).encode() for n in range(3))
    async with scripted(echo) as up, serving(settings(up.url)) as gateway:
        answer = await upload(gateway, lines, **{"content-type": "application/jsonl"})
    assert answer.status == 200
    assert up.last.body == lines


async def test_the_gateways_own_routes_are_not_up_for_listing():
    async with scripted(answer_hello) as up, serving(config({"a": pool(up.url, paths=["/v1"])})) as gateway:
        assert (await call("GET", f"{gateway.v1}/chat/completions")).status == 405
        assert (await call("GET", f"{gateway.v1}/models")).json["object"] == "list"
        assert (await call("GET", f"{gateway.url}/healthz")).json == {"status": "ok"}
    assert up.requests == []
