"""What the deciding core takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

from pointsman.signals.base import SignalValue
from pointsman.signals.facts import PoolLoad

if TYPE_CHECKING:
    from pointsman.policies.expr import Expr
    from pointsman.policies.select.base import Selector


class Readings(Protocol):
    """One request's signals; evaluates a signal when it is first asked for."""

    def __getitem__(self, name: str, /) -> SignalValue: ...


Pools: TypeAlias = Callable[[str], PoolLoad]

Strategy: TypeAlias = Literal["priority", "confidence"]
"""Which of the decisions that hold wins: the first, or of the highest priority the surest."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer without a model: an assistant message for 200, an error object otherwise."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    name: str
    when: Expr
    priority: int = 0
    models: tuple[str, ...] = ()  # pool names, best first
    selector: Selector[Any] | None = None
    respond: Respond | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """What is done with the candidates, where it is more than to ask one after the other until one answers."""

    def steps(self, pools: Sequence[str]) -> list[dict[str, Any]]:
        """What would be done with `pools`, in their order, as `explain` shows it."""
        return []


class Choice(NamedTuple):
    """A selector's answer: the candidates in the order in which they are tried."""

    pools: tuple[str, ...]
    by: str
    propensity: float = 1.0  # probability with which pools[0] was chosen
    scores: Mapping[str, float] = MappingProxyType({})  # utilities, higher is preferred
    reason: str = ""
    quality: Mapping[str, float] = MappingProxyType({})  # predicted, in [0, 1]
    shares: Mapping[str, float] = MappingProxyType({})  # probability of each to be the first; empty: certain
    strong: float | None = None  # how much the prompt needs the strong model, in [0, 1]
    endpoint: str | None = None  # of pools[0], where the selector looked at endpoints
    stayed: bool = False  # with the conversation's model, although another scored higher
    procedure: Procedure | None = None


EXPLICIT = "explicit"
"""The decision's name when the request itself names a pool or model."""
