"""The connections of clients that may be too many, or ask too much at once: each request passes the gate first."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from pointsman.gateway.app import Gateway, is_control
from pointsman.gateway.observe.outcome import Refused
from pointsman.gateway.overload import Gate
from pointsman.gateway.protocol import Protocol
from pointsman.gateway.refusal import Unread, glance, unread

SURPLUS = 256
"""Connections beyond `server.max_connections` that are heard: one of them may be a health check."""
SURPLUS_PATIENCE = 2.0
"""Seconds of silence after which one of them is closed."""


class Entrance(Protocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert isinstance(self.app, Gateway)
        self._gateway = self.app
        self._gate: Gate | _Shut = self._gateway.gate

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        surplus = len(self.connections) - self._gateway.max_connections
        if surplus > 0:
            self._gate = _SHUT
            if surplus > SURPLUS:
                transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._gate.refusing and self._is_free and (request := glance(data)) is not None:
            self._heard = self.loop.time()
            self._refuse(request)
        else:
            super().data_received(data)

    @property
    def _is_free(self) -> bool:
        """What comes next is the first of a request."""
        cycle = self.cycle
        return self._head is None and (cycle is None or (cycle.response_complete and not cycle.more_body))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        gate = self._gate
        if gate.tokens > 0:
            gate.tokens -= 1
            super()._start_asgi_task(cycle, app)
        elif is_control(cycle.scope["path"]):
            super()._start_asgi_task(cycle, app)
        elif not gate.wait(partial(super()._start_asgi_task, cycle, app)):
            self._refuse_begun(cycle)

    def _refuse_begun(self, cycle: RequestResponseCycle) -> None:
        """Its head was parsed already; what follows of it is thrown away."""
        if self.transport.is_closing():
            return
        scope = cycle.scope
        expects = cycle.waiting_for_100_continue  # and so may or may not send what it announced
        lasts = cycle.keep_alive and not self.pipeline and not expects and scope["method"] != "HEAD"
        cycle.response_started = cycle.response_complete = True
        self._refuse(unread(scope["raw_path"], scope["headers"], lasts))

    def _refuse(self, request: Unread) -> None:
        if self._gate is _SHUT:
            request, why = request._replace(lasts=False), Refused.CONNECTIONS
        else:
            why = Refused.BUSY
        self.transport.write(self._gateway.refusal(request, why))
        if request.lasts:
            self.on_response_complete()
            self.flow.pause_reading()
            self._gateway.gate.rest(self.flow.resume_reading)
        else:
            self.transport.close()

    def close_if_late(self) -> None:
        super().close_if_late()
        idle = self.cycle is None or self.cycle.response_complete
        if self._gate is _SHUT and idle and self.loop.time() - self._heard > SURPLUS_PATIENCE:
            self.transport.close()


class _Shut:
    """The gate of connections that are too many: only what needs no gate gets through."""

    tokens = 0
    refusing = True

    def wait(self, start: object) -> bool:
        return False


_SHUT = _Shut()
