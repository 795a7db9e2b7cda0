"""The lines of logs: as they are written, rotated, gzipped or from stdin; one at a time."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader, RawIOBase
from typing import IO, cast

from pointsman.gateway.errors import PointsmanError

STDIN = "-"
MAX_LINE = 4 * 1024**2
"""Bytes; a longer line is none of ours."""

_GZIP = b"\x1f\x8b"


class CannotRead(PointsmanError):
    pass


def read_lines(names: Iterable[str]) -> Iterator[bytes]:
    """Without empty ones; of a line that is too long only the beginning. CannotRead names the file."""
    for name in names:
        try:
            with _opened(name) as file:
                yield from _lines(file)
        except (OSError, EOFError, zlib.error) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise CannotRead(f"cannot read {name}: {reason or error}") from None


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == STDIN:
        yield _plain(cast(BufferedReader, sys.stdin.buffer))
        return
    with open(name, "rb") as file:
        yield _plain(file)


def _plain(file: BufferedReader) -> IO[bytes]:
    if file.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
        return file
    unzipped: BufferedIOBase = gzip.GzipFile(fileobj=file)
    return BufferedReader(cast(RawIOBase, unzipped), MAX_LINE // 16)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE):
        rest = line
        while len(rest) == MAX_LINE and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE)
        if not line.isspace():
            yield line
