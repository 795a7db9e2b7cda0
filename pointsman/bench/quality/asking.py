"""Signals are asked here as the gateway asks them: built from options, through `Readings`, of a request's body."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import TypeAdapter

from pointsman.gateway.access.keys import ANONYMOUS
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reading import build_facts
from pointsman.signals.base import Signal, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding
from pointsman.signals.facts import Facts, PoolLoad, Route
from pointsman.signals.neural import NeedsEncoding, NeuralSignal
from pointsman.signals.readings import Readings
from pointsman.signals.registry import SignalConfig, build

Body: TypeAlias = Mapping[str, Any]

_CONFIG: TypeAdapter[Any] = TypeAdapter(SignalConfig)
_NAME = "measured"
_TOGETHER = 256  # requests whose passages are encoded together
_KEPT = 20_000  # encodings, some 6 KB each


def chat(text: str, *earlier: tuple[str, str]) -> Body:
    """A request with this last user message; `earlier` are pairs of role and text."""
    turns = [*earlier, ("user", text)]
    return {"model": "auto", "messages": [{"role": role, "content": content} for role, content in turns]}


class Asker:
    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.failures: Counter[str] = Counter()  # requests by what the signal failed with
        self._known: dict[str, Encoding] = {}

    def build(self, **options: Any) -> Signal[Any]:
        signal = build(_NAME, _CONFIG.validate_python(options))
        if isinstance(signal, NeuralSignal):
            signal.prepare(self.encoder)
        return signal

    def ask(self, signal: Signal[Any], bodies: Sequence[Body]) -> list[SignalValue]:
        return [
            value
            for start in range(0, len(bodies), _TOGETHER)
            for value in self._ask(signal, bodies[start : start + _TOGETHER])
        ]

    def ask_texts(self, texts: Sequence[str], **options: Any) -> list[SignalValue]:
        return self.ask(self.build(**options), [chat(text) for text in texts])

    def _ask(self, signal: Signal[Any], bodies: Sequence[Body]) -> Iterator[SignalValue]:
        asked = [Readings({_NAME: signal}, _facts(body)) for body in bodies]
        wanted = [_passages(readings) for readings in asked]
        self._encode([passage for passages in wanted for passage in passages])
        for readings, passages in zip(asked, wanted, strict=True):
            if passages:
                readings.encoded({passage: self._known[passage] for passage in passages}, 0.0)
            yield readings[_NAME]
            self.failures.update(f"{signal.options.type}: {why}" for why in readings.failures.values())

    def _encode(self, passages: Sequence[str]) -> None:
        if len(self._known) > _KEPT:
            self._known.clear()
        missing = list(dict.fromkeys(passage for passage in passages if passage not in self._known))
        if missing:
            self._known.update(zip(missing, self.encoder.encode(missing), strict=True))


def _passages(readings: Readings) -> Sequence[str]:
    try:
        _ = readings[_NAME]
    except NeedsEncoding as needed:
        return needed.passages
    return ()


def _facts(body: Body) -> Facts:
    inbound = Inbound(Route.CHAT, "POST", "/chat/completions", b"", {}, b"", body)
    return build_facts(inbound, ANONYMOUS, lambda name: PoolLoad())
