"""What a request says, in the one form that every signal reads. Nothing here knows a wire format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from pointsman.signals.tokens import estimate_tokens

T = TypeVar("T")

_BETWEEN_MESSAGES = 4  # tokens that chat templates write there
_MISSING: Any = object()


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


class Message(NamedTuple):
    """One turn. `text` joins its text parts with newlines; `parts` names the others (`image`, `audio`, `file`)."""

    role: str  # system | user | assistant | tool  (developer is system)
    text: str
    parts: tuple[str, ...] = ()
    tool_calls: int = 0


class Tool(NamedTuple):
    """A tool that the request offers, as its client describes it."""

    name: str
    description: str = ""


class PoolLoad(NamedTuple):
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


class _Given(NamedTuple):
    route: Route
    model: str | None = None
    stream: bool = False
    read_messages: Callable[[], Sequence[Message]] = tuple
    read_tools: Callable[[], Sequence[str]] = tuple  # names of the tools offered
    read_tool_text: Callable[[], str] = str  # the tools' definitions as the body writes them
    read_offered: Callable[[], Sequence[Tool]] = tuple
    headers: Mapping[str, str] = MappingProxyType({})  # names in lower case
    tenant: str | None = None
    roles: frozenset[str] = frozenset()
    session: str | None = None  # x-session-id, else the body's `user`
    max_tokens: int | None = None
    choices: int = 1  # `n`
    size: int = 0  # bytes of the body
    now: datetime | None = None  # with time zone
    pools: Callable[[str], PoolLoad] = lambda name: PoolLoad()


class Facts(_Given):
    """One request. Cheap fields are given, the costly ones are derived once, when a signal first asks."""

    @lazy
    def messages(self) -> tuple[Message, ...]:
        return tuple(self.read_messages())

    @lazy
    def tools(self) -> tuple[str, ...]:
        return tuple(self.read_tools())

    @lazy
    def offered(self) -> tuple[Tool, ...]:
        """The tools with their descriptions; also those that older clients offer as `functions`."""
        return tuple(self.read_offered())

    @lazy
    def user_text(self) -> str:
        """The last user message, '' without one."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text
        return ""

    @lazy
    def prompt_tokens(self) -> int:
        """An estimate: the text of all messages and the tools' definitions; images and files are not counted."""
        tokens = estimate_tokens(self.text(Scope.ALL)) + estimate_tokens(self.read_tool_text())
        return tokens + _BETWEEN_MESSAGES * (len(self.messages) - 1) if self.messages else tokens

    def text(self, scope: Scope = Scope.USER) -> str:
        if scope is Scope.USER:
            return self.user_text
        text: str | None = self._derived.get(scope)
        if text is None:
            chosen = [m for m in self.messages if m.role == scope] if scope is not Scope.ALL else self.messages
            text = self._derived[scope] = "\n".join([m.text for m in chosen if m.text])
        return text

    @lazy
    def notes(self) -> dict[str, Any]:
        """What signals keep between their steps, each under its name."""
        return {}

    @lazy
    def _derived(self) -> dict[Scope | tuple[Callable[[str], Any], Scope], Any]:
        """Texts by scope, and what was computed of them."""
        return {}

    def derive(self, function: Callable[[str], T], scope: Scope = Scope.USER) -> T:
        """`function` of the scope's text, computed once however many signals ask for it."""
        derived, key = self._derived, (function, scope)
        value: T = derived.get(key, _MISSING)
        if value is _MISSING:
            value = derived[key] = function(self.text(scope))
        return value
