"""`type: schedule`: whether it is a certain time of the day and week."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from pointsman.signals.base import FALSE, TRUE, UNKNOWN, Cost, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.facts import Facts

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def _days(item: str) -> list[int]:
    """`mon` or `mon-fri`, also over the week's end."""
    first, _, last = item.lower().partition("-")
    if first not in DAYS or (last or first) not in DAYS:
        raise ValueError(f"{item!r} is no day; write {', '.join(DAYS)}, or a range such as mon-fri")
    start = DAYS.index(first)
    return [(start + i) % 7 for i in range((DAYS.index(last or first) - start) % 7 + 1)]


def _hours(text: str) -> tuple[time, time | None]:
    """Start and end; the end None is midnight."""
    match = _HOURS.fullmatch(text.replace(" ", ""))
    if match is None:
        raise ValueError(f'{text!r} are no hours; write them as "09:00-17:30", or "22:00-06:00" over midnight')
    start = time(int(match[1]), int(match[2]))
    end = time(int(match[3]), int(match[4])) if match[3] else None
    if start == end:
        raise ValueError(f"{text!r} begins where it ends; leave `hours` out for the whole day")
    return start, None if end == time(0) else end


class ScheduleOptions(SignalOptions):
    type: Literal["schedule"]
    timezone: str = "UTC"
    days: list[str] = Field(list(DAYS), min_length=1)
    hours: str | None = None

    @field_validator("days")
    @classmethod
    def _check_days(cls, days: list[str]) -> list[str]:
        for item in days:
            _days(item)
        return days

    @field_validator("hours")
    @classmethod
    def _check_hours(cls, hours: str | None) -> str | None:
        if hours is not None:
            _hours(hours)
        return hours


class Schedule(Signal[ScheduleOptions]):
    Options = ScheduleOptions
    cost = Cost.FREE

    def __init__(self, name: str, options: ScheduleOptions) -> None:
        super().__init__(name, options)
        self._zone = _zone(options.timezone)
        self._weekdays = frozenset(day for item in options.days for day in _days(item))
        self._start, self._end = (time(0), None) if options.hours is None else _hours(options.hours)

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def evaluate(self, facts: Facts) -> SignalValue:
        if facts.now is None:
            return UNKNOWN
        return TRUE if self._covers(facts.now.astimezone(self._zone)) else FALSE

    def _covers(self, now: datetime) -> bool:
        clock = now.time()
        if self._end is None or self._start < self._end:
            inside = self._start <= clock and (self._end is None or clock < self._end)
            return inside and self._on(now.date())
        if clock >= self._start:
            return self._on(now.date())
        return clock < self._end and self._on(now.date() - timedelta(days=1))  # a night belongs to its evening

    def _on(self, day: date) -> bool:
        return day.weekday() in self._weekdays


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name!r}; write one such as Europe/Berlin or UTC "
            "(if it exists, this machine lacks time zone data: install the package tzdata)"
        ) from None
