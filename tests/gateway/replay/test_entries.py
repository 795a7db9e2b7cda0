from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pointsman.gateway.replay.entries import read_entry
from tests.support.logged import Logged

POLICY = {
    "version": 1,
    "pools": {"small": {"model": "s", "endpoints": ["http://127.0.0.1:9"]}},
    "decisions": [{"name": "all", "when": True, "models": ["small"]}],
}


@pytest.fixture
def form(tmp_path: Path) -> dict[str, Any]:
    return Logged(tmp_path, POLICY).ask()


def test_an_entry_as_it_is_written(form: dict[str, Any]) -> None:
    entry = read_entry(form)
    assert (entry.id, entry.decided, entry.candidates, entry.asked, entry.answered) == (
        "r1", "all", ["small"], "small", "small",
    )  # fmt: skip
    assert (entry.time.isoformat(), entry.usage, entry.cost) == ("2026-03-02T12:01:00+00:00", (1000, 500, None), 0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"v": 2},
        {"id": None},
        {"time": "yesterday"},
        {"time": 3},
        {"route": "elsewhere"},
        {"facts": []},
        {"facts": {"bytes": 1}},
        {"signals": [1]},
        {"choice": "small"},
        {"usage": 3},
        {"messages": "text"},
    ],
)
def test_what_is_none(form: dict[str, Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_entry({**form, **wrong})


@pytest.mark.parametrize(
    ("changes", "decided"),
    [
        ({"decision": None, "error": {"source": "gateway", "code": "no_route"}}, "404 no_route"),
        ({"decision": None, "error": {"source": "gateway", "code": "model_not_found"}}, "404 model_not_found"),
        ({"decision": None, "error": {"source": "gateway", "code": "invalid_json"}, "facts": None}, None),
        ({"decision": None, "error": {"source": "gateway", "code": "internal_error"}}, None),
        ({"decision": None, "error": None, "disconnect": "request"}, None),
        ({"error": {"source": "upstream", "code": "upstream_error"}}, "all"),
    ],
)
def test_what_was_decided(form: dict[str, Any], changes: dict[str, Any], decided: str | None) -> None:
    assert read_entry({**form, **changes}).decided == decided


def test_an_answer_from_the_cache_was_no_pools(form: dict[str, Any]) -> None:
    entry = read_entry(form | {"cache": "hit", "attempts": [], "selection": None})
    assert (entry.asked, entry.answered, entry.by) == (None, None, None)
