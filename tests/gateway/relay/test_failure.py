"""A failure as the next attempt, the client and the log need it."""

from __future__ import annotations

import json

import pytest

from pointsman.gateway.errors import ClientDisconnected, PayloadTooLarge, UpstreamError, UpstreamTimeout
from pointsman.gateway.observe.outcome import ErrorSource, Result
from pointsman.gateway.relay.failure import Refusal, record_failure, result_of
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.upstream import ConnectionFailed
from pointsman.gateway.relay.watch import ClientStalled, Limit, LimitReached
from pointsman.gateway.wire.messages_to_chat import MessagesToChat
from pointsman.gateway.wire.reply import JSON
from pointsman.signals.facts import Route


def refusal(status, body=b"{}", headers=JSON, translation=None):
    return Refusal(status, headers, body, translation)


@pytest.mark.parametrize(
    ("failure", "result"),
    [
        (refusal(400), Result.REJECTED),
        (refusal(401), Result.AUTH),
        (refusal(403), Result.AUTH),
        (refusal(408), Result.ERROR),
        (refusal(429), Result.LIMITED),
        (refusal(500), Result.ERROR),
        (ConnectionFailed("x", connected=False), Result.CONNECT),
        (ConnectionFailed("x"), Result.RESET),
        (UpstreamTimeout("x"), Result.TIMEOUT),
        (LimitReached(Limit.FIRST_TOKEN, 1), Result.TIMEOUT),
        (LimitReached(Limit.TOTAL, 1), Result.TIMEOUT),
        (UpstreamError("x"), Result.INVALID),
        (LimitReached(Limit.DEADLINE, 1), Result.CANCELLED),
        (ClientDisconnected("x"), Result.CANCELLED),
        (ClientStalled(1), Result.CANCELLED),
        (PayloadTooLarge("x"), Result.CANCELLED),
    ],
)
def test_how_an_attempt_ended(failure, result):
    assert result_of(failure) is result


@pytest.mark.parametrize(
    ("status", "final"), [(400, True), (404, True), (422, True), (401, False), (408, False), (429, False), (500, False)]
)
def test_whether_another_endpoint_would_say_the_same(status, final):
    assert refusal(status).final is final


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"5", b'{"error": "text"}', b'{"detail": 1}', b"\xff"])
def test_a_body_that_is_no_error_object_is_told_as_one(body):
    assert refusal(503, body).error_object() is None
    assert "503" in refusal(503, body).as_error().message


def test_the_upstreams_words_are_kept():
    assert refusal(500, b'{"error": {"message": "engine died"}}').as_error().message == "engine died"
    assert "500" in refusal(500, b'{"error": {"message": 5}}').as_error().message


def test_without_a_translation_bytes_and_headers_are_the_upstreams():
    headers = [(b"content-type", b"text/html"), (b"retry-after", b"7")]
    told = refusal(429, b"<b>", headers)
    assert (told.client_body(), told.client_headers()) == (b"<b>", headers)


@pytest.mark.parametrize("body", [b'{"error": {"message": "slow down"}}', b"\x1f\x8b", b""])
def test_with_one_the_client_gets_its_own_wire(body):
    headers = [(b"content-type", b"text/html"), (b"content-encoding", b"gzip"), (b"retry-after", b"7")]
    translation = MessagesToChat({"model": "m", "max_tokens": 1, "messages": []})
    told = refusal(429, body, headers, translation)
    assert json.loads(told.client_body())["error"]["type"] == "rate_limit_error"
    assert told.client_headers() == [(b"retry-after", b"7"), *JSON]


def test_the_log_names_the_upstream():
    journal = Journal("r", Route.CHAT)
    record_failure(journal, UpstreamTimeout("x"))
    assert (journal.error_source, journal.error_code) == (ErrorSource.UPSTREAM, "upstream_timeout")


NOW = 1445412470.0


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ([], None),
        ([(b"retry-after", b"7")], 7),
        ([(b"retry-after", b" 0.5 ")], 0.5),
        ([(b"retry-after", b"Wed, 21 Oct 2015 07:28:00 GMT")], 10),
        ([(b"retry-after", b"Wed, 21 Oct 2015 07:27:00 GMT")], 0),  # it is over
        ([(b"retry-after-ms", b"250"), (b"retry-after", b"1")], 0.25),
        ([(b"retry-after-ms", b"soon"), (b"retry-after", b"1")], 1),
        *[([(b"retry-after", bad)], None) for bad in (b"soon", b"-5", b"1e5", b"9" * 400, b"", b"\xff", b"nan")],
        ([(b"retry-after", b"Wed, 21 Oct 99999 07:28:00 +9999")], None),
    ],
)
def test_when_the_upstream_wants_to_be_asked_again(fields, seconds):
    assert refusal(429, headers=fields).retry_after(NOW) == seconds


@pytest.mark.parametrize(("status", "busy"), [(429, True), (503, True), (529, True), (500, False), (408, False)])
def test_whether_the_endpoint_has_enough_to_do(status, busy):
    assert refusal(status).is_busy is busy
