"""Answers in one piece, in every wire: what becomes of each fault."""

from __future__ import annotations

import pytest

from tests.support.faults import FAULTS, Fault
from tests.support.scene import play
from tests.support.ways import CHAT, CHAT_OF_MESSAGES, MESSAGES, RESPONSES, Way

WAYS = (CHAT, MESSAGES, RESPONSES, CHAT_OF_MESSAGES)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.plain], ids=str)
async def test_fault(fault: Fault, way: Way) -> None:
    await play(fault, way)
