from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from pointsman.gateway.observe import logs


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """A configured process log; everything that is global is put back."""
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    logs.configure("info", fd)
    yield path
    structlog.configure(**config)
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    os.close(fd)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_structlog_and_the_standard_library_write_the_same_lines(log_file: Path) -> None:
    structlog.get_logger("pointsman.app").info("reloaded", pools=2)
    logging.getLogger("uvicorn.error").warning("slow %s", "client")
    first, second = read(log_file)
    assert (first["event"], first["level"], first["logger"], first["pools"]) == (
        "reloaded",
        "info",
        "pointsman.app",
        2,
    )
    assert (second["event"], second["level"], second["logger"]) == ("slow client", "warning", "uvicorn.error")
    assert first["timestamp"].endswith("Z")


def test_lines_below_the_level_and_access_lines_are_left_out(log_file: Path) -> None:
    structlog.get_logger("pointsman").debug("detail")
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("aiohttp").debug("detail")
    assert read(log_file) == []


def test_access_lines_are_there_at_debug(log_file: Path) -> None:
    fd = os.open(log_file, os.O_WRONLY | os.O_APPEND)
    logs.configure("debug", fd)
    logging.getLogger("uvicorn.access").info('%s - "%s"', "127.0.0.1", "GET /v1/models?api_key=hunter2")
    os.close(fd)
    (line,) = read(log_file)
    assert "GET /v1/models" in line["event"]
    assert "hunter2" not in line["event"]


def test_secrets_are_in_no_part_of_a_line(log_file: Path) -> None:
    logs.hide(["s3cr3t-value"])
    log = structlog.get_logger("pointsman")
    log.error(
        "failed with s3cr3t-value",
        headers={"authorization": "Bearer other-one"},
        nested=[{"k": "s3cr3t-value"}],
    )
    try:
        raise RuntimeError("no s3cr3t-value")
    except RuntimeError:
        log.exception("trouble")
        logging.getLogger("asyncio").exception("trouble with %s", "s3cr3t-value")
    logging.getLogger("aiohttp").error("x", extra={"api_key": "other-one"})
    text = log_file.read_text("utf-8")
    assert "s3cr3t-value" not in text
    assert "other-one" not in text
    assert text.count("RuntimeError: no [redacted]") == 2


def test_a_message_that_cannot_be_formatted_or_encoded_is_still_a_line(log_file: Path) -> None:
    # given to our handler only: pytest's own would keep them, and stumble
    for message, arguments in (("%d items", ("many",)), ("half a character: \ud83d, a line\nbreak, 路由", ())):
        record = logging.LogRecord("lib", logging.ERROR, __file__, 1, message, arguments, None)
        logging.getLogger().handlers[0].handle(record)
    structlog.get_logger("x").warning("odd", value=object(), big=10**30, nan=float("nan"))
    first, second, third = read(log_file)
    assert "%d items" in first["event"]
    assert second["event"].endswith("a line\nbreak, 路由")
    assert third["big"] == 10**30


def test_warnings_are_log_lines(log_file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old option", UserWarning, stacklevel=1)
    assert "old option" in read(log_file)[0]["event"]


def test_stdout_stays_empty() -> None:
    code = (
        "import logging, structlog; from pointsman.gateway.observe import logs; logs.configure('info');"
        "structlog.get_logger('a').info('one'); logging.getLogger('b').info('two')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["one", "two"]


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("t", logging.INFO, __file__, 1, message, None, None)


def test_a_full_pipe_loses_lines_and_says_so_but_never_blocks() -> None:
    reader, writer = os.pipe()
    handler = logs.PipeHandler(writer)
    for number in range(500):
        handler.handle(record(f"{number}:" + "x" * 1000))
    received = os.read(reader, 2**20).decode()
    whole = [line for line in received.split("\n") if len(line) > 1000]
    assert 10 < len(whole) < 500
    handler.handle(record("after"))
    os.close(writer)
    lines = os.read(reader, 2**20).decode().split("\n")
    os.close(reader)
    assert json.loads(lines[-3])["lines"] == 500 - len(whole)
    assert lines[-2:] == ["after", ""]


def test_a_line_longer_than_the_pipe_does_not_spoil_the_next() -> None:
    reader, writer = os.pipe()
    handler = logs.PipeHandler(writer)
    handler.handle(record("x" * 2**20))
    os.read(reader, 2**20)
    handler.handle(record("next"))
    os.close(writer)
    lines = os.read(reader, 2**20).decode().split("\n")
    os.close(reader)
    assert lines[0] == ""
    assert lines[-2:] == ["next", ""]


def test_a_reader_that_went_away_is_no_trouble() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    handler = logs.PipeHandler(writer)
    handler.handle(record("one"))
    os.close(writer)
    handler.handle(record("two"))
