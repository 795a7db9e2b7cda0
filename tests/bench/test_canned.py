from __future__ import annotations

import orjson
import pytest

from pointsman.bench import canned
from pointsman.bench.canned import Order


def test_the_request_is_a_chat_completion_of_the_size_that_the_page_names() -> None:
    body = canned.request_body()
    assert 180 < len(body) < 240
    assert orjson.loads(body)["messages"][0]["content"] == canned.PROMPT
    assert body.count(canned.COUNTER) == 1


def test_http_request() -> None:
    request = canned.http_request(b"{}", "127.0.0.1:8080", {"authorization": "Bearer x"})
    assert request == (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:8080\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\nauthorization: Bearer x\r\n\r\n{}"
    )


def test_answers_are_what_openai_would_send() -> None:
    assert orjson.loads(canned.completion())["object"] == "chat.completion"
    events = canned.whole_stream(3).split(b"\n\n")
    assert events.pop() == b""
    assert events.pop() == b"data: [DONE]"
    choices = [orjson.loads(event.removeprefix(b"data: "))["choices"] for event in events]
    assert [choice["finish_reason"] for (choice,) in choices] == [None, None, None, "stop"]


def test_usage_comes_only_when_asked_for() -> None:
    assert b"usage" not in canned.stream_end(usage=False)
    assert canned.stream_end(usage=True).count(b'"usage"') == 1


@pytest.mark.parametrize("space", [b"", b" "])
def test_the_upstream_reads_its_orders_however_a_relay_writes_json(space: bytes) -> None:
    body = canned.stream_body(7, 5, "s3").replace(b'":', b'":' + space)
    order = Order(body)
    assert (order.stream, order.events, order.per_write, order.name, order.usage) == (True, 7, 5, b"s3", False)
    assert Order(body[:-1] + b',"stream_options":{"include_usage":' + space + b"true}}").usage


def test_a_plain_request_orders_no_stream() -> None:
    order = Order(canned.request_body())
    assert (order.stream, order.events, order.per_write) == (False, 0, 1)
