"""`jailbreak`: attempts to make a model leave its instructions, by the user or in what a tool or a document says."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from pointsman.signals.base import FALSE, Shape, SignalValue, Span
from pointsman.signals.encoder.encoding import Encoder, EncoderError, Encoding, excerpt
from pointsman.signals.encoder.heads import Head
from pointsman.signals.facts import Facts, Scope
from pointsman.signals.jailbreak.features import FEATURES, features
from pointsman.signals.jailbreak.windows import COUNT, SIZE, Window, windows
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.options import TextOptions

_JUDGED = {  # assistant turns are the model's own, system messages their owner's
    Scope.ALL: frozenset({"user", "tool"}),
    Scope.USER: frozenset({"user"}),
    Scope.TOOL: frozenset({"tool"}),
    Scope.SYSTEM: frozenset({"system"}),
}


class JailbreakOptions(TextOptions):
    type: Literal["jailbreak"]
    scope: Scope = Field(Scope.ALL, alias="in")
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """How probable an attack has to be."""


class _Part(NamedTuple):
    """What is judged apart."""

    passage: str
    message: int
    start: int
    end: int


class Jailbreak(NeuralSignal[JailbreakOptions]):
    Options = JailbreakOptions

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def prepare(self, encoder: Encoder) -> None:
        head: Head = encoder.head("jailbreak")
        fitted, given = head.weights.shape[1], len(encoder.encode(["load"])[0].features) + len(FEATURES)
        if fitted != given:
            raise EncoderError(
                f"The head `jailbreak` was fitted for {fitted} inputs, with this encoder there are {given}: run "
                "`pointsman fit heads`, and give its result as `encoder.heads`."
            )
        self._head = head

    def passages(self, facts: Facts) -> Sequence[str]:
        parts = facts.notes[self.name] = self._parts(facts)
        return list(dict.fromkeys(part.passage for part in parts))

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if not encodings:
            return FALSE
        parts: list[_Part] = facts.notes[self.name]
        passages = dict.fromkeys(part.passage for part in parts)
        probability = {
            passage: self._head.probability(encoding, features(passage))
            for passage, encoding in zip(passages, encodings, strict=True)
        }
        spans = tuple(
            Span(start, end, "JAILBREAK", probability[passage], message)
            for passage, message, start, end in parts
            if probability[passage] >= self.options.threshold
        )
        return SignalValue(bool(spans), max(probability.values()), spans=spans)

    def _parts(self, facts: Facts) -> list[_Part]:
        """What other signals read, too, and the most suspicious windows of all messages."""
        found = [(window, index) for index in self._judged(facts) for window in _windows(facts, index)]
        chosen = nlargest(COUNT, found, key=lambda each: each[0].weight)
        return [*self._main(facts), *(_Part(window.text, index, window.start, window.end) for window, index in chosen)]

    def _main(self, facts: Facts) -> list[_Part]:
        scope = Scope.USER if self.options.scope is Scope.ALL else self.options.scope
        text = facts.text(scope)
        if not text.strip():
            return []
        message = max(index for index, message in enumerate(facts.messages) if message.role == scope)
        return [_Part(excerpt(text), message, 0, len(facts.messages[message].text))]

    def _judged(self, facts: Facts) -> list[int]:
        roles = _JUDGED[self.options.scope]
        judged = [index for index, message in enumerate(facts.messages) if message.role in roles]
        return judged[-1:] if self.options.scope is Scope.USER else judged


def _windows(facts: Facts, index: int) -> tuple[Window, ...]:
    text = facts.messages[index].text
    if text is not facts.user_text:
        return windows(text)
    found = facts.derive(windows)
    if len(text.encode("utf-8", "replace")) > SIZE:
        return found
    return tuple(window for window in found if window.text not in text)  # else it is read as a whole
