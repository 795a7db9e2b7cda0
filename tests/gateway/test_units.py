from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.units import (
    format_duration,
    format_share,
    format_size,
    parse_duration,
    parse_share,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300ms", 0.3), ("0.5s", 0.5), ("5s", 5), ("5 s", 5), ("2m", 120), ("6h", 21600), ("30d", 2592000)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "size"), [("10B", 10), ("512KB", 524288), ("32MB", 33554432), ("0.5GB", 2**29)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "share"), [("40%", 0.4), ("0%", 0), ("100%", 1), ("12.5 %", 0.125)])
def test_shares(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


def test_a_bare_number_shows_how_to_write_it() -> None:
    with pytest.raises(ValueError, match="write 5s for seconds or 5ms"):
        parse_duration(5)
    with pytest.raises(ValueError, match="write 32MB for megabytes or 32B"):
        parse_size(32)
    with pytest.raises(ValueError, match="such as 40%"):
        parse_share(0.4)


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 secs", "1e3s", "٥s", "5s 3s", "5S", True, None, ["5s"]])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="a duration is a number with its unit, such as 300ms"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["101%", "-1%", "40", "%", None, 40])
def test_what_is_no_share(text: object) -> None:
    with pytest.raises(ValueError, match="from 0% to 100%"):
        parse_share(text)


@pytest.mark.parametrize("parse", [parse_duration, parse_size, parse_share])
def test_errors_do_not_repeat_the_text(parse: Callable[[object], float]) -> None:
    with pytest.raises(ValueError) as caught:
        parse("sk-secret")
    assert "sk-secret" not in str(caught.value)


@given(st.integers(0, 10**9))
def test_durations_are_written_as_they_are_read(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@given(st.integers(0, 2**45))
def test_sizes_are_written_as_they_are_read(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(0, 1000))
def test_shares_are_written_as_they_are_read(permille: int) -> None:
    assert parse_share(format_share(permille / 1000)) == pytest.approx(permille / 1000)


def test_the_largest_whole_unit_is_chosen() -> None:
    assert [format_duration(s) for s in (0.05, 1.5, 90, 3600, 2592000)] == ["50ms", "1500ms", "90s", "1h", "30d"]
    assert [format_size(b) for b in (0, 1000, 1024, 32 * 2**20)] == ["0B", "1000B", "1KB", "32MB"]
