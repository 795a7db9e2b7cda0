"""The settings of a Responses request as those of a chat request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pointsman.gateway.wire.checks import Object, an_object, objects, refuse, string
from pointsman.gateway.wire.responses_input import chat_messages

LOGPROBS = "message.output_text.logprobs"

_RESEND = "Nothing is stored here between requests. Send the earlier items again in `input`."
_ELSEWHERE = "Leave it out, or use a pool that speaks the Responses API itself (`native: [responses]`)."
_NO_CHAT = f"has no counterpart in chat completions. {_ELSEWHERE}"
_ONLY = "only functions can."
_OTHER_API = "belongs to /v1/chat/completions, not to /v1/responses."

_REFUSED: Mapping[str, str] = {
    "previous_response_id": _RESEND,
    "conversation": _RESEND,
    "background": "Answers are not kept here. Leave it out; a stream shows a long answer as it grows.",
    "prompt": "Stored prompts cannot be looked up here. Send their text in `instructions` and `input`.",
    "access_programs": _NO_CHAT,
    "background_options": _NO_CHAT,
    "context_management": _NO_CHAT,
    "image": _NO_CHAT,
    "moderation": _NO_CHAT,
    "messages": f"{_OTHER_API} Send `input`.",
    "n": f"{_OTHER_API} A response is one answer.",
}
# Handled below, or only told back to the client; everything else goes upstream as it is.
_OWN = frozenset(_REFUSED) | {
    "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model",
    "parallel_tool_calls", "reasoning", "store", "stream", "stream_options", "text", "tool_choice", "tools",
    "top_logprobs", "truncation",
}  # fmt: skip
_INCLUDABLE = frozenset((
    "code_interpreter_call.outputs", "computer_call_output.output.image_url", "file_search_call.results",
    "message.input_image.image_url", LOGPROBS, "reasoning.encrypted_content",
    "web_search_call.action.sources", "web_search_call.results",
))  # fmt: skip
_TOOL_KEYS = frozenset(("type", "name", "description", "parameters", "strict", "output_schema"))


def chat_request(body: Mapping[str, Any], model: str) -> Object:
    _check(body)
    request = {key: value for key, value in body.items() if key not in _OWN and value is not None}
    request |= {"model": model, "messages": chat_messages(body)}
    request |= _tools(body) | _text(_section(body, "text")) | _reasoning(_section(body, "reasoning"))
    if body.get("max_output_tokens") is not None:
        # The name that OpenAI's newer models insist on, and that vLLM and SGLang take as well.
        request["max_completion_tokens"] = body["max_output_tokens"]
    if asks_for_logprobs(body):
        request |= {"logprobs": True, "top_logprobs": body.get("top_logprobs") or 0}
    if body.get("stream"):
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    return request


def asks_for_logprobs(body: Mapping[str, Any]) -> bool:
    return LOGPROBS in (body.get("include") or ()) or bool(body.get("top_logprobs"))


def _check(body: Mapping[str, Any]) -> None:
    for key, why in _REFUSED.items():
        if body.get(key) and (key != "n" or body[key] != 1):
            refuse(key, why)
    if body.get("truncation") not in (None, "disabled"):
        refuse("truncation", "Too long input is refused here, not cut. Leave it out, or send `disabled`.")
    include = body.get("include") or []
    if not isinstance(include, list):
        refuse("include", "must be a list of strings.")
    for name in include:
        if not isinstance(name, str) or name not in _INCLUDABLE:
            refuse("include", f"{name!r} is not known.")


def _section(body: Mapping[str, Any], key: str) -> Object:
    return {} if body.get(key) is None else an_object(body[key], key)


def _text(text: Object) -> Object:
    request = {} if text.get("verbosity") is None else {"verbosity": text["verbosity"]}
    given = _section(text, "format")
    kind = given.get("type", "text")
    if kind not in ("text", "json_object", "json_schema"):
        refuse("text.format.type", f"{kind!r} is not known. Use text, json_object or json_schema.")
    if kind == "text":
        return request
    if kind == "json_object":
        return request | {"response_format": {"type": kind}}
    schema = {key: value for key, value in given.items() if key != "type" and value is not None}
    return request | {"response_format": {"type": kind, "json_schema": schema}}


def _reasoning(reasoning: Object) -> Object:
    """A summary cannot be asked for; the reasoning itself is in the answer where the model shows it."""
    if reasoning.get("mode") not in (None, "standard"):
        refuse("reasoning.mode", _NO_CHAT)
    if reasoning.get("context") not in (None, "auto"):
        refuse("reasoning.context", _NO_CHAT)
    return {} if reasoning.get("effort") is None else {"reasoning_effort": reasoning["effort"]}


def _tools(body: Mapping[str, Any]) -> Object:
    """Settings about tools go along only where there are tools: OpenAI refuses them otherwise."""
    given = [] if body.get("tools") is None else objects(body["tools"], "tools")
    tools = [_function(tool, f"tools.{index}") for index, tool in enumerate(given)]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        tools, choice = _choose(tools, choice)
    request: Object = {"tools": tools} if tools else {}
    if choice is not None and (tools or choice not in ("auto", "none")):
        request["tool_choice"] = choice
    if tools and body.get("parallel_tool_calls") is not None:
        request["parallel_tool_calls"] = body["parallel_tool_calls"]
    return request


def _function(tool: Object, where: str) -> Object:
    if tool.get("type") != "function":
        kind = tool.get("type")
        refuse(where, f"a tool of type {kind!r} cannot be offered through chat completions; {_ONLY} {_ELSEWHERE}")
    for key in sorted(tool.keys() - _TOOL_KEYS):
        if tool[key] and not (key == "allowed_callers" and tool[key] == ["direct"]):
            refuse(f"{where}.{key}", _NO_CHAT)
    function = {"name": string(tool, "name", where)}
    function |= {k: tool[k] for k in ("description", "parameters", "strict") if tool.get(k) is not None}
    return {"type": "function", "function": function}


def _choose(tools: list[Object], choice: Object) -> tuple[list[Object], Object | str]:
    """Allowed tools are the only ones offered: not every server knows this kind of choice."""
    kind = choice.get("type")
    if kind not in ("function", "allowed_tools"):
        refuse("tool_choice", f"a tool of type {kind!r} cannot be offered through chat completions; {_ONLY}")
    if kind == "function":
        return tools, {"type": kind, "function": {"name": string(choice, "name", "tool_choice")}}
    named = objects(choice.get("tools"), "tool_choice.tools")
    names = {_allowed(tool, f"tool_choice.tools.{index}") for index, tool in enumerate(named)}
    return [t for t in tools if t["function"]["name"] in names], choice.get("mode", "auto")


def _allowed(tool: Object, where: str) -> str:
    if tool.get("type") != "function":
        refuse(where, f"cannot be offered through chat completions; {_ONLY}")
    return string(tool, "name", where)
