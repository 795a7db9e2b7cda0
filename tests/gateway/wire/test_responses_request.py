"""Settings: what a chat server knows under another name, what it cannot know, and what passes."""

import copy

import pytest

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.wire.responses_request import chat_request

TOOL = {
    "type": "function",
    "name": "weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {}},
    "strict": True,
}
CHAT_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {}},
        "strict": True,
    },
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
BARE = {"model": "served", "messages": [{"role": "user", "content": "Hi"}]}


def asked(**settings) -> dict:
    request = chat_request({"model": "auto", "input": "Hi", **settings}, "served")
    assert {key: request.pop(key) for key in BARE} == BARE
    return request


MAPPED = {
    "nothing": ({}, {}),
    "max_output_tokens": ({"max_output_tokens": 9}, {"max_completion_tokens": 9}),
    "sampling": ({"temperature": 0.0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
    "null is unset": ({"temperature": None, "tools": None, "text": None, "include": None, "reasoning": None}, {}),
    "user": ({"user": "u", "safety_identifier": "s"}, {"user": "u", "safety_identifier": "s"}),
    "caching": ({"prompt_cache_key": "k", "service_tier": "flex"}, {"prompt_cache_key": "k", "service_tier": "flex"}),
    "extensions of the engine": (
        {"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}},
        {"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}},
    ),
    "kept here": ({"store": True, "metadata": {"a": "b"}, "truncation": "disabled", "max_tool_calls": 3}, {}),
    "an answer at once": ({"background": False, "previous_response_id": None, "conversation": None}, {}),
    "effort": ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
    "verbosity": ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
    "plain text": ({"text": {"format": {"type": "text"}}}, {}),
    "JSON": ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
    "a schema": (
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
            }
        },
    ),
    "a stream": (
        {"stream": True, "stream_options": {"include_obfuscation": False}},
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    "no stream": ({"stream": False}, {}),
    "log-probabilities": (
        {"include": ["message.output_text.logprobs"], "top_logprobs": 4},
        {"logprobs": True, "top_logprobs": 4},
    ),
    "log-probabilities of the chosen tokens": (
        {"include": ["message.output_text.logprobs"]},
        {"logprobs": True, "top_logprobs": 0},
    ),
    "includes of what cannot occur": ({"include": ["reasoning.encrypted_content", "file_search_call.results"]}, {}),
    "a tool": ({"tools": [TOOL]}, {"tools": [CHAT_TOOL]}),
    "a bare tool": (
        {"tools": [{"type": "function", "name": "f", "strict": None, "parameters": None}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
    ),
    "tool settings": (
        {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False},
        {"tools": [CHAT_TOOL], "tool_choice": "required", "parallel_tool_calls": False},
    ),
    "tool settings without tools": ({"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, {}),
    "a tool by name": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "weather"}},
        {"tools": [CHAT_TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
    ),
    "allowed tools": (
        {
            "tools": [TOOL, TOOL | {"name": "time"}],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "weather"}],
            },
        },
        {"tools": [CHAT_TOOL], "tool_choice": "required"},
    ),
}


@pytest.mark.parametrize(("settings", "request_"), MAPPED.values(), ids=MAPPED)
def test_settings_are_mapped(settings, request_):
    assert asked(**settings) == request_


REFUSED = {
    "previous_response_id": ({"previous_response_id": "resp_1"}, "Send the earlier items again"),
    "conversation": ({"conversation": "conv_1"}, "Send the earlier items again"),
    "background": ({"background": True}, "Leave it out"),
    "prompt": ({"prompt": {"id": "pmpt_1"}}, "instructions"),
    "truncation": ({"truncation": "auto"}, "disabled"),
    "moderation": ({"moderation": {"model": "m"}}, "native"),
    "context_management": ({"context_management": [{"type": "compaction"}]}, "native"),
    "messages": ({"messages": [{"role": "user", "content": "x"}]}, "chat/completions"),
    "n": ({"n": 2}, "one answer"),
    "include": ({"include": ["everything"]}, "everything"),
    "text": ({"text": "json"}, "object"),
    "text.format.type": ({"text": {"format": {"type": "grammar"}}}, "grammar"),
    "reasoning.mode": ({"reasoning": {"mode": "pro"}}, "native"),
    "tools.1.defer_loading": ({"tools": [TOOL, TOOL | {"defer_loading": True}]}, "native"),
    "tool_choice": ({"tools": [TOOL], "tool_choice": {"type": "mcp", "server_label": "x"}}, "mcp"),
}


@pytest.mark.parametrize("param", REFUSED)
def test_what_chat_completions_cannot_express_is_refused(param):
    settings, hint = REFUSED[param]
    with pytest.raises(BadRequest, match=hint) as caught:
        asked(**settings)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "kind",
    ["web_search", "web_search_preview", "file_search", "code_interpreter", "mcp", "computer_use_preview", "custom"],
)
def test_a_tool_that_runs_elsewhere_is_refused_by_name(kind):
    with pytest.raises(BadRequest, match=kind) as caught:
        asked(tools=[TOOL, {"type": kind}])
    assert caught.value.param == "tools.1"


def test_the_clients_body_is_left_as_it_was():
    body = {
        "input": [{"role": "system", "content": "A"}, {"role": "developer", "content": "B"}],
        "instructions": "I",
        "tools": [TOOL],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        "stream": True,
    }
    before = copy.deepcopy(body)
    chat_request(body, "served")
    assert body == before
