"""`pointsman demo` as a process, as a newcomer meets it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from rich.cells import cell_len

from pointsman.gateway.commands.demo_traffic import PROMPTS
from tests.support.process import PATIENCE, POINTSMAN, environment, pointsman

PORTS = (8080, 8001, 8002, 8003)
COLUMNS = ["prompt", "signals", "decision", "model", "endpoint", "cache", "TTFT", "cost"]


@pytest.fixture(scope="module")
def once() -> Iterator[str]:
    """What `demo --once` prints into a pipe while all of its usual ports are taken."""
    with ExitStack() as taken:
        for port in PORTS:
            with suppress(OSError):  # then somebody else has it, which is as good
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
        done = pointsman("demo", "--once")
        assert (done.returncode, done.stderr) == (0, "")
        yield done.stdout


def rows(out: str) -> list[list[str]]:
    """The cells below the table's head; two spaces are the least between columns."""
    lines = out.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("prompt"))
    assert lines[head].split() == COLUMNS
    return [re.split(r" {2,}", line.strip()) for line in lines[head + 2 : head + 2 + len(PROMPTS)]]


def test_every_request_has_a_row_and_every_row_every_column(once: str) -> None:
    table = rows(once)
    assert [len(row) for row in table] == [len(COLUMNS)] * len(PROMPTS)
    for prompt, row in zip(PROMPTS, table, strict=True):
        shown = row[0].removesuffix("…")
        assert shown
        assert " ".join(prompt.text.split()).startswith(shown)


def test_the_rows_tell_what_happened(once: str) -> None:
    by_prompt = {row[0]: row[1:] for row in rows(once)}
    signals, decision, model, endpoint, cache, ttft, cost = by_prompt["Derrive the quadratic formula step by step"]
    assert (signals, decision, model, cache) == ("reasoning", "hard", "large-72b", "bypass")
    assert re.fullmatch(r"127\.0\.0\.1:\d+", endpoint)
    assert re.fullmatch(r"\d+ ms", ttft)
    assert float(cost.removeprefix("$")) > 0
    assert by_prompt["用一句话介绍北京"][1] == "everything"
    assert by_prompt["ما هي عاصمة مصر؟ الأمر عاجل"][0].startswith("urgent ")
    assert by_prompt["I want the large model for this."][1:3] == ["explicit", "large-72b"]
    assert by_prompt["Is there a model of this name?"][1:4] == ["model_not_found", "error 404", "–"]
    blocked = by_prompt["Is my key sk-abcdefghij0123456789 valid?"]
    assert blocked[:4] == ["leak", "block-secrets", "error 403", "–"]
    assert (blocked[4], blocked[6]) == ("bypass", "–")


def test_both_pools_and_all_endpoints_are_used(once: str) -> None:
    used = {(row[3], row[4]) for row in rows(once) if row[4] != "–"}
    assert sorted(model for model, _ in used) == ["large-72b", "small-7b", "small-7b"]
    assert not {endpoint.rpartition(":")[2] for _, endpoint in used} & {str(port) for port in PORTS}


def test_a_pipe_gets_plain_text(once: str) -> None:
    assert all(line.isprintable() for line in once.splitlines())
    assert max(map(cell_len, once.splitlines())) <= 160


async def test_it_stays_up_and_its_instructions_work() -> None:
    process = await asyncio.create_subprocess_exec(
        POINTSMAN, "demo", "--port", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            text = (await process.stdout.readuntil(b"Press Ctrl-C to stop.\n")).decode()
            status, headers, body = await asyncio.to_thread(call, curl(text))
            assert (status, headers["x-pointsman-decision"], headers["x-pointsman-pool"]) == (200, "hard", "large")
            assert json.loads(body)["choices"][0]["message"]["content"]
            assert (await process.stdout.readline()).startswith(b"Prove it ")

            answer = await asyncio.to_thread(python, sdk(text))
            assert answer.stderr == ""
            assert answer.stdout.strip()
            assert (await process.stdout.readline()).startswith(b"Hello ")

            (metrics,) = re.findall(r"^Metrics: (\S+)$", text, re.MULTILINE)
            _, _, scraped = await asyncio.to_thread(call, Request(metrics))
            assert b"pointsman_requests_total{" in scraped
            process.send_signal(signal.SIGINT)
            rest, errors = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert (process.returncode, rest.strip(), errors) == (0, b"", b"")


def curl(text: str) -> Request:
    """The printed command, as curl would send it."""
    command = text[text.index("curl ") :].partition("\n\n")[0]
    arguments = iter(shlex.split(command.replace("\\\n", " "))[1:])
    url, data, headers = "", b"", {}
    for argument in arguments:
        if argument == "-H":
            name, _, value = next(arguments).partition(": ")
            headers[name] = value
        elif argument == "-d":
            data = next(arguments).encode()
        elif argument != "-i":
            url = argument
    return Request(url, data, headers)


def call(request: Request) -> tuple[int, dict[str, str], bytes]:
    try:
        with urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:
        return error.code, dict(error.headers), error.read()


def sdk(text: str) -> str:
    snippet = text[text.index("  from openai") :].partition("\n\n")[0]
    return "\n".join(line.removeprefix("  ") for line in snippet.splitlines())


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment()
    )


@pytest.mark.parametrize("width", [40, 80, 120])
def test_in_a_terminal_the_table_fits_and_ctrl_c_ends_it(width: int) -> None:
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    with subprocess.Popen(
        [POINTSMAN, "demo", "--port", "0"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env={k: v for k, v in environment(TERM="xterm").items() if k not in ("COLUMNS", "NO_COLOR")},
    ) as process:
        os.close(terminal)
        shown = b""
        while b"Derrive" not in shown:
            shown += os.read(main, 4096)
        process.send_signal(signal.SIGINT)
        while piece := _read(main):
            shown += piece
        assert process.wait(PATIENCE) == 130
    os.close(main)
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", shown.decode())
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", text)]
    assert "Traceback" not in text
    assert max(map(cell_len, lines)) <= width
    assert any(line.startswith("Hello!") for line in lines)


def test_it_ends_quietly_when_nobody_reads() -> None:
    with subprocess.Popen(
        [POINTSMAN, "demo", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 130


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except OSError:  # Linux says so when nobody holds the terminal any more
        return b""
