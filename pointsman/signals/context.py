"""`type: context`: how many tokens the request holds."""

from __future__ import annotations

from typing import Literal

from pointsman.signals.base import Shape, Signal, SignalValue
from pointsman.signals.facts import Facts, Scope
from pointsman.signals.options import RangeOptions
from pointsman.signals.tokens import estimate_tokens

_BETWEEN_MESSAGES = 4  # what chat templates write there


class ContextOptions(RangeOptions):
    type: Literal["context"]


class Context(Signal[ContextOptions]):
    Options = ContextOptions

    @property
    def shape(self) -> Shape:
        return self.options.shape

    def evaluate(self, facts: Facts) -> SignalValue:
        return self.options.measured(request_tokens(facts))


def request_tokens(facts: Facts) -> int:
    """Of the text of all messages and of the tools' definitions; images and files are not counted."""
    text = estimate_tokens(facts.text(Scope.ALL)) + _BETWEEN_MESSAGES * max(0, len(facts.messages) - 1)
    return text + estimate_tokens(facts.read_tool_text())
