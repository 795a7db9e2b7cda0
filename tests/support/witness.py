"""Whether what a client saw through its SDK is what it should have seen."""

from __future__ import annotations

from typing import Any

import anthropic
import openai

from tests.support.faults import NOBODYS, Sees, What
from tests.support.told import text_of
from tests.support.ways import Seen, Way

_CLASSES = {400: "BadRequestError", 429: "RateLimitError"}
_STATUS_ERRORS = (openai.APIStatusError, anthropic.APIStatusError)
_ERRORS = (openai.APIError, anthropic.APIError)
_CONNECTION_ERRORS = (openai.APIConnectionError, anthropic.APIConnectionError)


def assert_saw(way: Way, sees: Sees, seen: Seen) -> None:
    if sees.what is What.AS_IT_IS:
        assert (seen.error, NOBODYS in seen.marks) == (None, False)
        return
    assert_not_spliced(seen)
    match sees.what:
        case What.WHOLE:
            assert_whole(seen)
        case What.ERROR:
            assert seen.text == ""
            _assert_status(sees, seen.error)
        case What.BROKEN:
            assert seen.text
            _assert_event(way, sees, seen.error)
        case What.CUT:
            assert seen.text == ""
            assert isinstance(seen.error, _CONNECTION_ERRORS), repr(seen.error)


def assert_whole(seen: Seen) -> None:
    assert seen.error is None, repr(seen.error)
    assert (seen.ended, seen.text) == (True, text_of(*seen.marks))


def assert_not_spliced(seen: Seen) -> None:
    """The words of one answer in their order; all of them, or an error that nobody can overlook."""
    assert len(seen.marks) <= 1, seen.text
    assert NOBODYS not in seen.marks
    for mark in seen.marks:
        assert text_of(mark).startswith(seen.text)


def _assert_status(sees: Sees, error: Any) -> None:
    assert isinstance(error, _STATUS_ERRORS), repr(error)
    kind = "InternalServerError" if sees.status >= 500 else _CLASSES[sees.status]
    names = {each.__name__ for each in type(error).__mro__}
    assert (error.status_code, kind in names) == (sees.status, True), repr(error)
    assert error.response.headers["x-pointsman-error-source"] == "upstream"
    if sees.status >= 500:  # everything was tried
        assert error.response.headers["x-should-retry"] == "false"
    _assert_told(sees, error)


def _assert_event(way: Way, sees: Sees, error: Any) -> None:
    assert isinstance(error, _ERRORS), repr(error)
    assert not isinstance(error, _CONNECTION_ERRORS), repr(error)
    _assert_told(sees, error)


def _assert_told(sees: Sees, error: Any) -> None:
    assert sees.says in str(error)
    assert "127.0.0.1" not in str(error), "whom the gateway asks is nobody's business"
    if sees.code is not None:
        assert _code(error) == sees.code, repr(error)


def _code(error: Any) -> str | None:
    if isinstance(error, openai.APIError):
        return error.code
    details = error.body["error"].get("details") or {}
    return details.get("error_code")
