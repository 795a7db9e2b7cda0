"""A client that speaks Anthropic messages, a pool that speaks OpenAI chat completions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import orjson

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.wire.anthropic_shapes import SIGNATURE, error_body, messages_usage, upstream_message
from pointsman.gateway.wire.checks import Object, an_object, objects, refuse, string
from pointsman.gateway.wire.messages_to_chat_content import chat_messages
from pointsman.gateway.wire.messages_to_chat_stream import ChatStreamToMessages, reasoning_of, stop_of
from pointsman.gateway.wire.translate import StreamTranslation, Translation

TEMPLATE_ENGINES = frozenset(("vllm", "sglang", "llamacpp"))
"""Engines that take `chat_template_kwargs` and go on with an answer that the client began."""

NEW_LIMIT = re.compile(r"(o\d|gpt-[5-9])")
"""OpenAI's own models that refuse `max_tokens`; everything else that speaks its wire knows that name."""

_USER_LENGTH = 64  # OpenAI refuses longer ones, and Claude Code sends longer ones


class MessagesToChat(Translation):
    path = "chat/completions"

    def __init__(self, body: Mapping[str, Any], *, engine: str = "none") -> None:
        """`engine` is the pool's; see TEMPLATE_ENGINES."""
        stops = body.get("stop_sequences")
        thinking = body.get("thinking")
        self._stops = frozenset(s for s in stops if isinstance(s, str)) if isinstance(stops, list) else frozenset()
        self._show_thinking = not (isinstance(thinking, dict) and thinking.get("display") == "omitted")
        self._templates = engine in TEMPLATE_ENGINES

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        chat: Object = {"model": model, "messages": chat_messages(body)}
        for key, value in body.items():
            if value is not None and key not in _ELSEWHERE:
                chat |= _FIELDS[key](value) if key in _FIELDS else {key: value}
        if body.get("max_tokens") is not None:
            chat["max_completion_tokens" if NEW_LIMIT.match(model) else "max_tokens"] = body["max_tokens"]
        if body.get("stream"):
            options = an_object(chat.get("stream_options", {}), "stream_options")
            chat["stream_options"] = {**options, "include_usage": True}
        return chat | self._continuation(chat) | self._template_kwargs(body)

    def _continuation(self, chat: Object) -> Object:
        last = chat["messages"][-1] if chat["messages"] else {}
        if last.get("role") != "assistant" or "tool_calls" in last:
            return {}
        if not self._templates:
            refuse(
                "messages",
                "the last turn is the assistant's, and this pool cannot go on with it. End with a user turn; "
                "if the pool is vLLM, SGLang or llama.cpp, set its `engine` in the gateway's file.",
            )
        return {"add_generation_prompt": False, "continue_final_message": True}

    def _template_kwargs(self, body: Mapping[str, Any]) -> Object:
        """Templates name the switch differently and ignore what they do not know."""
        if body.get("thinking") is None or not self._templates:
            return {}
        on = an_object(body["thinking"], "thinking").get("type") in ("enabled", "adaptive")
        given = an_object(body.get("chat_template_kwargs", {}), "chat_template_kwargs")
        return {"chat_template_kwargs": {"enable_thinking": on, "thinking": on, **given}}

    def response(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._message(body)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise UpstreamError(f"The pool's answer cannot be read as a chat completion: {error!r}") from error

    def _message(self, body: Mapping[str, Any]) -> Object:
        choice = body["choices"][0]
        content = self._content(choice["message"], cut=choice.get("finish_reason") == "length")
        called = any(block["type"] == "tool_use" for block in content)
        reason, sequence = stop_of(choice, called, self._stops)
        return {
            "id": body.get("id") or f"msg_{uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model") or "",
            "content": content,
            "stop_reason": "refusal" if choice["message"].get("refusal") else reason,
            "stop_sequence": sequence,
            "usage": messages_usage(body.get("usage")),
        }

    def _content(self, message: Mapping[str, Any], cut: bool) -> list[Object]:
        blocks: list[Object] = []
        if self._show_thinking and (thinking := reasoning_of(message)):
            blocks.append({"type": "thinking", "thinking": thinking, "signature": SIGNATURE})
        texts = (message.get("content"), message.get("refusal"))
        blocks += [{"type": "text", "text": text} for text in texts if text and text.strip()]
        calls = [_tool_use(call, cut) for call in message.get("tool_calls") or ()]
        return blocks + [call for call in calls if call]

    def error(self, status: int, body: dict[str, Any]) -> dict[str, Any]:
        message, _, code = upstream_message(body, status)
        return error_body(status, message, code)

    def stream(self) -> StreamTranslation:
        return ChatStreamToMessages(self._stops, self._show_thinking)


def _tool_use(call: Mapping[str, Any], cut: bool) -> Object | None:
    """None for a call that was cut off: nobody can carry it out, and stop_reason max_tokens says why."""
    name, text = call["function"]["name"], call["function"].get("arguments") or "{}"
    try:
        arguments = orjson.loads(text)
    except orjson.JSONDecodeError:
        arguments = None
    if isinstance(arguments, dict):
        return {
            "type": "tool_use",
            "id": call.get("id") or f"toolu_{uuid4().hex}",
            "name": name,
            "input": arguments,
        }
    if cut:
        return None
    raise UpstreamError(f"The model called tool {name!r} with arguments that are not a JSON object. Try again.")


def _stop_sequences(value: Any) -> Object:
    return {"stop": value} if value else {}


def _metadata(value: Any) -> Object:
    user = an_object(value, "metadata").get("user_id")
    if user is None:
        return {}
    user = string(value, "user_id", "metadata")
    return {"user": user if len(user) <= _USER_LENGTH else hashlib.sha256(user.encode()).hexdigest()}


def _tools(value: Any) -> Object:
    tools = [_tool(tool, f"tools.{i}") for i, tool in enumerate(objects(value, "tools"))]
    return {"tools": tools} if tools else {}


def _tool(tool: Object, where: str) -> Object:
    if tool.get("type") not in (None, "custom"):
        refuse(
            where,
            f"the tool {tool['type']!r} is built into Anthropic's models and servers. This pool takes only "
            "custom tools (name, description, input_schema); or name a pool with `provider: anthropic`.",
        )
    callers = tool.get("allowed_callers")
    if isinstance(callers, list) and "direct" not in callers:
        refuse(f"{where}.allowed_callers", "this pool runs no code that could call the tool; allow `direct`.")
    parameters = an_object(tool.get("input_schema"), f"{where}.input_schema")
    if tool.get("input_examples"):
        parameters = {**parameters, "examples": tool["input_examples"]}
    function: Object = {"name": string(tool, "name", where), "parameters": parameters}
    function |= {key: tool[key] for key in ("description", "strict") if tool.get(key) is not None}
    return {"type": "function", "function": function}


def _tool_choice(value: Any) -> Object:
    choice = an_object(value, "tool_choice")
    match choice.get("type"):
        case "auto" | "none" as same:
            chat: Object = {"tool_choice": same}
        case "any":
            chat = {"tool_choice": "required"}
        case "tool":
            name = string(choice, "name", "tool_choice")
            chat = {"tool_choice": {"type": "function", "function": {"name": name}}}
        case kind:
            refuse("tool_choice.type", f"{kind!r} is none of auto, any, tool, none.")
    if choice.get("disable_parallel_tool_use"):
        chat["parallel_tool_calls"] = False
    return chat


def _output_config(value: Any) -> Object:
    config = an_object(value, "output_config")
    chat = {} if config.get("effort") is None else {"reasoning_effort": config["effort"]}
    return chat if config.get("format") is None else chat | _output_format(config["format"])


def _output_format(value: Any) -> Object:
    if an_object(value, "output_format").get("type") != "json_schema":
        refuse("output_format.type", "only json_schema is known.")
    schema = an_object(value.get("schema"), "output_format.schema")
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "output", "schema": schema, "strict": True},
        }
    }


def _service_tier(value: Any) -> Object:
    return {"service_tier": "default"} if value == "standard_only" else {}


def _speed(value: Any) -> Object:
    return {} if value == "standard" else _refused("speed")(value)


def _refused(key: str) -> Callable[[Any], Object]:
    def refuse_field(value: Any) -> Object:
        refuse(key, "only Anthropic's own API can do this. Remove it, or name a pool with `provider: anthropic`.")

    return refuse_field


def _hint(value: Any) -> Object:
    """Changes nothing that the client could miss in the answer."""
    return {}


_ELSEWHERE = frozenset(("model", "messages", "system", "max_tokens", "thinking"))

_FIELDS: Mapping[str, Callable[[Any], Object]] = {
    "stop_sequences": _stop_sequences,
    "metadata": _metadata,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "output_config": _output_config,
    "output_format": _output_format,
    "service_tier": _service_tier,
    "speed": _speed,
    "cache_control": _hint,
    "context_management": _hint,
    "diagnostics": _hint,
    "container": _refused("container"),
    "inference_geo": _refused("inference_geo"),
    "mcp_servers": _refused("mcp_servers"),
}
