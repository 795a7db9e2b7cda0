"""`type: conversation`: how far a conversation has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Self

from pydantic import model_validator

from pointsman.signals.base import COUNT, FALSE, TRUE, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts, Message
from pointsman.signals.options import RangeOptions, exactly_one

Kind = Literal["messages", "turns", "user_turns", "tool_calls"]
Role = Literal["system", "user", "assistant", "tool"]

_COUNTERS: Mapping[Kind, Callable[[Sequence[Message]], int]] = {
    "messages": len,
    "turns": lambda messages: sum([m.role == "user" or m.role == "assistant" for m in messages]),
    "user_turns": lambda messages: sum([m.role == "user" for m in messages]),
    "tool_calls": lambda messages: sum([m.tool_calls for m in messages]),
}


class ConversationOptions(RangeOptions):
    type: Literal["conversation"]
    count: Kind | None = None
    last_role: Role | None = None

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        exactly_one(self, "count", "last_role")
        if self.last_role is not None and self.bounded:
            raise ValueError("`min` and `max` belong to `count`; remove them beside `last_role`")
        return self


class Conversation(Signal[ConversationOptions]):
    Options = ConversationOptions
    numbers = COUNT

    def __init__(self, name: str, options: ConversationOptions) -> None:
        super().__init__(name, options)
        self._count = None if options.count is None else _COUNTERS[options.count]
        self._measured = options.measure()

    @property
    def shape(self) -> Shape:
        return Shape.BOOL if self.options.last_role is not None else self.options.shape

    def evaluate(self, facts: Facts) -> SignalValue:
        if self._count is not None:
            return self._measured(self._count(facts.messages))
        last = facts.messages[-1].role if facts.messages else None
        return TRUE if last == self.options.last_role else FALSE
