"""Request bodies as vLLM takes them; fields that change nothing here are ignored, as are unknown ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

TokenId = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1)]


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ModelBody(Body):
    model: str | None = None  # None: the one that is served


class Part(Body):
    type: str
    text: str | None = None

    @property
    def shown(self) -> str:
        return self.text or f"<{self.type}>"


class Message(Body):
    role: str
    content: str | list[Part] | None = None
    tool_calls: list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.shown for part in self.content)
        return self.content or ""


class Function(Body):
    name: str
    parameters: dict[str, Any] | None = None


class Tool(Body):
    type: str = "function"
    function: Function


class FunctionName(Body):
    name: str


class NamedTool(Body):
    type: str = "function"
    function: FunctionName


class JsonSchema(Body):
    name: str = ""
    schema_: dict[str, Any] = Field(default={}, alias="schema")


class ResponseFormat(Body):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Body):
    include_usage: bool = False


class Generation(ModelBody):
    """What chat and completions share."""

    max_tokens: Count | None = None
    min_tokens: int = Field(default=0, ge=0)
    ignore_eos: bool = False
    n: int = Field(default=1, ge=1, le=128)
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    @property
    def stops(self) -> list[str]:
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in given if text]

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class ChatRequest(Generation):
    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: int = Field(default=0, ge=0, le=20)
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool = True
    response_format: ResponseFormat | None = None

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def prompt(self) -> str:
        """The conversation in a plain chat template; tools come first, as templates put them."""
        tools = [orjson.dumps([tool.model_dump() for tool in self.tools]).decode()] if self.tools else []
        return "\n".join([*tools, chat_prompt(self.messages)])

    @property
    def asked(self) -> str:
        """The last message of the user."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), self.messages[-1].text)


def chat_prompt(messages: list[Message]) -> str:
    return "\n".join([*map(_turn, messages), "<|assistant|>"])


def _turn(message: Message) -> str:
    calls = orjson.dumps(message.tool_calls).decode() if message.tool_calls else ""
    return f"<|{message.role}|>\n{message.text}{calls}"


Prompt = str | list[TokenId]
Prompts = Prompt | Annotated[list[str] | list[list[TokenId]], Field(min_length=1, max_length=2048)]


def each_prompt(prompts: Prompts) -> list[Prompt]:
    if isinstance(prompts, str):
        return [prompts]
    if all(isinstance(item, int) for item in prompts):
        return [[item for item in prompts if isinstance(item, int)]]
    return [item for item in prompts if not isinstance(item, int)]


class CompletionRequest(Generation):
    prompt: Prompts
    echo: bool = False
    logprobs: int | None = Field(default=None, ge=0, le=20)


class EmbeddingRequest(ModelBody):
    input: Prompts
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1, le=65_536)


class TokenizeRequest(ModelBody):
    prompt: str | None = None
    messages: list[Message] | None = None
    return_token_strs: bool = False
