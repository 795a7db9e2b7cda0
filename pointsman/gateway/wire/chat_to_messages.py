"""A client that speaks OpenAI chat completions, a pool that speaks Anthropic messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import orjson

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.wire.anthropic_shapes import chat_usage, upstream_message
from pointsman.gateway.wire.chat_to_messages_content import messages_and_system
from pointsman.gateway.wire.chat_to_messages_stream import MessagesStreamToChat, finish_reason
from pointsman.gateway.wire.checks import Object, an_object, objects, refuse, string
from pointsman.gateway.wire.translate import StreamTranslation, Translation

DEFAULT_MAX_TOKENS = 8192
"""Anthropic wants a limit in every request, OpenAI's clients often give none."""

MAX_TEMPERATURE = 1.0  # Anthropic's; OpenAI's is 2


class ChatToMessages(Translation):
    path = "messages"

    def __init__(self, body: Mapping[str, Any]) -> None:
        options = body.get("stream_options")
        self._include_usage = isinstance(options, dict) and options.get("include_usage") is True

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        limits = (body.get("max_completion_tokens"), body.get("max_tokens"), DEFAULT_MAX_TOKENS)
        limit = next(limit for limit in limits if limit is not None)
        messages: Object = {"model": model, "max_tokens": limit, **messages_and_system(body)}
        for key, value in body.items():
            if value is not None and key not in _ELSEWHERE:
                messages |= _FIELDS[key](value) if key in _FIELDS else {key: value}
        return messages | _tool_choice(body) | _user(body) | _output(body)

    def response(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return _completion(body)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise UpstreamError(f"The pool's answer cannot be read as a message: {error!r}") from error

    def error(self, status: int, body: dict[str, Any]) -> dict[str, Any]:
        message, kind, code = upstream_message(body, status)
        if "prompt is too long" in message:
            code = "context_length_exceeded"
        return {"error": {"message": message, "type": kind or "api_error", "param": None, "code": code}}

    def stream(self) -> StreamTranslation:
        return MessagesStreamToChat(self._include_usage, int(time.time()))


def _completion(body: Mapping[str, Any]) -> Object:
    choice = {"index": 0, "message": _message(body["content"]), "logprobs": None}
    return {
        "id": body.get("id") or f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body.get("model") or "",
        "choices": [choice | {"finish_reason": finish_reason(body.get("stop_reason"))}],
        "usage": chat_usage(body.get("usage")),
    }


def _message(blocks: list[Object]) -> Object:
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    calls = [_tool_call(block) for block in blocks if block["type"] == "tool_use"]
    message: Object = {"role": "assistant", "content": text or (None if calls else ""), "refusal": None}
    if calls:
        message["tool_calls"] = calls
    thinking = [block for block in blocks if block["type"] in ("thinking", "redacted_thinking")]
    if thinking:
        message["reasoning_content"] = "".join(block.get("thinking", "") for block in thinking)
        message["thinking_blocks"] = thinking
    return message


def _tool_call(block: Object) -> Object:
    function = {"name": block["name"], "arguments": orjson.dumps(block["input"]).decode()}
    return {"id": block["id"], "type": "function", "function": function}


def _stop(value: Any) -> Object:
    stops = [value] if isinstance(value, str) else value
    return {"stop_sequences": stops} if stops else {}


def _temperature(value: Any) -> Object:
    if isinstance(value, int | float) and value > MAX_TEMPERATURE:
        refuse("temperature", f"this pool takes at most {MAX_TEMPERATURE}, where OpenAI's models take 2.")
    return {"temperature": value}


def _tools(value: Any) -> Object:
    tools = [_tool(tool, f"tools.{i}") for i, tool in enumerate(objects(value, "tools"))]
    return {"tools": tools} if tools else {}


def _tool(tool: Object, where: str) -> Object:
    if tool.get("type") != "function":
        refuse(where, f"a tool of type {tool.get('type')!r} cannot be sent to Anthropic; only functions can.")
    where = f"{where}.function"
    function = an_object(tool.get("function"), where)
    parameters = function.get("parameters")
    schema = (
        {"type": "object", "properties": {}} if parameters is None else an_object(parameters, f"{where}.parameters")
    )
    custom: Object = {"name": string(function, "name", where), "input_schema": schema}
    return custom | {key: function[key] for key in ("description", "strict") if function.get(key) is not None}


def _tool_choice(body: Mapping[str, Any]) -> Object:
    """`tool_choice` and `parallel_tool_calls`, which Anthropic keeps in one object."""
    chosen = None if body.get("tool_choice") is None else _choice(body["tool_choice"])
    if body.get("parallel_tool_calls") is False and body.get("tools"):
        chosen = chosen or {"type": "auto"}
        if chosen["type"] != "none":
            chosen["disable_parallel_tool_use"] = True
    return {"tool_choice": chosen} if chosen else {}


def _choice(value: Any) -> Object:
    if isinstance(value, str) and value in _CHOICES:
        return {"type": _CHOICES[value]}
    choice = an_object(value, "tool_choice")
    if choice.get("type") != "function":
        refuse("tool_choice", "this pool knows auto, none, required and one named function.")
    function = an_object(choice.get("function"), "tool_choice.function")
    return {"type": "tool", "name": string(function, "name", "tool_choice.function")}


_CHOICES = {"auto": "auto", "none": "none", "required": "any"}


def _user(body: Mapping[str, Any]) -> Object:
    user = body.get("user") or body.get("safety_identifier")
    return {"metadata": {"user_id": user}} if user else {}


def _output(body: Mapping[str, Any]) -> Object:
    """Effort and format, which Anthropic keeps in one object."""
    effort = body.get("reasoning_effort")
    output = {} if effort in (None, "none") else {"effort": "low" if effort == "minimal" else effort}
    output |= _format(an_object(body.get("response_format") or {"type": "text"}, "response_format"))
    thinking = {"thinking": {"type": "disabled"}} if effort == "none" else {}
    return {"output_config": output, **thinking} if output else thinking


def _format(given: Object) -> Object:
    kind, where = given.get("type"), "response_format.json_schema"
    if kind == "text":
        return {}
    if kind != "json_schema":
        refuse("response_format", f"Anthropic cannot answer in {kind!r}; use json_schema with a schema.")
    schema = an_object(an_object(given.get("json_schema"), where).get("schema"), f"{where}.schema")
    return {"format": {"type": "json_schema", "schema": schema}}


def _service_tier(value: Any) -> Object:
    if value not in ("auto", "default"):
        refuse("service_tier", f"Anthropic has no tier {value!r}; use auto or default.")
    return {"service_tier": "auto" if value == "auto" else "standard_only"}


def _only(key: str, *harmless: object) -> Callable[[Any], Object]:
    """Anthropic has no such field: what means the same without it is left out, the rest is refused."""

    def check(value: Any) -> Object:
        if value not in harmless:
            refuse(
                key,
                f"Anthropic's messages cannot express {value!r}; leave it out, or name an OpenAI-wire pool.",
            )
        return {}

    return check


def _hint(value: Any) -> Object:
    """Changes nothing that the client could miss in the answer."""
    return {}


_ELSEWHERE = frozenset(
    (
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "tool_choice",
        "parallel_tool_calls",
        "user",
        "safety_identifier",
        "stream_options",
        "response_format",
        "reasoning_effort",
    )
)

_FIELDS: Mapping[str, Callable[[Any], Object]] = {
    "stop": _stop,
    "temperature": _temperature,
    "tools": _tools,
    "service_tier": _service_tier,
    "n": _only("n", 1),
    "logprobs": _only("logprobs", False),
    "top_logprobs": _only("top_logprobs", 0),
    "logit_bias": _only("logit_bias", {}),
    "frequency_penalty": _only("frequency_penalty", 0),
    "presence_penalty": _only("presence_penalty", 0),
    "seed": _only("seed"),
    "store": _only("store", False),
    "verbosity": _only("verbosity", "medium"),
    "modalities": _only("modalities", ["text"]),
    "audio": _only("audio"),
    "moderation": _only("moderation"),
    "web_search_options": _only("web_search_options"),
    "functions": _only("functions", []),
    "function_call": _only("function_call", "none"),
    "metadata": _hint,
    "prediction": _hint,
    "prompt_cache_key": _hint,
    "prompt_cache_options": _hint,
    "prompt_cache_retention": _hint,
}
