from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from pointsman.gateway.commands.sim import sim

RUN = "import typer; from pointsman.gateway.commands.sim import sim; typer.run(sim)"


def invoke(*arguments: str) -> Result:
    app = typer.Typer(add_completion=False)
    app.command()(sim)
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_it_says_where_it_serves_and_ends_on_a_signal() -> None:
    arguments = ["--model", "org/tiny", "--port", "0", "--gpu-blocks", "64", "--speed", "inf"]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        found = re.search(r"org/tiny at (http://127\.0\.0\.1:\d+)/v1", process.stderr.readline())
        assert found
        with urlopen(f"{found[1]}/v1/models") as response:
            (card,) = json.load(response)["data"]
    finally:
        os.kill(process.pid, signal.SIGTERM)
        out, errors = process.communicate(timeout=10)
    assert (card["id"], card["max_model_len"]) == ("org/tiny", 64 * 16)
    assert (process.returncode, out, errors) == (0, "", "")


def test_a_port_in_use_is_one_line_and_exit_1(taken_port: int) -> None:
    result = invoke("--port", str(taken_port))
    assert result.exit_code == 1
    assert result.stderr.strip() == (
        f"pointsman sim: 127.0.0.1:{taken_port} is in use; choose another --port, or 0 for any free one"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fault", "explode"), "explode"),
        (("--speed", "0"), "speed"),
        (("--max-num-seqs", "0"), "max_num_seqs"),
        (("--gpu-blocks", "10", "--max-model-len", "1000"), "max_model_len"),
        (("--preset", "huge"), "huge"),
    ],
)
def test_wrong_usage_is_exit_2(arguments: tuple[str, ...], message: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
