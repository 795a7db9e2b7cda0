from __future__ import annotations

import json

import pytest

from pointsman.gateway.refusal import Refusals, Unread, glance, unread
from pointsman.gateway.wire.reply import Headers
from pointsman.signals.facts import Route

BODY = b'{"model": "auto"}'


def request(*fields: bytes, line: bytes = b"POST /v1/chat/completions HTTP/1.1", body: bytes = BODY) -> bytes:
    return b"\r\n".join([line, b"Host: x", *fields, b"Content-Length: %d" % len(body), b"", body])


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (request(), Unread("/chat/completions", None, None)),
        (request(line=b"POST /messages HTTP/1.1"), Unread("/messages", None, None)),
        (request(b"X-Request-ID: abc", b"connection: Keep-Alive"), Unread("/chat/completions", "abc", None)),
        (request(b"origin:  http://localhost:3000"), Unread("/chat/completions", None, "http://localhost:3000")),
    ],
)
def test_what_is_seen_of_a_whole_plain_request(data: bytes, seen: Unread) -> None:
    assert glance(data) == seen


@pytest.mark.parametrize(
    "data",
    [
        request()[:-1],
        request() + b"P",
        request()[:40],
        request(line=b"POST /v1/files HTTP/1.1"),
        request(line=b"POST /admin/reload HTTP/1.1"),
        request(line=b"POST /v1/chat/completions?x=1 HTTP/1.1"),
        request(line=b"POST /v1/chat/completions HTTP/1.0"),
        request(line=b"GET /healthz HTTP/1.1", body=b""),
        request(b"transfer-encoding: chunked"),
        request(b"content-length: 5"),
        request(b"expect: 100-continue"),
        request(b"connection: close"),
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n",
        b"",
    ],
    ids=[
        "body not complete", "something follows", "head not complete", "another path", "control plane", "query",
        "HTTP/1.0", "not POST", "chunked", "two lengths", "expects 100", "not keep-alive", "no length", "nothing",
    ],
)  # fmt: skip
def test_what_is_left_to_the_parser(data: bytes) -> None:
    assert glance(data) is None


def test_what_is_seen_of_a_parsed_head() -> None:
    seen = unread(b"/v1/models", [(b"host", b"x"), (b"x-request-id", b"r1")], lasts=False)
    assert seen == Unread("/models", "r1", None, lasts=False)


def parsed(answer: bytes) -> tuple[bytes, dict[str, str], object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    headers = {name: value for name, _, value in (field.decode().partition(": ") for field in fields)}
    assert headers["content-length"] == str(len(body))
    return line, headers, json.loads(body)


def refusals(*extra: tuple[bytes, bytes]) -> Refusals:
    def headers(origin: str | None) -> Headers:
        return [*extra, (b"x-origin", str(origin).encode())]

    return Refusals(headers, "Try again later.")


def test_the_answer_is_an_error_that_says_when_to_come_back() -> None:
    route, answer = refusals().to(Unread("/chat/completions", "r1", "http://a"))
    line, headers, body = parsed(answer)
    assert route is Route.CHAT
    assert line == b"HTTP/1.1 503 Service Unavailable"
    assert headers["retry-after"] == "1"
    assert headers["x-request-id"] == "r1"
    assert headers["x-pointsman-error-source"] == "gateway"
    assert headers["x-origin"] == "http://a"
    assert "connection" not in headers
    error = {"message": "Try again later.", "type": "server_error", "param": None, "code": "overloaded"}
    assert body == {"error": error}


@pytest.mark.parametrize("path", ["/messages", "/messages/count_tokens", "/messages/batches"])
def test_the_answer_in_anthropics_wire(path: str) -> None:
    _, _, body = parsed(refusals().to(Unread(path, None, None))[1])
    assert body == {
        "type": "error",
        "error": {
            "type": "overloaded_error",
            "message": "Try again later.",
            "details": {"error_code": "overloaded"},
        },
    }


def test_a_connection_that_does_not_last_is_told_so() -> None:
    route, answer = refusals().to(Unread("/files", None, None, lasts=False))
    assert route is Route.OTHER
    assert parsed(answer)[1]["connection"] == "close"


@pytest.mark.parametrize("given", [None, "a\r\nx-evil: 1", "x" * 200, "a b"])
def test_an_id_that_is_none_is_replaced(given: str | None) -> None:
    _, headers, _ = parsed(refusals().to(Unread("/chat/completions", given, None))[1])
    assert headers["x-request-id"].startswith("req_")
    assert "x-evil" not in headers
