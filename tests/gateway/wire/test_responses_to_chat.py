"""The Responses API over chat completions: as one answer, as events, and as the official SDK sees both."""

import copy
import json

import openai
import orjson
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent

from pointsman.gateway.errors import BadRequest, PoolFull, UpstreamError, UpstreamTimeout
from pointsman.gateway.wire.responses_to_chat import ResponsesToChat
from pointsman.gateway.wire.sse import Event, parse_event

EVENT = pydantic.TypeAdapter(ResponseStreamEvent)
BODY = {"model": "auto", "input": "Hi"}
HEAD = {"id": "chatcmpl-abc", "created": 1700000000, "model": "served"}
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
TOOL = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"at": {"type": "string"}},
        "required": ["at"],
        "additionalProperties": False,
    },
    "strict": True,
}


def tool_call(call_id="call_1", name="weather", arguments='{"at":"Rome"}'):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def completion(finish="stop", usage=USAGE, logprobs=None, **message):
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    if logprobs:
        choice["logprobs"] = {"content": logprobs}
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": usage}


def chunk(finish=None, logprobs=None, **delta):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    if logprobs is not None:
        choice["logprobs"] = {"content": logprobs}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def pieces(text, size=2):
    return [text[i : i + size] for i in range(0, len(text), size)]


def chunks_of(answer, cut=pieces):
    """The stream of the same answer, with its texts cut into pieces."""
    choice = answer["choices"][0]
    message = choice["message"]
    yield chunk(role="assistant", content="")
    for key in ("reasoning_content", "reasoning", "content", "refusal"):
        yield from (chunk(**{key: piece}) for piece in cut(message.get(key) or ""))
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        yield chunk(tool_calls=[{**call, "index": index, "function": {**function, "arguments": ""}}])
        for piece in cut(function["arguments"]):
            yield chunk(tool_calls=[{"index": index, "function": {"arguments": piece}}])
    yield chunk(finish=choice["finish_reason"])
    yield {**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": answer["usage"]}


def as_stream(answer):
    events = [b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks_of(answer)]
    return b"".join([*events, b"data: [DONE]\n\n"])


def decoded(raw_events):
    """Each event valid by the SDK's types, named as its type says, numbered without a gap."""
    events = []
    for raw in raw_events:
        event = parse_event(raw)
        body = orjson.loads(event.data)
        assert event.name == body["type"]
        assert body["sequence_number"] == len(events)
        EVENT.validate_python(body)
        events.append(body)
    return events


def streamed(chunks, body=BODY):
    stream = ResponsesToChat(body).stream()
    raw = [part for c in chunks for part in stream.feed(Event("", orjson.dumps(c)))]
    return decoded(raw + stream.feed(Event("", b"[DONE]")) + stream.finish())


def whole(answer, body=BODY):
    response = ResponsesToChat(body).response(answer)
    Response.model_validate(response)
    return response


# --- one answer


def test_a_text_answer():
    response = whole(completion(content="Hello"))
    assert response["id"] == "resp_abc"
    assert response["object"] == "response"
    assert response["created_at"] == 1700000000
    assert response["model"] == "served"
    assert response["status"] == "completed"
    assert response["error"] is response["incomplete_details"] is None
    [message] = response["output"]
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    assert message["content"] == [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}]


def test_usage():
    assert whole(completion(content="x"))["usage"] == {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 18,
    }


def test_usage_is_not_invented():
    assert whole(completion(content="x", usage=None))["usage"] is None


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_comes_first_under_either_name(key):
    first, second = whole(completion(content="4", **{key: "2+2"}))["output"]
    assert first["type"] == "reasoning"
    assert first["content"] == [{"type": "reasoning_text", "text": "2+2"}]
    assert second["content"][0]["text"] == "4"


def test_servers_that_send_reasoning_under_both_names_mean_it_once():
    first, _ = whole(completion(content="4", reasoning="2+2", reasoning_content="2+2"))["output"]
    assert first["content"] == [{"type": "reasoning_text", "text": "2+2"}]


def test_function_calls():
    answer = completion("tool_calls", tool_calls=[tool_call(), tool_call("call_2", "time", "{}")])
    one, two = whole(answer)["output"]
    assert (one["type"], one["call_id"], one["name"]) == ("function_call", "call_1", "weather")
    assert (one["arguments"], one["status"]) == ('{"at":"Rome"}', "completed")
    assert (two["call_id"], two["name"], two["arguments"]) == ("call_2", "time", "{}")
    assert one["id"] != two["id"]


@pytest.mark.parametrize(("given", "arguments"), [("", "{}"), (None, "{}"), ({"a": 1}, '{"a":1}')])
def test_arguments_are_always_a_json_object(given, arguments):
    [call] = whole(completion("tool_calls", tool_calls=[tool_call(arguments=given)]))["output"]
    assert call["arguments"] == arguments


def test_a_refusal():
    [message] = whole(completion(refusal="No."))["output"]
    assert message["content"] == [{"type": "refusal", "refusal": "No."}]


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_is_incomplete(finish, reason):
    response = whole(completion(finish, content="Hel"))
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": reason}
    assert response["output"][0]["status"] == "incomplete"


def test_only_the_item_that_was_cut_is_incomplete():
    response = whole(completion("length", reasoning="hm", content="Hel"))
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]


def test_half_arguments_stay_as_they_are():
    [call] = whole(completion("length", tool_calls=[tool_call(arguments="")]))["output"]
    assert (call["arguments"], call["status"]) == ("", "incomplete")


@pytest.mark.parametrize("content", ["", None])
def test_an_empty_answer_is_an_empty_message(content):
    [message] = whole(completion(content=content))["output"]
    assert message["content"][0]["text"] == ""


def test_log_probabilities_are_told_if_asked_for():
    token = {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "Hi", "logprob": -0.5}]}
    answer = completion(content="Hi", logprobs=[token])
    asked = whole(answer, BODY | {"include": ["message.output_text.logprobs"]})
    top = {"token": "Hi", "logprob": -0.5, "bytes": []}
    assert asked["output"][0]["content"][0]["logprobs"] == [{**top, "top_logprobs": [top]}]
    assert whole(answer)["output"][0]["content"][0]["logprobs"] == []


def test_the_request_is_echoed():
    settings = {
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "temperature": 0.2,
        "top_p": 0.9,
        "max_output_tokens": 50,
        "tools": [TOOL],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "user": "u",
    }
    response = whole(completion(content="x"), BODY | settings)
    assert {key: response[key] for key in settings} == settings


def test_an_explicit_store_is_answered_truthfully():
    assert whole(completion(content="x"), BODY | {"store": True})["store"] is False


def test_what_the_request_left_open():
    response = whole(completion(content="x"))
    defaults = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "metadata": {}, "temperature": None}
    assert {key: response[key] for key in defaults} == defaults


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": ["x"]}, {"choices": [{"text": "x"}]}])
def test_an_answer_without_a_message_is_the_upstreams_fault(answer):
    with pytest.raises(UpstreamError):
        ResponsesToChat(BODY).response(answer)


# --- a stream


def test_the_events_of_a_text():
    events = streamed(chunks_of(completion(content="Hello")))
    assert [e["type"] for e in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta") == "Hello"
    assert next(e["text"] for e in events if e["type"] == "response.output_text.done") == "Hello"
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["output"] == []


def test_the_events_of_reasoning_and_a_call():
    answer = completion("tool_calls", reasoning="hm", tool_calls=[tool_call(arguments="{}")])
    events = streamed(chunks_of(answer))
    assert [(e["type"], e.get("output_index")) for e in events[2:-1]] == [
        ("response.output_item.added", 0),
        ("response.content_part.added", 0),
        ("response.reasoning_text.delta", 0),
        ("response.reasoning_text.done", 0),
        ("response.content_part.done", 0),
        ("response.output_item.done", 0),
        ("response.output_item.added", 1),
        ("response.function_call_arguments.delta", 1),
        ("response.function_call_arguments.done", 1),
        ("response.output_item.done", 1),
    ]


def test_a_text_that_turns_into_a_refusal():
    events = streamed([chunk(content="Well"), chunk(refusal="No."), chunk(finish="stop")])
    parts = events[-1]["response"]["output"][0]["content"]
    assert [part["type"] for part in parts] == ["output_text", "refusal"]
    assert [e["content_index"] for e in events if e["type"].endswith(".delta")] == [0, 1]


def test_pieces_of_parallel_calls_in_any_order():
    def piece(index, arguments, **first):
        return {"index": index, "function": {"arguments": arguments, **first.pop("function", {})}, **first}

    one = piece(0, '{"a"', id="x", function={"name": "f"})
    two = piece(1, '{"b"', id="y", function={"name": "g"})
    events = streamed(
        [chunk(tool_calls=[one, two]), chunk(tool_calls=[piece(0, ":1}")]), chunk(tool_calls=[piece(1, ":2}")])]
    )
    assert [c["arguments"] for c in events[-1]["response"]["output"]] == ['{"a":1}', '{"b":2}']


@pytest.mark.parametrize("index", [{}, {"index": 0}], ids=["no index", "always 0"])
def test_calls_of_servers_that_cannot_count(index):
    calls = [{**tool_call("x", "f", '{"a":'), **index}, {**index, "function": {"arguments": "1}"}}]
    calls.append({**tool_call("y", "g", "{}"), **index})
    output = streamed(chunk(tool_calls=[call]) for call in calls)[-1]["response"]["output"]
    assert [(c["call_id"], c["name"], c["arguments"]) for c in output] == [("x", "f", '{"a":1}'), ("y", "g", "{}")]


def test_text_after_a_call_is_another_message():
    call = {**tool_call(), "index": 0}
    events = streamed([chunk(content="A"), chunk(tool_calls=[call]), chunk(content="B"), chunk(finish="stop")])
    response = Response.model_validate(events[-1]["response"])
    assert [item.type for item in response.output] == ["message", "function_call", "message"]
    assert response.output_text == "AB"


def test_a_stream_of_nothing_ends_in_an_empty_answer():
    events = streamed([])
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["id"].startswith("resp_")


def test_other_choices_are_left_out():
    other = chunk(content="B") | {"choices": [{"index": 1, "delta": {"content": "B"}, "finish_reason": "length"}]}
    assert streamed([chunk(content="A"), other])[-1]["response"]["output"][0]["content"][0]["text"] == "A"


@pytest.mark.parametrize("data", [b"{half", b"[1]", b'{"error":{"message":"CUDA died"}}'])
def test_events_that_are_no_chunks_break_the_stream(data):
    with pytest.raises(UpstreamError):
        ResponsesToChat(BODY).stream().feed(Event("", data))


def test_comments_are_skipped():
    assert ResponsesToChat(BODY).stream().feed(Event("", b"")) == []


TEXTS = st.text(max_size=12)
CALLS = st.lists(st.tuples(st.sampled_from(["f", "g"]), st.sampled_from(["", "{}", '{"at":"Rome"}'])), max_size=3)
ANSWERS = st.builds(
    lambda finish, usage, reasoning, content, refusal, calls: completion(
        finish,
        usage,
        reasoning_content=reasoning,
        content=content,
        refusal=refusal,
        tool_calls=[tool_call(f"call_{i}", name, arguments) for i, (name, arguments) in enumerate(calls)],
    ),
    st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    st.sampled_from([USAGE, None]),
    TEXTS,
    st.none() | TEXTS,
    st.none() | TEXTS,
    CALLS,
)


@given(ANSWERS, st.data())
@settings(max_examples=60)
def test_a_stream_ends_in_the_response_that_would_have_been_sent_whole(answer, data):
    """However its texts are cut."""

    def cut(text):
        cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text))), max_size=4)))
        return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    events = streamed(chunks_of(answer, cut))
    assert events[-1]["type"] == f"response.{events[-1]['response']['status']}"
    assert events[-1]["response"] == whole(answer)


@given(ANSWERS)
@settings(max_examples=60)
def test_the_deltas_and_the_items_add_up_to_the_response(answer):
    events = streamed(chunks_of(answer))
    output = events[-1]["response"]["output"]
    done = {e["output_index"]: e["item"] for e in events if e["type"] == "response.output_item.done"}
    added = {e["output_index"]: e["item"]["id"] for e in events if e["type"] == "response.output_item.added"}
    assert [done[i] for i in range(len(output))] == output
    assert [added[i] for i in range(len(output))] == [item["id"] for item in output]
    for index, item in enumerate(output):
        mine = [e for e in events if e.get("output_index") == index and e["type"].endswith(".delta")]
        assert {e["item_id"] for e in mine} <= {item["id"]}
        if item["type"] == "function_call":
            assert "".join(e["delta"] for e in mine) == item["arguments"]
        for position, part in enumerate(item.get("content", ())):
            told = "".join(e["delta"] for e in mine if e["content_index"] == position)
            assert told == part.get("text", part.get("refusal"))


# --- failures


def failed(error, chunks=()):
    stream = ResponsesToChat(BODY).stream()
    raw = [part for c in chunks for part in stream.feed(Event("", orjson.dumps(c)))]
    return raw + [event + b"\n\n" for event in stream.fail(error).split(b"\n\n") if event]


def test_a_failure_is_told_in_both_ways():
    events = decoded(failed(UpstreamTimeout("Too slow."), [chunk(content="Hel")]))
    response, error = events[-2], events[-1]
    assert response["type"] == "response.failed"
    assert response["response"]["status"] == "failed"
    told = UpstreamTimeout("Too slow.").told
    assert response["response"]["error"] == {"code": "server_error", "message": told}
    assert response["response"]["output"][0]["content"][0]["text"] == "Hel"
    assert error["type"] == "error"
    assert error["error"] == {"message": told, "type": "server_error", "param": None, "code": "upstream_timeout"}
    assert (error["message"], error["code"]) == (told, "upstream_timeout")


def test_a_failure_before_the_first_chunk_is_an_error_event_alone():
    [event] = decoded(failed(UpstreamTimeout("Too slow.")))
    assert event["type"] == "error"


def test_a_full_pool_is_a_rate_limit():
    response = decoded(failed(PoolFull("Later."), [chunk(content="x")]))[-2]
    assert response["response"]["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            {"error": {"message": "No.", "type": "t", "param": "p", "code": "c"}},
            {"message": "No.", "type": "t", "param": "p", "code": "c"},
        ),
        (
            {"object": "error", "message": "No.", "type": "BadRequestError", "param": None, "code": 400},
            {"object": "error", "message": "No.", "type": "BadRequestError", "param": None, "code": 400},
        ),
        ({"error": "No."}, {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}),
    ],
)
def test_error_objects(given, error):
    assert ResponsesToChat(BODY).error(400, given) == {"error": error}


def test_an_error_without_a_message_gets_one():
    error = ResponsesToChat(BODY).error(503, {"error": {}})["error"]
    assert "503" in error["message"]
    assert error["type"] == "server_error"


# --- nonsense from either side

FULL_BODY = {
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "x"},
                {"type": "input_image", "image_url": "data:x", "detail": "low"},
                {"type": "input_file", "file_data": "data:y", "filename": "y"},
            ],
        },
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "n"}]},
        {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "a"}]},
    ],
    "instructions": "Be brief.",
    "include": ["message.output_text.logprobs"],
    "top_logprobs": 1,
    "metadata": {"a": "b"},
    "reasoning": {"effort": "low", "mode": "standard", "context": "auto"},
    "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}}},
    "tools": [{**TOOL, "allowed_callers": ["direct"]}],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]},
    "parallel_tool_calls": True,
    "truncation": "disabled",
    "n": 1,
}
TOKEN = {"token": "x", "logprob": -1.0, "bytes": [120], "top_logprobs": [{"token": "x", "logprob": -1.0}]}
FULL_DELTA = {"content": "x", "reasoning": "r", "refusal": "f", "tool_calls": [{**tool_call(), "index": 0}]}
FULL_CHUNK = {**chunk("stop", [TOKEN], **FULL_DELTA), "usage": USAGE}
JUNK = [None, True, 0, 5, -1.5, "", "x", [], ["x"], [[]], [{}], {}, {"a": [1]}, {"type": ["x"]}]


def paths(value, path=()):
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        yield (*path, key)
        yield from paths(member, (*path, key))


def spoiled(value):
    """`value` again and again, each time with something else where one of its members was."""
    for path in paths(value):
        for junk in JUNK:
            copied = copy.deepcopy(value)
            place = copied
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = junk
            yield copied


def test_a_nonsensical_request_is_refused_or_passed_on():
    outcomes = set()
    for body in spoiled(FULL_BODY):
        translation = ResponsesToChat(body)
        try:
            orjson.dumps(translation.request(body, "served"))
        except BadRequest as error:
            outcomes.add(type(error.param))
        else:
            outcomes.add(translation.response(completion(content="x"))["status"])
    assert outcomes == {str, "completed"}


def test_a_nonsensical_stream_still_ends_or_is_the_upstreams_fault():
    ends = set()
    for spoilt in spoiled(FULL_CHUNK):
        stream = ResponsesToChat(FULL_BODY).stream()
        stream.feed(Event("", orjson.dumps(FULL_CHUNK)))
        try:
            stream.feed(Event("", orjson.dumps(spoilt)))
        except UpstreamError as error:
            stream.fail(error)
        else:
            ends.add(parse_event(stream.finish()[-1]).name)
    assert ends == {"response.completed"}


def test_a_nonsensical_answer_is_translated_or_the_upstreams_fault():
    outcomes = set()
    for spoilt in spoiled(completion(logprobs=[TOKEN], **FULL_DELTA)):
        try:
            outcomes.add(ResponsesToChat(FULL_BODY).response(spoilt)["object"])
        except UpstreamError:
            outcomes.add("refused")
    assert outcomes == {"response", "refused"}


# --- the official SDK


@pytest.fixture
def connect(relay):
    async def start(answer, status=200):
        started = await relay(ResponsesToChat, answer, status)
        return started, openai.AsyncOpenAI(api_key="k", base_url=started.url, max_retries=0)

    return start


async def test_sdk_create(connect):
    upstream, client = await connect(completion(content="Hello", reasoning="hm"))
    async with client:
        response = await client.responses.create(model="auto", input="Hi", instructions="Be brief.")
    assert response.output_text == "Hello"
    assert response.usage.input_tokens == 11
    assert response.usage.output_tokens_details.reasoning_tokens == 3
    assert [m["role"] for m in upstream.asked[0]["messages"]] == ["system", "user"]


async def test_sdk_create_stream(connect):
    upstream, client = await connect(as_stream(completion(content="Hello 你好")))
    async with client:
        events = [e async for e in await client.responses.create(model="auto", input="Hi", stream=True)]
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == "Hello 你好"
    assert events[-1].response.output_text == "Hello 你好"
    assert events[-1].response.usage.total_tokens == 18
    assert upstream.asked[0]["stream_options"] == {"include_usage": True}


async def test_sdk_stream_helper(connect):
    _, client = await connect(as_stream(completion(reasoning="hm", content="Hello")))
    async with client, client.responses.stream(model="auto", input="Hi") as stream:
        snapshots = [e.snapshot async for e in stream if e.type == "response.output_text.delta"]
        response = await stream.get_final_response()
    assert snapshots == ["He", "Hell", "Hello"]
    assert response.output_text == "Hello"
    assert [item.type for item in response.output] == ["reasoning", "message"]


async def test_sdk_stream_helper_parses_tools(connect):
    calls = [tool_call(), tool_call("call_2", "weather", '{"at":"Oslo"}')]
    _, client = await connect(as_stream(completion("tool_calls", content="Looking.", tool_calls=calls)))
    async with client, client.responses.stream(model="auto", input="Hi", tools=[TOOL]) as stream:
        response = await stream.get_final_response()
    found = [item for item in response.output if item.type == "function_call"]
    assert [call.parsed_arguments for call in found] == [{"at": "Rome"}, {"at": "Oslo"}]
    assert response.output_text == "Looking."


class Point(pydantic.BaseModel):
    x: int
    y: int


async def test_sdk_parse(connect):
    upstream, client = await connect(completion(content='{"x":1,"y":2}'))
    async with client:
        response = await client.responses.parse(model="auto", input="Where?", text_format=Point)
    assert response.output_parsed == Point(x=1, y=2)
    assert upstream.asked[0]["response_format"]["json_schema"]["name"] == "Point"


async def test_sdk_stream_helper_parses_text(connect):
    _, client = await connect(as_stream(completion(content='{"x":1,"y":2}')))
    async with client, client.responses.stream(model="auto", input="Where?", text_format=Point) as stream:
        response = await stream.get_final_response()
    assert response.output_parsed == Point(x=1, y=2)


async def test_sdk_tool_loop(connect):
    """What the SDK got as output, it can send back as input."""
    upstream, client = await connect(completion("tool_calls", reasoning="Rome?", tool_calls=[tool_call()]))
    async with client:
        question = {"role": "user", "content": "Weather in Rome?"}
        first = await client.responses.create(model="auto", input=[question], tools=[TOOL])
        result = {"type": "function_call_output", "call_id": first.output[-1].call_id, "output": "sunny"}
        upstream.answer = completion(content="It is sunny.")
        history = [question, *first.output, result]
        second = await client.responses.create(model="auto", input=history, tools=[TOOL])
    assert second.output_text == "It is sunny."
    _, turn, tool = upstream.asked[1]["messages"]
    assert turn["reasoning"] == "Rome?"
    assert json.loads(turn["tool_calls"][0]["function"]["arguments"]) == {"at": "Rome"}
    assert (tool["tool_call_id"], tool["content"]) == ("call_1", "sunny")


async def test_sdk_incomplete_stream(connect):
    _, client = await connect(as_stream(completion("length", content="Hel")))
    async with client:
        events = [e async for e in await client.responses.create(model="auto", input="Hi", stream=True)]
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"


BROKEN = b'data: {"error":{"message":"CUDA died","type":"x","code":500}}\n\n'


@pytest.mark.parametrize("before", [b"", b"data: " + orjson.dumps(chunk(content="Hel")) + b"\n\n"])
async def test_sdk_raises_when_a_stream_fails(connect, before):
    _, client = await connect(before + BROKEN)
    seen = []

    def keep(event):
        seen.append(event.type)

    async with client:
        stream = await client.responses.create(model="auto", input="Hi", stream=True)
        with pytest.raises(openai.APIError, match="CUDA died") as caught:
            [keep(event) async for event in stream]
    assert (caught.value.type, caught.value.code) == ("server_error", "upstream_error")
    assert seen[-1:] == (["response.failed"] if before else [])


@pytest.mark.parametrize("before", [b"", b"data: " + orjson.dumps(chunk(content="Hel")) + b"\n\n"])
async def test_sdk_stream_helper_raises_when_a_stream_fails(connect, before):
    _, client = await connect(before + BROKEN)
    async with client, client.responses.stream(model="auto", input="Hi") as stream:
        with pytest.raises(openai.APIError, match="CUDA died"):
            await stream.get_final_response()


async def test_sdk_raises_on_an_upstream_error(connect):
    _, client = await connect({"error": {"message": "Too long.", "type": "t", "param": None, "code": "c"}}, 400)
    async with client:
        with pytest.raises(openai.BadRequestError, match="Too long") as caught:
            await client.responses.create(model="auto", input="Hi")
    assert caught.value.code == "c"
