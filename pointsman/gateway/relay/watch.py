"""Stops a request's work the moment nobody waits for it: the client left, or a time limit passed.

One object per request instead of nested timeouts: awaiting the upstream stays a plain `await`, and a
limit that moves with every event costs an assignment. Servers differ in what they do on a disconnect
(a body generator is cancelled, an awaited call is not), so nothing here relies on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from pointsman.gateway.errors import ClientDisconnected, RequestError, UpstreamTimeout
from pointsman.gateway.wire.inbound import Receive


class Limit(StrEnum):
    FIRST_TOKEN = "first_token"
    IDLE = "idle"
    TOTAL = "total"
    DEADLINE = "deadline"  # the client's own, instead of the total


_ADVICE = {
    Limit.FIRST_TOKEN: "The upstream sent no first token within {seconds:g} s (timeouts.first_token).",
    Limit.IDLE: "The upstream sent nothing for {seconds:g} s in the middle of its answer (timeouts.idle).",
    Limit.TOTAL: "The answer was not complete after {seconds:g} s (timeouts.total).",
    Limit.DEADLINE: "The answer was not complete in the {seconds:.3g} s that x-pointsman-deadline-ms left for it.",
}

_NEVER = float("inf")
# Most plain answers are faster; only then is a task for the client's leaving worth its cost. Far below a second,
# within which an upstream must hear of it, and a leaving that came earlier is not forgotten.
_QUICK = 0.03


class LimitReached(UpstreamTimeout):
    def __init__(self, limit: Limit, seconds: float) -> None:
        super().__init__(_ADVICE[limit].format(seconds=seconds))
        self.limit = limit

    @property
    def overall(self) -> bool:
        """No time is left for another attempt."""
        return self.limit in (Limit.TOTAL, Limit.DEADLINE)


class ClientStalled(ClientDisconnected):
    """As good as gone: the time was up, and it was the client that was waited for."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The client did not read its answer within {seconds:.3g} s.")


class _Guard:
    """What `contextlib.contextmanager` would make, for a fraction of its time."""

    __slots__ = ("_translate",)

    def __init__(self, translate: Callable[[BaseException], None]) -> None:
        self._translate = translate

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._translate(error)


class Watch:
    """`with Watch(receive) as watch:` around everything that waits on the upstream.

    Inside, `watch.limit(...)` sets the phase's limit and `watch.total(...)` the overall one; the block that
    is cancelled by them ends with LimitReached, by the client with ClientDisconnected. A cancellation
    from elsewhere (shutdown) passes through. `guard()` does the same for a part of the block, so that
    another attempt can follow."""

    __slots__ = (
        "_deadline", "_held", "_listen_at", "_listener", "_loop", "_others", "_overall", "_phase", "_reason",
        "_receive", "_seconds", "_task", "_timer", "_timer_at", "_total", "_total_seconds", "ongoing",
    )  # fmt: skip

    def __init__(self, receive: Receive | None) -> None:
        """`receive` tells of the client; without it whoever knows of somebody's leaving calls `stop`."""
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._others = task.cancelling()  # cancellations that are none of ours
        self._reason: RequestError | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_at = _NEVER  # uvloop gives no TimerHandle for what is due at once
        self._phase = self._overall = Limit.TOTAL
        self._deadline = self._total = self._seconds = self._total_seconds = _NEVER
        self._held = False
        self.ongoing = False  # what is "sent" is kept here, and the client waits on
        self._receive = receive
        self._listener: asyncio.Task[None] | None = None
        self._listen_at = _NEVER if receive is None else self._loop.time() + _QUICK

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop_listening()
        self._stop_timer()
        if error is not None:
            self._translate(error)

    def total(self, seconds: float, limit: Limit = Limit.TOTAL) -> None:
        self._total, self._total_seconds, self._overall = self._loop.time() + seconds, seconds, limit
        self._arm()

    def limit(self, phase: Limit, seconds: float) -> None:
        self._phase, self._seconds, self._held = phase, seconds, False
        self._deadline = self._loop.time() + seconds
        self._arm()

    def unlimit(self) -> None:
        """The phase is over and no other has begun; the total goes on."""
        self._deadline, self._seconds, self._held = _NEVER, _NEVER, False
        self._arm()

    def hold(self) -> None:
        """Until `touch` it is the client that is waited for, which is not the upstream's fault; the total goes on."""
        self._deadline, self._held = _NEVER, True

    def touch(self) -> None:
        """Something is asked of the upstream: the phase's limit starts anew. The timer finds out when it fires."""
        self._deadline, self._held = self._loop.time() + self._seconds, False

    def stop(self, reason: RequestError) -> None:
        """End with `reason`, now."""
        self._cancel(reason)

    async def finish(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send the end of the answer: the client may leave with it, and then nothing is limited any more."""
        if self.ongoing:
            await sending
            return
        self._stop_listening()
        self.hold()
        await sending
        self._stop_timer()

    def guard(self) -> _Guard:
        return _Guard(self._translate)

    def _translate(self, error: BaseException) -> None:
        """Raise what the cancellation `error` was for, if it was ours alone."""
        if self._reason is None:
            return
        reason, self._reason = self._reason, None
        others = self._task.uncancel() > self._others
        if isinstance(error, asyncio.CancelledError) and not others:
            raise reason from None

    def _stop_listening(self) -> None:
        self._listen_at = _NEVER
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, _NEVER

    def _arm(self) -> None:
        when = min(self._deadline, self._total, self._listen_at)
        if when < self._timer_at:
            self._wake_at(when)

    def _wake_at(self, when: float) -> None:
        if when < self._timer_at:
            self._stop_timer()
            self._timer, self._timer_at = self._loop.call_at(when, self._check), when

    def _check(self) -> None:
        now = self._loop.time()
        self._timer, self._timer_at = None, _NEVER
        if self._listen_at <= now and self._receive is not None:
            self._listen_at = _NEVER
            self._listener = self._loop.create_task(self._listen(self._receive))
        if self._total <= now:
            self._cancel(self._overdue())
        elif self._deadline <= now:
            self._cancel(LimitReached(self._phase, self._seconds))
        else:
            # `touch` arms no timer, so while a client is waited for this one ticks at least as often.
            # uvloop counts in milliseconds, and may be early by one.
            self._wake_at(min(self._listen_at, self._deadline, self._total, now + self._seconds))

    def _overdue(self) -> RequestError:
        return ClientStalled(self._total_seconds) if self._held else LimitReached(self._overall, self._total_seconds)

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._listener is not None:
            self._cancel(ClientDisconnected("The client left before the answer was complete."))

    def _cancel(self, reason: RequestError) -> None:
        if self._reason is None:
            self._task.cancel()
            self._reason = reason
        elif isinstance(reason, ClientDisconnected):
            self._reason = reason  # whatever else happened at the same time, nobody is left for another attempt
