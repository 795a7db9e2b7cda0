"""`pointsman serve` as a process: what an operator, systemd and Kubernetes meet."""

import asyncio
import json
import signal
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest
import yaml

from tests.support.gateway import config, pool
from tests.support.process import environment, pointsman, started
from tests.support.upstream import answer_hello, chunk, scripted

BODY = {"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}
SECRET = "s3cr3t-of-the-pool"
KEY = "key-of-team-a"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.yaml"


def write(path, settings):
    path.write_text(yaml.safe_dump(settings))


def canned(text, **extra):
    """A policy that needs no upstream: it answers with `text` itself."""
    decisions = [{"name": "canned", "when": "true", "respond": {"message": text}}]
    return config({"small": pool("http://127.0.0.1:9")}, decisions, **extra)


async def ask(url, **headers):
    post = {"url": f"{url}/v1/chat/completions", "json": BODY, "headers": headers}
    async with aiohttp.ClientSession() as http, http.post(**post) as answer:
        body = await answer.json()
        return body["choices"][0]["message"]["content"] if answer.status == 200 else body["error"]


class Stream:
    """An upstream that sends one event, and the rest when it is told to."""

    def __init__(self):
        self.resume = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, x):
        await x.start_events()
        await x.event(chunk("first"))
        waiting = {asyncio.create_task(self.resume.wait()), asyncio.create_task(x.gone())}
        _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if not self.resume.is_set():
            self.left.set()
            x.close()
            return
        await x.event(chunk("last"))
        await x.event("[DONE]")
        await x.end()


@asynccontextmanager
async def streaming(path, upstream, **server):
    """A served gateway and a client that has read the beginning of a stream."""
    async with scripted(upstream) as up:
        write(path, config({"small": pool(up.url)}, server=server))
        async with started("serve", path, "--port", 0) as process:
            url = (await process.event("listening"))["url"]
            post = {"url": f"{url}/v1/chat/completions", "json": BODY | {"stream": True}}
            async with aiohttp.ClientSession() as http, http.post(**post) as answer:
                await answer.content.readuntil(b"\n\n")
                yield process, url, answer


async def test_it_says_where_it_listens_and_answers(path):
    async with scripted(answer_hello) as up:
        write(path, config({"small": pool(up.url)}))
        async with started("serve", path, "--port", 0) as process:
            url = (await process.event("listening"))["url"]
            assert await ask(url) == "hello"
            process.send(signal.SIGTERM)
            assert await process.end() == (0, "")
    assert process.events == ["listening", "draining", "stopped"]


async def test_sigterm_lets_a_stream_finish_and_takes_no_new_connections(path):
    upstream = Stream()
    async with streaming(path, upstream) as (process, url, answer):
        process.send(signal.SIGTERM)
        assert (await process.event("draining"))["requests"] == 1
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(f"{url}/healthz")
        upstream.resume.set()
        rest = await answer.content.read()
        assert await process.end() == (0, "")
    assert b'"last"' in rest
    assert rest.endswith(b"data: [DONE]\n\n")
    assert "cut" not in process.events


async def test_sigterm_lets_those_who_wait_for_a_place_have_theirs(path):
    release, came = asyncio.Event(), asyncio.Event()

    async def script(x):
        came.set()
        await release.wait()
        await answer_hello(x)

    async with scripted(script) as up:
        write(path, config({"small": pool(up.url, limits={"inflight": 1})}))
        async with started("serve", path, "--port", 0) as process:
            url = (await process.event("listening"))["url"]
            asking = [asyncio.create_task(ask(url)) for _ in range(3)]
            await came.wait()
            async with aiohttp.ClientSession() as http, asyncio.timeout(20):
                waiting = 0
                while waiting < 2:
                    async with http.get(f"{url}/admin/pools/small") as answer:
                        waiting = (await answer.json())["queue"]
            process.send(signal.SIGTERM)
            assert (await process.event("draining"))["requests"] == 3
            release.set()
            assert [await task for task in asking] == ["hello"] * 3
            assert await process.end() == (0, "")
    assert "cut" not in process.events


async def test_endpoints_found_by_the_systems_resolver(path):
    async with scripted(answer_hello) as up:
        discover = {"dns": up.url.replace("127.0.0.1", "localhost"), "interval": "50ms"}
        write(path, config({"small": {"model": "m", "discover": discover}}))
        async with started("serve", path, "--port", 0) as process:
            found = await process.event("discovered")
            url = (await process.event("listening"))["url"]
            assert await ask(url) == "hello"
    assert found["came"] == [up.url.removeprefix("http://")]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(path, second):
    upstream = Stream()
    async with streaming(path, upstream, drain="1h") as (process, _, answer):
        process.send(signal.SIGTERM)
        await process.event("draining")
        process.send(second)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()
        assert await process.end() == (0, "")
        await upstream.left.wait()
    assert process.log[-2]["reason"] == "second signal"
    assert process.events[-2:] == ["cut", "stopped"]


async def test_what_outlasts_the_drain_is_cut(path):
    upstream = Stream()
    async with streaming(path, upstream, drain="50ms") as (process, _, answer):
        process.send(signal.SIGTERM)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()
        assert await process.end() == (0, "")
        await upstream.left.wait()
    assert [(line["event"], line.get("requests")) for line in process.log] == [
        ("listening", None),
        ("draining", 1),
        ("cut", 1),
        ("stopped", None),
    ]


async def test_sighup_reads_the_file_again(path):
    write(path, canned("old", log={"level": "info"}))
    async with started("serve", path, "--port", 0) as process:
        url = (await process.event("listening"))["url"]
        assert await ask(url) == "old"

        write(path, canned("new"))
        process.send(signal.SIGHUP)
        await process.event("reloaded")
        assert await ask(url) == "new"

        path.write_text(path.read_text().replace("when: 'true'", "when: urgnt").replace("new", "newer"))
        process.send(signal.SIGHUP)
        failed = await process.event("reload_failed")
        line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "urgnt" in text)
        (problem,) = failed["problems"]
        assert failed["level"] == "error"
        assert problem.startswith(f"{path}:{line}:9: error: there is no signal `urgnt`")
        assert await ask(url) == "new"

        path.unlink()
        process.send(signal.SIGHUP)
        failed = await process.event("reload_failed")
        assert failed["problems"] == [f"{path}: error: there is no such file"]
        assert await ask(url) == "new"


async def test_a_reload_that_moves_the_port_says_that_it_does_not(path):
    write(path, canned("old"))
    async with started("serve", path, "--port", 0) as process:
        url = (await process.event("listening"))["url"]
        write(path, canned("new", server={"port": 8099}))
        process.send(signal.SIGHUP)
        warning = await process.event("restart_needed")
        assert warning["level"] == "warning"
        await process.event("reloaded")
        assert await ask(url) == "new"


async def test_a_reload_changes_drain_and_log_level(path):
    upstream = Stream()
    async with streaming(path, upstream, drain="1h") as (process, url, answer):
        settings = yaml.safe_load(path.read_text())
        write(path, settings | {"server": {"drain": "50ms"}, "log": {"level": "warning"}})
        async with aiohttp.ClientSession() as http, http.post(f"{url}/admin/reload") as reloaded:
            assert reloaded.status == 200
        process.send(signal.SIGTERM)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()
        assert (await process.end())[0] == 0
    assert process.events == ["listening", "cut"]


async def test_a_reload_never_opens_the_gateway_to_other_machines(path):
    auth = {"auth": {"keys": [{"key": "env:TEAM_KEY", "tenant": "team-a"}]}}
    write(path, canned("open", **auth))
    async with started("serve", path, "--host", "0.0.0.0", "--port", 0, TEAM_KEY=KEY) as process:
        url = (await process.event("listening"))["url"]
        assert url.startswith("http://0.0.0.0:")
        write(path, canned("open"))
        process.send(signal.SIGHUP)
        failed = await process.event("reload_failed")
        assert "without auth.keys only loopback" in failed["problems"][0]
        assert (await ask(url))["code"] == "invalid_api_key"


async def test_a_secret_is_in_no_line_of_the_log(path):
    async def refuse(x):
        await x.respond({"error": {"message": f"bad key {SECRET}"}}, status=401)

    async with scripted(refuse) as up:
        settings = config(
            {"small": pool(up.url, api_key="env:POOL_KEY")},
            auth={"keys": [{"key": "env:TEAM_KEY", "tenant": "team-a"}]},
            log={"level": "debug"},
        )
        write(path, settings)
        async with started("serve", path, "--port", 0, POOL_KEY=SECRET, TEAM_KEY=KEY) as process:
            url = (await process.event("listening"))["url"]
            assert (await ask(url, authorization=f"Bearer {KEY}"))["code"] == "upstream_auth"
            settings["pools"]["small"]["api_key"] = SECRET
            write(path, settings)
            process.send(signal.SIGHUP)
            await process.event("reload_failed")
            process.send(signal.SIGTERM)
            assert await process.end() == (0, "")
        assert up.last.headers["authorization"] == f"Bearer {SECRET}"
    log = json.dumps(process.log)
    assert SECRET not in log
    assert KEY not in log


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_one_line_and_status_1(path, taken):
    write(path, canned("hello"))
    done = pointsman("serve", path, "--port", taken)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"pointsman: error: cannot listen on 127.0.0.1:{taken}: the port is in use. "
        "Stop what uses it, or choose another with --port.\n",
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "without auth.keys only loopback may be listened on, not 0.0.0.0."),
        (["--host", "::"], "without auth.keys only loopback may be listened on, not ::."),
        (["--workers", 2], "--workers above 1 needs Redis"),
    ],
)
def test_what_is_refused(path, options, says):
    write(path, canned("hello"))
    done = pointsman("serve", path, "--port", 0, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"pointsman: error: {says}")
    assert done.stderr.count("\n") == 1


def test_a_bad_file_is_lines_with_places_and_status_2(path):
    path.write_text(
        "version: 1\n"
        "pools:\n"
        "  small: {model: s, endpoints: [http://127.0.0.1:8001], api_key: env:NOT_SET, engin: vllm}\n"
        "decisions:\n"
        "  - {name: all, when: urgnt, models: [smal]}\n"
    )
    env = {name: value for name, value in environment().items() if name != "NOT_SET"}
    done = pointsman("serve", path, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    expected = [
        "3:66: error: the environment variable NOT_SET is not set",
        "3:79: error: unknown key `engin`; did you mean `engine`?",
        "5:23: error: there is no signal `urgnt`",
        "5:39: error: there is no pool `smal`; did you mean `small`?",
    ]
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(f"{path}:{start}")


def test_what_is_no_yaml_is_a_line_with_a_place(path):
    path.write_text("version: 1\npools: {small: [\n")
    done = pointsman("serve", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{path}:3:1: error: ")
    assert "Traceback" not in done.stderr


async def test_the_control_plane_has_its_port_from_the_file(path):
    write(path, canned("hello", server={"port": 0, "control_port": 0}))
    async with started("serve", path) as process:
        listening = await process.event("listening")
        async with aiohttp.ClientSession() as http, http.get(f"{listening['control']}/readyz") as answer:
            assert answer.status == 200
        assert await ask(listening["url"]) == "hello"
        process.send(signal.SIGTERM)
        assert (await process.end())[0] == 0


async def test_a_watched_file_is_reloaded_when_it_changes_and_a_broken_one_is_not(path, tmp_path):
    write(path, canned("one", include=["signals.yaml"]))
    signals = tmp_path / "signals.yaml"
    signals.write_text("signals: {a: {type: keyword, any: [a]}}")
    async with started("serve", path, "--port", 0, "--watch") as process:
        url = (await process.event("listening"))["url"]
        signals.write_text("signals: {a: {type: keyword, any: [")
        assert (await process.event("reload_failed"))["serving"] == "the old configuration"
        assert await ask(url) == "one"
        signals.write_text("signals: {a: {type: keyword, any: [b]}}")
        assert (await process.event("reloaded"))["changes"] == ["signal `a`: any: [a] → [b]"]
        other = path.with_suffix(".new")
        write(other, canned("two", include=["signals.yaml"]))
        other.replace(path)
        assert (await process.event("reloaded"))["changes"] == ["decision `canned`: respond.message: one → two"]
        assert await ask(url) == "two"
        process.send(signal.SIGTERM)
        assert await process.end() == (0, "")
