"""What a request says, in the one form that every signal reads. Nothing here knows a wire format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Route(StrEnum):
    """The operations of the data plane; the value is the path below `/v1/`."""

    CHAT = "chat/completions"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    MESSAGES = "messages"
    COUNT_TOKENS = "messages/count_tokens"
    OTHER = "other"


class Scope(StrEnum):
    """Which text of the request a text signal reads (`in:` in the YAML)."""

    USER = "user"  # the last user message
    ALL = "all"
    SYSTEM = "system"
    TOOL = "tool"

    __hash__ = str.__hash__  # Enum's own is slower, and this is a key of every text that is looked up


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `text` joins its text parts with newlines; `parts` names the others (`image`, `audio`, `file`)."""

    role: str  # system | user | assistant | tool  (developer is system)
    text: str
    parts: tuple[str, ...] = ()
    tool_calls: int = 0


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """A pool's state at the moment of the request; None is unknown, which is not zero."""

    load: float | None = None  # effective in-flight requests ÷ the pool's in-flight limit
    queue: int | None = None  # requests that wait, here and in the engines
    inflight: int = 0  # requests that this gateway has running in the pool
    kv: float | None = None  # highest KV-cache use of a live endpoint, in [0, 1]
    healthy: bool = True  # at least one endpoint can take a request


class lazy(Generic[T]):  # noqa: N801  used like functools.cached_property
    """Computed on first use. `cached_property` takes a lock before Python 3.12, which costs more than most of these."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function = function
        self._name = function.__name__

    def __get__(self, instance: object, owner: type) -> T:
        value = instance.__dict__[self._name] = self._function(instance)
        return value


@dataclass(frozen=True)
class Facts:
    """One request. Cheap fields are given, the costly ones are derived once, when a signal first asks."""

    route: Route
    model: str | None = None
    stream: bool = False
    read_messages: Callable[[], Sequence[Message]] = tuple
    read_tools: Callable[[], Sequence[str]] = tuple  # names of the tools offered
    read_tool_text: Callable[[], str] = str  # the tools' definitions as the body writes them
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # names in lower case
    tenant: str | None = None
    roles: frozenset[str] = frozenset()
    session: str | None = None  # x-session-id, else the body's `user`
    max_tokens: int | None = None
    choices: int = 1  # `n`
    size: int = 0  # bytes of the body
    now: datetime | None = None  # with time zone
    pools: Callable[[str], PoolLoad] = field(default=lambda name: PoolLoad())

    @lazy
    def messages(self) -> tuple[Message, ...]:
        return tuple(self.read_messages())

    @lazy
    def tools(self) -> tuple[str, ...]:
        return tuple(self.read_tools())

    @lazy
    def user_text(self) -> str:
        """The last user message, '' without one."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")

    @lazy
    def _texts(self) -> dict[Scope, str]:
        return {}

    def text(self, scope: Scope = Scope.USER) -> str:
        if scope is Scope.USER:
            return self.user_text
        if scope not in self._texts:
            role = None if scope is Scope.ALL else scope.value
            chosen = (m.text for m in self.messages if role is None or m.role == role)
            self._texts[scope] = "\n".join(t for t in chosen if t)
        return self._texts[scope]

    @lazy
    def _derived(self) -> dict[tuple[Callable[[str], Any], Scope], Any]:
        return {}

    def derive(self, function: Callable[[str], T], scope: Scope = Scope.USER) -> T:
        """`function` of the scope's text, computed once however many signals ask for it."""
        derived, key = self._derived, (function, scope)
        if key in derived:
            value: T = derived[key]
        else:
            value = derived[key] = function(self.text(scope))
        return value
