"""Stops a request's work the moment nobody waits for it: the client left, or a time limit passed.

One object per request instead of nested timeouts: awaiting the upstream stays a plain `await`, and a
limit that moves with every event costs an assignment. Servers differ in what they do on a disconnect
(a body generator is cancelled, an awaited call is not), so nothing here relies on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import TracebackType
from typing import Self

from pointsman.gateway.errors import ClientDisconnected, RequestError, UpstreamTimeout
from pointsman.gateway.wire.inbound import Receive


class Limit(StrEnum):
    FIRST_TOKEN = "first_token"
    IDLE = "idle"
    TOTAL = "total"


_ADVICE = {
    Limit.FIRST_TOKEN: "The upstream sent no first token within {seconds:g} s (timeouts.first_token).",
    Limit.IDLE: "The upstream sent nothing for {seconds:g} s in the middle of its answer (timeouts.idle).",
    Limit.TOTAL: "The answer was not complete after {seconds:g} s (timeouts.total).",
}


class LimitReached(UpstreamTimeout):
    def __init__(self, limit: Limit, seconds: float) -> None:
        super().__init__(_ADVICE[limit].format(seconds=seconds))
        self.limit = limit


class Watch:
    """`with Watch(receive) as watch:` around everything that waits on the upstream.

    Inside, `watch.limit(...)` sets the phase's limit and `watch.total(...)` the overall one; the block that
    is cancelled by them ends with LimitReached, by the client with ClientDisconnected. A cancellation
    from elsewhere (shutdown) passes through. `guard()` does the same for a part of the block, so that
    another attempt can follow."""

    __slots__ = (
        "_deadline", "_listener", "_loop", "_phase", "_reason", "_seconds", "_task", "_timer",
        "_total", "_total_seconds",
    )  # fmt: skip

    def __init__(self, receive: Receive) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._reason: RequestError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._phase = Limit.TOTAL
        self._deadline = self._total = float("inf")
        self._seconds = self._total_seconds = 0.0
        self._listener: asyncio.Task[None] | None = self._loop.create_task(self._listen(receive))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.settle()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if error is not None:
            self._translate(error)

    def settle(self) -> None:
        """The answer is about to be complete: from now on a client may leave. The total limit stays."""
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None

    def total(self, seconds: float) -> None:
        self._total, self._total_seconds = self._loop.time() + seconds, seconds
        self._arm()

    def limit(self, phase: Limit, seconds: float) -> None:
        self._phase, self._seconds = phase, seconds
        self._deadline = self._loop.time() + seconds
        self._arm()

    def hold(self) -> None:
        """The phase's limit rests (a slow client is not the upstream's fault); the total goes on."""
        self._deadline = float("inf")

    def touch(self) -> None:
        """Something arrived: the phase's limit starts anew. The timer finds out when it fires."""
        self._deadline = self._loop.time() + self._seconds

    @contextmanager
    def guard(self) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError as error:
            self._translate(error)
            raise

    def _translate(self, error: BaseException) -> None:
        """Raise what the cancellation `error` was for, if it was ours."""
        if self._reason is not None and isinstance(error, asyncio.CancelledError):
            reason, self._reason = self._reason, None
            self._task.uncancel()
            raise reason from None

    def _arm(self) -> None:
        deadline = min(self._deadline, self._total)
        if self._timer is None or self._timer.when() > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        due = min(self._deadline, self._total)
        self._timer = None
        if due > now:
            if due != float("inf"):
                self._timer = self._loop.call_at(due, self._check)
            return
        phase, seconds = (Limit.TOTAL, self._total_seconds) if self._total <= now else (self._phase, self._seconds)
        self._cancel(LimitReached(phase, seconds))

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._listener is not None:
            self._cancel(ClientDisconnected("The client left before the answer was complete."))

    def _cancel(self, reason: RequestError) -> None:
        if self._reason is None:
            self._reason = reason
            self._task.cancel()
