from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from pointsman.signals.facts import Facts, Route

OFFICE = {"timezone": "Europe/Berlin", "days": ["mon-fri"], "hours": "09:00-17:30"}
NIGHT = {"days": ["fri", "sat"], "hours": "22:00-06:00"}


@pytest.mark.parametrize(
    ("options", "now", "value"),
    [
        (OFFICE, "2026-01-07T08:00", True),  # Wednesday 09:00 in winter
        (OFFICE, "2026-01-07T07:59", False),
        (OFFICE, "2026-07-08T07:00", True),  # 09:00 in summer
        (OFFICE, "2026-01-07T16:29", True),
        (OFFICE, "2026-01-07T16:30", False),
        (OFFICE, "2026-01-10T10:00", False),  # Saturday
        (NIGHT, "2026-01-09T22:00", True),  # Friday
        (NIGHT, "2026-01-10T05:59", True),
        (NIGHT, "2026-01-10T06:00", False),
        (NIGHT, "2026-01-11T03:00", True),  # Saturday's night
        (NIGHT, "2026-01-09T03:00", False),  # Thursday's night
        ({"days": ["sat-mon"]}, "2026-01-11T12:00", True),
        ({"days": ["sat-mon"]}, "2026-01-13T12:00", False),
        ({"hours": "18:00-24:00"}, "2026-01-07T23:59", True),
        ({"hours": "18:00-00:00"}, "2026-01-07T23:59", True),
        ({"hours": "18:00-24:00"}, "2026-01-07T00:00", False),
        ({}, "2026-01-07T00:00", True),
    ],
)
def test_schedule(ask: Any, options: dict[str, Any], now: str, value: bool) -> None:
    facts = Facts(Route.CHAT, now=datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert ask(facts=facts, type="schedule", **options).value is value


def test_without_a_clock_it_is_unknown(ask: Any) -> None:
    assert ask(facts=Facts(Route.CHAT), type="schedule").value is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"days": ["monday"]}, "'monday' is no day"),
        ({"hours": "9-17"}, "'9-17' are no hours"),
        ({"hours": "25:00-26:00"}, "are no hours"),
        ({"hours": "09:00-09:00"}, "begins where it ends"),
    ],
)
def test_bad_options_are_refused(declare: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        declare(type="schedule", **options)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "Europe", ""])
def test_an_unknown_time_zone_is_refused(declare: Any, zone: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        declare(type="schedule", timezone=zone)
