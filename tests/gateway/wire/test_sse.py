"""The framer: bytes in, the same bytes out, cut where an event ends and nowhere else."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.wire.sse import Event, Framer, encode_event, parse_event, split_events

BOM = b"\xef\xbb\xbf"
END = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8).map(str.encode)
FIXED = [b"", b"", b"data", b"event", b"id: 7", b"retry: 10", "data: 你好🙂".encode(), b"data: \xe2\x80\xa8"]
LINE = st.one_of(
    TEXT.map(lambda text: b"data: " + text),
    TEXT.map(lambda text: b"data:" + text),
    TEXT.map(lambda text: b"event: " + text),
    TEXT.map(lambda text: b": " + text),
    st.sampled_from(FIXED),
    TEXT,
)
LINES = st.lists(st.tuples(LINE, END).map(b"".join), max_size=12).map(b"".join)
STREAMS = LINES | st.binary(max_size=60) | st.text("\r\n:d", max_size=20).map(str.encode)


@st.composite
def chunked(draw, streams=STREAMS):
    stream = draw(streams)
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=len(stream) + 1)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def feed_all(chunks, framer=None):
    framer = framer or Framer()
    return [framer.feed(chunk) for chunk in chunks], framer.rest


def reference(stream: bytes) -> list[Event]:
    """WHATWG HTML 9.2.6 read literally, over the whole stream. Events without data are never dispatched."""
    text = stream.removeprefix(BOM)
    lines, line, index = [], bytearray(), 0
    while index < len(text):
        byte = text[index : index + 1]
        index += 1
        if byte == b"\r" and text[index : index + 1] == b"\n":
            index += 1
        if byte in (b"\r", b"\n"):
            lines.append(bytes(line))
            line = bytearray()
        else:
            line += byte
    events, name, data = [], "", b""
    for full in lines:
        if not full:
            if data[:-1]:
                events.append(Event(name, data[:-1]))
            name, data = "", b""
        elif b":" not in full:
            name, data = ("" if full == b"event" else name), data + (b"\n" if full == b"data" else b"")
        elif not full.startswith(b":"):
            field, value = full.split(b":", 1)
            value = value[1:] if value.startswith(b" ") else value
            if field == b"data":
                data += value + b"\n"
            elif field == b"event":
                name = value.decode("utf-8", "replace")
    return events


def parsed(blocks) -> list[Event]:
    events = [parse_event(raw) for block in blocks for raw in split_events(block)]
    return [event for event in events if not event.is_comment]


@given(chunked())
def test_every_byte_passes_once_and_in_order(chunks):
    blocks, rest = feed_all(chunks)
    assert b"".join(blocks) + rest == b"".join(chunks)


@given(chunked())
def test_chunk_boundaries_do_not_change_the_outcome(chunks):
    whole, whole_rest = feed_all([b"".join(chunks)])
    blocks, rest = feed_all(chunks)
    assert b"".join(blocks) == b"".join(whole)
    assert rest == whole_rest
    assert parsed(blocks) == parsed(whole)


@given(STREAMS)
def test_byte_by_byte_is_as_good_as_at_once(stream):
    blocks, rest = feed_all([stream[i : i + 1] for i in range(len(stream))])
    assert parsed(blocks) == parsed(feed_all([stream])[0])
    assert rest == feed_all([stream])[1]


@given(chunked(st.builds(bytes.__add__, st.sampled_from([b"", BOM]), LINES)))
def test_the_events_are_those_of_the_standard(chunks):
    assert parsed(feed_all(chunks)[0]) == reference(b"".join(chunks))


def seen_by_sdk(chunks) -> list[Event]:
    events = SSEDecoder().iter_bytes(iter(chunks))
    return [Event(event.event or "", event.data.encode()) for event in events if event.data]


@given(chunked(LINES))
def test_the_openai_sdk_sees_the_same_events(chunks):
    blocks, _ = feed_all(chunks)
    assert parsed(blocks) == seen_by_sdk(chunks) == seen_by_sdk(blocks)


@given(chunked())
def test_splitting_a_block_loses_nothing(chunks):
    for block in feed_all(chunks)[0]:
        assert b"".join(split_events(block)) == block


@given(LINES)
def test_what_waits_is_a_half_event(stream):
    _, rest = feed_all([stream])
    assert reference(rest) == []
    assert not rest.startswith((b"\n", b"\r"))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_leaves_with_its_last_byte(end):
    """None waits for the next, whichever line ends its server writes."""
    event = b"data: 1" + end + end
    framer = Framer()
    assert [framer.feed(event) for _ in range(3)] == [event] * 3
    assert framer.rest == b""


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_of_single_bytes_ends_with_nothing_left(line_end):
    stream = line_end.join([b": hello", b"", b"event: x", "data: 你好".encode(), b"data:there", b"", b""])
    blocks, rest = feed_all([stream[i : i + 1] for i in range(len(stream))])
    assert rest == b""
    assert parsed(blocks) == [Event("x", "你好\nthere".encode())]


def test_a_boundary_cut_between_its_cr_and_lf():
    blocks, rest = feed_all([b"data: 1\r\n\r", b"\ndata: 2\r", b"\n\r\n"])
    assert b"".join(blocks) == b"data: 1\r\n\r\ndata: 2\r\n\r\n"
    assert blocks[0] == b"data: 1\r\n\r"
    assert [e.data for e in parsed(blocks)] == [b"1", b"2"]
    assert rest == b""


def test_a_line_end_cut_between_its_cr_and_lf_is_no_boundary():
    framer = Framer()
    assert framer.feed(b"data: 1\r") == b""
    assert framer.feed(b"\ndata: 2\r\n") == b""
    assert framer.rest == b"data: 1\r\ndata: 2\r\n"


def test_spare_line_ends_are_no_half_event():
    blocks, rest = feed_all([b"data: [DONE]\n\n\n", b"\r\n"])
    assert rest == b""
    assert parsed(blocks) == [Event("", b"[DONE]")]


def test_only_whole_events_pass_and_the_cut_off_one_stays():
    framer = Framer()
    assert framer.feed(b'data: {"a": 1}\n\ndata: {"b"') == b'data: {"a": 1}\n\n'
    assert framer.feed(b": 2}\n") == b""
    assert framer.rest == b'data: {"b": 2}\n'
    assert framer.feed(b"\n") == b'data: {"b": 2}\n\n'
    assert framer.rest == b""


def test_a_whole_chunk_is_not_even_copied():
    chunk = b'data: {"a": 1}\n\n' * 5
    assert Framer().feed(chunk) is chunk


def test_an_endless_event_is_refused():
    framer = Framer(limit=1000)
    framer.feed(b"data: " + b"x" * 900)
    with pytest.raises(UpstreamError, match="1000 bytes"):
        framer.feed(b"x" * 200)


def test_many_events_are_no_big_event():
    framer = Framer(limit=100)
    event = b"data: " + b"x" * 50 + b"\n\n"
    assert b"".join(framer.feed(event[:30] if i % 2 == 0 else event[30:]) for i in range(100)) == event * 50
    assert framer.feed(event * 50) == event * 50


def test_a_big_event_in_small_pieces_is_not_copied_for_each_piece():
    """A copy of what waits, made for a piece, shows as a second event's worth of memory."""
    piece, framer = b"x" * 1024, Framer()
    framer.feed(b"data: ")
    tracemalloc.start()
    try:
        for _ in range(4096):
            framer.feed(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * len(framer.rest)
    assert framer.feed(b"\n\n") == b"data: " + piece * 4096 + b"\n\n"


@pytest.mark.parametrize(
    ("raw", "event"),
    [
        (b"data: x\n\n", Event("", b"x")),
        (b"data:x\n\n", Event("", b"x")),
        (b"data:  x \n\n", Event("", b" x ")),
        (b"data: x\r\n\r\n", Event("", b"x")),
        (b"data: x\r\r", Event("", b"x")),
        (b"data: [\ndata: 1]\n\n", Event("", b"[\n1]")),
        (b"data\ndata\n\n", Event("", b"\n")),
        (b"event: error\ndata: {}\n\n", Event("error", b"{}")),
        (b"event:a\nevent: b\ndata: {}\n\n", Event("b", b"{}")),
        (b"id: 1\nretry: 5\nother: x\ndata: {}\n\n", Event("", b"{}")),
        (BOM + b"data: x\n\n", Event("", b"x")),
        (b"\n\ndata: x\n\n", Event("", b"x")),
        (b"data: a:b\n\n", Event("", b"a:b")),
        (b": comment\n\n", Event("", b"")),
        (b"event: \xff\ndata: x\n\n", Event("\ufffd", b"x")),
    ],
)
def test_parse_event(raw, event):
    assert parse_event(raw) == event


@pytest.mark.parametrize("raw", [b": ping\n\n", b"\n\n", b"retry: 10\n\n", b"event: x\n\n"])
def test_without_data_there_is_nothing_to_dispatch(raw):
    assert parse_event(raw).is_comment


NO_CR = st.binary().map(lambda data: data.replace(b"\r", b""))


@given(NO_CR, st.sampled_from(["", "error", "response.created"]))
def test_what_is_encoded_is_one_event_that_parses_back(data, name):
    raw = encode_event(data, name)
    assert list(split_events(raw)) == [raw]
    assert Framer().feed(raw) == raw
    assert parse_event(raw) == Event(name, data)
