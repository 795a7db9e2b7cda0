"""From a request body to what the engine computes and how the answer looks."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from time import time

from pointsman.gateway.sim import answers, tokens
from pointsman.gateway.sim.answers import Answer, Call, Length
from pointsman.gateway.sim.engine import Request
from pointsman.gateway.sim.errors import SimError, too_long, unknown_model
from pointsman.gateway.sim.options import SimOptions
from pointsman.gateway.sim.replies import ChatReply, CompletionReply, Head, Reply
from pointsman.gateway.sim.requests import (
    ChatRequest,
    CompletionRequest,
    Generation,
    NamedTool,
    Prompt,
    Tool,
    each_prompt,
)

_COMPLETION_LIMIT = 16  # tokens of a completion that sets no max_tokens


@dataclass(frozen=True, slots=True)
class Job:
    requests: Sequence[Request]  # one per choice
    reply: Reply
    prompt_tokens: int
    stream: bool
    include_usage: bool


class Author:
    """Writes the answers that the engine then takes its time for."""

    def __init__(self, options: SimOptions) -> None:
        self._options = options

    def model(self, asked: str | None) -> str:
        served = self._options.served
        if asked is not None and asked not in served:
            raise unknown_model(asked)
        return asked or served[0]

    def chat(self, body: ChatRequest, id: str) -> Job:
        model = self.model(body.model)
        prompt = tokens.encode(body.prompt)
        length = self._length(body, body.limit, len(prompt))
        tools = chosen_tools(body)
        written = [self._chat_answer(body, model, tools, length, choice) for choice in range(body.n)]
        top = body.top_logprobs if body.logprobs else None
        reply = ChatReply(Head(f"chatcmpl-{id}", model, int(time())), written, top)
        return _job(body, [prompt] * body.n, reply, len(prompt))

    def _chat_answer(self, body: ChatRequest, model: str, tools: Sequence[Tool], length: Length, choice: int) -> Answer:
        random = self._random(model, body, body.prompt, choice)
        if tools:
            return answers.answer_calls([_call(tool, body.asked, random) for tool in tools], length)
        return answers.answer_text(_chat_text(body, model, random, length), length, body.stops)

    def completion(self, body: CompletionRequest, id: str) -> Job:
        model = self.model(body.model)
        prompts = each_prompt(body.prompt)
        encoded = [encode_prompt(prompt) for prompt in prompts for _ in range(body.n)]
        written = [
            self._completion_answer(body, model, prompt, len(encoded[index * body.n]), choice)
            for index, prompt in enumerate(prompts)
            for choice in range(body.n)
        ]
        echoes = [show_prompt(prompt) if body.echo else "" for prompt in prompts for _ in range(body.n)]
        reply = CompletionReply(Head(f"cmpl-{id}", model, int(time())), written, body.logprobs, echoes)
        return _job(body, encoded, reply, sum(map(len, encoded)) // body.n)

    def _completion_answer(self, body: CompletionRequest, model: str, prompt: Prompt, size: int, choice: int) -> Answer:
        length = self._length(body, body.max_tokens or _COMPLETION_LIMIT, size)
        shown = show_prompt(prompt)
        text = answers.write_text(model, shown, self._random(model, body, shown, choice), length)
        return answers.answer_text(text, length, body.stops)

    def _length(self, body: Generation, limit: int | None, prompt: int) -> Length:
        longest = self._options.engine.max_model_len
        if not prompt:
            raise SimError(400, "The prompt has no tokens.", "prompt")
        if prompt + (limit or 1) > longest:
            raise too_long(longest, prompt, limit or 1)
        most = limit or longest - prompt
        return Length(most, most if body.ignore_eos else min(body.min_tokens, most))

    def _random(self, model: str, body: Generation, prompt: str, choice: int) -> Random:
        return Random(f"{self._options.seed}/{body.seed}/{choice}/{model}/{prompt}")


def _job(body: Generation, prompts: Sequence[array[int]], reply: Reply, prompt_tokens: int) -> Job:
    requests = [
        Request(prompt, _output_ids(answer), "length" if answer.reason == "length" else "stop")
        for prompt, answer in zip(prompts, reply.answers, strict=True)
    ]
    return Job(requests, reply, prompt_tokens, body.stream, body.include_usage)


def _output_ids(answer: Answer) -> array[int]:
    return array("q", (tokens.token_id(delta.text) if delta.text else tokens.END for delta in answer.deltas))


def _chat_text(body: ChatRequest, model: str, random: Random, length: Length) -> str:
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return answers.write_text(model, body.asked, random, length)
    if wanted.json_schema is None:
        return answers.write_json(model, body.asked)
    return answers.write_schema(wanted.json_schema.schema_, body.asked)


def chosen_tools(body: ChatRequest) -> list[Tool]:
    """The tools that the answer calls: those that it must, else those that the last user message names."""
    offered, choice = body.tools or [], body.tool_choice
    if isinstance(choice, NamedTool):
        chosen = [tool for tool in offered if tool.function.name == choice.function.name][:1]
        if not chosen:
            raise SimError(400, f"`tool_choice` names {choice.function.name}, which is not among `tools`.")
        return chosen
    if choice == "required" and not offered:
        raise SimError(400, "`tool_choice` is required, but there are no `tools`.")
    named = [tool for tool in offered if _names(body.asked, tool.function.name)]
    if choice == "required":
        chosen = named or offered[:1]
    else:
        chosen = [] if choice == "none" or body.messages[-1].role == "tool" else named
    return chosen if body.parallel_tool_calls else chosen[:1]


def _names(text: str, name: str) -> bool:
    return name.lower().replace("_", " ") in text.lower().replace("_", " ")


def _call(tool: Tool, asked: str, random: Random) -> Call:
    arguments = answers.write_schema(tool.function.parameters or {}, asked)
    return Call(f"chatcmpl-tool-{random.getrandbits(128):032x}", tool.function.name, arguments)


def encode_prompt(prompt: Prompt) -> array[int]:
    return tokens.encode(prompt) if isinstance(prompt, str) else array("q", prompt)


def show_prompt(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else f"{len(prompt)} token ids"
