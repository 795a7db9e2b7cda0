import asyncio

import pytest

from pointsman.gateway.errors import ClientDisconnected, PayloadTooLarge
from pointsman.gateway.wire.upload import Upload

GONE = {"type": "http.disconnect"}


def part(data, more=True):
    return {"type": "http.request", "body": data, "more_body": more}


def upload(*messages, limit=100, **headers):
    waiting = list(messages)

    async def receive():
        return waiting.pop(0)

    return Upload(receive, headers, limit)


async def test_parts_come_as_they_are():
    body = upload(part(b"a"), part(b""), part(b"b", more=False))
    assert not body.begun
    assert [data async for data in body] == [b"a", b"", b"b"]
    assert body.begun


async def test_a_client_that_leaves_has_not_begun_what_it_never_sent():
    body = upload(GONE)
    with pytest.raises(ClientDisconnected):
        [data async for data in body]
    assert not body.begun


@pytest.mark.parametrize(("sizes", "fits"), [((60, 40), True), ((60, 41), False), ((101,), False)])
async def test_the_limit_is_for_all_parts_together(sizes, fits):
    body = upload(*(part(b"x" * size) for size in sizes), part(b"", more=False))
    if fits:
        assert [len(data) async for data in body] == [*sizes, 0]
    else:
        with pytest.raises(PayloadTooLarge):
            [data async for data in body]


def test_a_declared_length_is_believed():
    with pytest.raises(PayloadTooLarge):
        upload(**{"content-length": "101"})
    assert upload(**{"content-length": "100"}).headers == {"content-length": "100"}


@pytest.mark.parametrize("whole", [True, False])
async def test_whoever_waits_for_the_client_to_leave_takes_no_part_away(whole):
    body = upload(part(b"a"), part(b"b", more=False), GONE)
    waiting = asyncio.create_task(body.receive())
    parts = aiter(body)
    assert await anext(parts) == b"a"
    assert not waiting.done()
    if whole:
        assert [data async for data in parts] == [b"b"]
        assert await waiting == GONE
    else:  # the upstream answered early, and the rest is nobody's
        body.settle()
        assert (await waiting)["body"] == b"b"
