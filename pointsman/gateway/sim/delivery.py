"""Sends an answer, and breaks it off where a fault says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pointsman.gateway.sim.errors import EndedError
from pointsman.gateway.sim.exchange import Exchange
from pointsman.gateway.sim.faults import Fault, Kind


class Delivery:
    def __init__(self, exchange: Exchange, fault: Fault | None) -> None:
        self._exchange, self._fault = exchange, fault
        self._sent = 0

    async def start(self) -> None:
        await self._exchange.start_stream()

    async def events(self, events: Sequence[bytes], last: bool = False) -> None:
        if self._fault is None:
            await self._exchange.write(b"".join(events), more=not last)
            return
        for event in events:
            if self._sent == self._fault.after:
                await self._break_off(self._fault.kind, event)
            await self._exchange.write(event)
            self._sent += 1
        if last:
            await self._exchange.write(b"", more=False)

    async def json(self, value: Any) -> None:
        body = orjson.dumps(value)
        if self._fault is None:
            await self._exchange.answer(body)
            return
        headers = [(b"content-type", b"application/json")]
        if self._fault.kind is not Kind.TRUNCATE:  # which leaves no sign that something is missing
            headers.append((b"content-length", b"%d" % len(body)))
        await self._exchange.start(200, headers)
        half = len(body) // 2
        await self._exchange.write(body[:half])
        await self._break_off(self._fault.kind, body[half:])

    async def _break_off(self, kind: Kind, rest: bytes) -> None:
        exchange = self._exchange
        if kind is Kind.HANG_STREAM:
            await exchange.pause(None)
        elif kind is Kind.TRUNCATE:
            await exchange.write(b"", more=False)
        elif kind is Kind.RESET_STREAM:
            await exchange.write(rest[: len(rest) // 2])
            await exchange.reset()
        else:
            await exchange.close()
        raise EndedError(f"The answer ended with the fault {kind}.")
