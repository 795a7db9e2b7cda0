"""Time that passes only while everything waits, and then at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def virtual_time() -> Iterator[None]:
    """For the running loop, which must not wait for sockets meanwhile."""
    loop: Any = asyncio.get_running_loop()
    selector, now = loop._selector, loop.time()
    select = selector.select

    def jump(timeout: float | None = None) -> Any:
        nonlocal now
        now += timeout or 0.0
        return select(0 if timeout is not None else None)

    loop.time, selector.select = lambda: now, jump
    try:
        yield
    finally:
        del loop.time, selector.select
