"""Paths that pass by bytes: what becomes of each fault."""

from __future__ import annotations

import pytest

from tests.support.faults import FAULTS, Fault
from tests.support.scene import play
from tests.support.ways import SPEECH


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.other], ids=str)
async def test_fault(fault: Fault) -> None:
    await play(fault, SPEECH)
