"""What the signals say of one request: each is asked at most once, and only when somebody needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pointsman.signals.base import UNKNOWN, Cost, Signal, SignalValue
from pointsman.signals.derived import Derived
from pointsman.signals.encoder.encoding import Encoding
from pointsman.signals.facts import Facts
from pointsman.signals.neural import NeedsEncoding, NeuralSignal
from pointsman.signals.prompt import Prompt, PromptReader, passage_of


class Readings:
    """`readings[name]` evaluates on first use; KeyError for a name that no signal has, NeedsEncoding for a neural
    one whose passages nobody has given to `encoded` yet."""

    __slots__ = (
        "_encodings", "_facts", "_passages", "_reader", "_signals", "_unencoded", "elapsed", "encoder_seconds",
        "failures", "missed", "values",
    )  # fmt: skip

    def __init__(self, signals: Mapping[str, Signal[Any]], facts: Facts) -> None:
        self._signals = signals
        self._facts = facts
        self._encodings: dict[str, Encoding] | None = None
        self._passages: dict[str, Sequence[str]] | None = None
        self._reader: PromptReader | None = None
        self._unencoded: set[str] = set()
        self.values: dict[str, SignalValue] = {}
        self.elapsed: dict[str, float] = {}  # seconds, of those that were timed
        self.encoder_seconds = 0.0  # waited for the encoder
        self.failures: dict[str, str] = {}
        self.missed: dict[str, str] = {}  # neural signals that the encoder could not serve, by why

    def __getitem__(self, name: str, /) -> SignalValue:
        values = self.values
        if name in values:
            return values[name]
        signal = self._signals[name]
        try:
            value = signal.evaluate(self._facts) if signal.plain else self._read(name, signal)
        except NeedsEncoding:
            raise
        # Signals are the part that others extend, and run on text that anyone may send: whatever one of them
        # raises is its own failure, reported by name, and never that of the request.
        except Exception as error:  # noqa: BLE001
            value = UNKNOWN
            self.failures[name] = f"{type(error).__name__}: {error}"
        values[name] = value
        return value

    def encoded(self, encodings: Mapping[str, Encoding], seconds: float, reader: PromptReader | None = None) -> None:
        """The encodings of the passages that NeedsEncoding asked for; `reader` knows their encoder."""
        self._encodings = {**(self._encodings or {}), **encodings}
        self._reader = reader
        self.encoder_seconds += seconds

    def prompt(self) -> Prompt | None:
        """What choosing a model needs to know of the last user message; NeedsEncoding as for signals. None if there is
        no such message, or if it cannot be encoded."""
        passage = passage_of(self._facts.user_text)
        encoding = self.encoding(passage)
        return None if encoding is None or self._reader is None else self._reader.read(encoding, passage)

    def encoding(self, passage: str) -> Encoding | None:
        """NeedsEncoding as for signals. None if there is nothing to encode, or if it cannot be."""
        if not passage.strip() or passage in self._unencoded:
            return None
        encoding = (self._encodings or {}).get(passage)
        if encoding is None:
            raise NeedsEncoding((passage,))
        return encoding

    def turn(self) -> Encoding | None:
        """The last user message, if it was encoded for whatever reason."""
        return self._encodings.get(passage_of(self._facts.user_text)) if self._encodings else None

    def unencoded(self, passages: Sequence[str], why: str, seconds: float) -> None:
        """No encoding of them will come: the signals that wait for one say what they can without."""
        self.encoder_seconds += seconds
        missing = set(passages)
        self._unencoded |= missing
        for name, wanted in (self._passages or {}).items():
            if name not in self.values and not missing.isdisjoint(wanted):
                self.values[name] = self._unread(name)
                self.missed[name] = why

    def read_texts(self) -> None:
        """Evaluate what reads text, in whichever thread that is best done."""
        for name, signal in self._signals.items():
            if signal.cost is Cost.HEURISTIC:
                _ = self[name]
            elif signal.cost is Cost.NEURAL:
                with suppress(NeedsEncoding):  # its passages are chosen now
                    _ = self[name]

    def _unread(self, name: str) -> SignalValue:
        signal = self._signals[name]
        assert isinstance(signal, NeuralSignal)
        try:
            return signal.unread(self._facts)
        except Exception as error:  # noqa: BLE001  as in __getitem__
            self.failures[name] = f"{type(error).__name__}: {error}"
            return UNKNOWN

    def _read(self, name: str, signal: Any) -> SignalValue:
        if isinstance(signal, Derived):
            return signal.combine(self.__getitem__)
        assert isinstance(signal, NeuralSignal)
        if self._passages is None:
            self._passages = {}
        passages = self._passages.get(name)
        if passages is None:
            passages = self._passages[name] = signal.passages(self._facts)
        known = self._encodings or {}
        missing = [passage for passage in passages if passage not in known]
        if missing:
            raise NeedsEncoding(missing)
        value: SignalValue = signal.read(self._facts, [known[passage] for passage in passages])
        return value


class TimedReadings(Readings):
    __slots__ = ("_clock", "_within")

    def __init__(self, signals: Mapping[str, Signal[Any]], facts: Facts, clock: Callable[[], float]) -> None:
        super().__init__(signals, facts)
        self._clock = clock
        self._within = 0.0  # seconds of the signals that the present one is made of

    def __getitem__(self, name: str, /) -> SignalValue:
        if name in self.values:
            return self.values[name]
        start, outside, self._within = self._clock(), self._within, 0.0
        try:
            return super().__getitem__(name)
        finally:
            whole = self._clock() - start
            self.elapsed[name] = self.elapsed.get(name, 0.0) + whole - self._within
            self._within = outside + whole
