from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.replay.entries import read_entry
from pointsman.gateway.replay.pace import Pace
from pointsman.policies.select.context import Forecast
from tests.support.logged import Logged

POLICY = {
    "version": 1,
    "pools": {"small": {"model": "s", "endpoints": ["http://127.0.0.1:9"]}},
    "decisions": [{"name": "all", "when": True, "models": ["small"]}],
}


def test_what_answers_were_like_so_far(tmp_path: Path) -> None:
    log, pace = Logged(tmp_path, POLICY), Pace()
    assert pace.forecast("small") == Forecast()
    for tokens in (100, 300):
        timings = {"total_ms": 900.0, "ttft_ms": 200.0}
        pace.add(read_entry({**log.ask(usage=Usage(10, tokens)), "timings": timings, "gap_ms": 20.0}))
    found = pace.forecast("small")
    assert 100 < (found.output_tokens or 0) < 110
    assert (found.ttft, found.tpot) == pytest.approx((0.2, 0.02))
    pace.add(read_entry(log.ask(usage=None)))
    assert pace.forecast("small").output_tokens == found.output_tokens
    assert pace.forecast("large") == Forecast()
