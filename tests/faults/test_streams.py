"""Streams, in every wire: what becomes of each fault."""

from __future__ import annotations

import pytest

from tests.support.faults import FAULTS, Fault
from tests.support.scene import play
from tests.support.ways import (
    CHAT_STREAM,
    CHAT_STREAM_OF_MESSAGES,
    MESSAGES_STREAM,
    NATIVE_MESSAGES_STREAM,
    NATIVE_RESPONSES_STREAM,
    RESPONSES_STREAM,
    Way,
)

WAYS = (
    CHAT_STREAM,
    MESSAGES_STREAM,
    RESPONSES_STREAM,
    CHAT_STREAM_OF_MESSAGES,
    NATIVE_MESSAGES_STREAM,
    NATIVE_RESPONSES_STREAM,
)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.stream], ids=str)
async def test_fault(fault: Fault, way: Way) -> None:
    await play(fault, way)
