"""`pii`: whether the text holds personal data or credentials, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import accumulate
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, field_validator

from pointsman.signals.base import FALSE, UNKNOWN, Cost, Shape, SignalValue, Span
from pointsman.signals.encoder.encoding import Encoding
from pointsman.signals.facts import Facts, Scope
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.options import Text, TextOptions
from pointsman.signals.pii.found import ADDRESS, EMAIL, PERSON, Found
from pointsman.signals.pii.merge import with_learned
from pointsman.signals.pii.passages import SHORT, Passage, choose
from pointsman.signals.pii.patterns import find_patterned
from pointsman.signals.pii.windows import candidate_windows

PiiType: TypeAlias = Literal[
    "EMAIL", "PHONE", "CREDIT_CARD", "SSN", "IBAN", "IP_ADDRESS", "API_KEY", "DATE_OF_BIRTH", "PERSON", "ADDRESS"
]
TYPES: tuple[PiiType, ...] = get_args(PiiType)
LEARNED = frozenset({PERSON, ADDRESS})
_SIGNS = re.compile(r"[\W_]+")


class PiiOptions(TextOptions):
    type: Literal["pii"]
    scope: Scope = Field(Scope.ALL, alias="in")
    types: tuple[PiiType, ...] = Field(TYPES, min_length=1)
    allow: tuple[Text, ...] = ()
    """Types, values, or `@domain` for all e-mail addresses there."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Persons and addresses less probable than this are none."""

    @field_validator("allow")
    @classmethod
    def _understood(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for entry in allow:
            near = get_close_matches(entry, TYPES, 1, 0.8) if entry.isupper() and entry not in TYPES else []
            if near:
                raise ValueError(f"{entry} is no type of personal data; did you mean {near[0]}?")
            if not _SIGNS.sub("", entry):
                raise ValueError(f"{entry!r} has no letter or digit: allow a type, a value or `@domain`")
        return allow


class Pii(NeuralSignal[PiiOptions]):
    Options = PiiOptions

    def __init__(self, name: str, options: PiiOptions) -> None:
        super().__init__(name, options)
        self._wanted = frozenset(options.types) - frozenset(options.allow)
        if not self._wanted:
            raise ValueError("every type that `types` names is in `allow`, so nothing could be found; drop one of them")
        if self._wanted.isdisjoint(LEARNED):  # patterns are all it takes
            self.cost, self.plain = Cost.HEURISTIC, True
        values = [entry for entry in options.allow if entry not in TYPES]
        self._values = frozenset(map(_plain, (value for value in values if "@" not in value)))
        self._addresses = frozenset(value.casefold() for value in values if "@" in value)

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def passages(self, facts: Facts) -> Sequence[str]:
        return [passage.text for passage in self._passages(facts)]

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        scope, text = self.options.scope, facts.text(self.options.scope)
        found: Iterable[Found] = facts.derive(find_patterned, scope)
        if encodings:
            found = with_learned(text, tuple(found), self._learned(facts, encodings))
        kept = [
            one
            for one in found
            if one.type in self._wanted and not self._is_allowed(one.type, text[one.start : one.end])
        ]
        if not kept:
            return FALSE
        return SignalValue(True, max(one.score for one in kept), spans=tuple(_in_messages(kept, _parts(facts, scope))))

    def unread(self, facts: Facts) -> SignalValue:
        """What patterns find is found without the encoder, too; that nothing was found says nothing then."""
        found = self.read(facts, ())
        return found if found.value else UNKNOWN

    def evaluate(self, facts: Facts) -> SignalValue:
        return self.read(facts, ())

    def _passages(self, facts: Facts) -> list[Passage]:
        scope, text = self.options.scope, facts.text(self.options.scope)
        if self._wanted.isdisjoint(LEARNED) or not text:
            return []
        main = (0, len(text))
        if scope is Scope.ALL:
            users = [(start, end) for index, start, end in _parts(facts, scope) if facts.messages[index].role == "user"]
            main = users[-1] if users else (0, 0)
        short = main == (0, len(text)) and len(text) <= SHORT
        windows = () if short else facts.derive(candidate_windows, scope)
        return choose(text, main, windows)

    def _learned(self, facts: Facts, encodings: Sequence[Encoding]) -> Iterator[Found]:
        for passage, encoding in zip(self._passages(facts), encodings, strict=True):
            for found in passage.spans(encoding, self.options.threshold):
                if found.type in self._wanted:
                    yield found

    def _is_allowed(self, kind: str, value: str) -> bool:
        if kind == EMAIL:
            address = value.casefold()
            return address in self._addresses or address[address.rfind("@") :] in self._addresses
        return bool(self._values) and _plain(value) in self._values


def _plain(value: str) -> str:
    """The same however it is grouped: `+49 (30) 12-34` and `+49301234`."""
    return _SIGNS.sub("", value).casefold()


def _parts(facts: Facts, scope: Scope) -> list[tuple[int, int, int]]:
    """Of `facts.text(scope)`: the index of each message in it, and where it starts and ends."""
    messages = list(enumerate(facts.messages))
    if scope is Scope.USER:
        messages = [(index, message) for index, message in messages if message.role == "user"][-1:]
    elif scope is not Scope.ALL:
        messages = [(index, message) for index, message in messages if message.role == scope]
    messages = [(index, message) for index, message in messages if message.text]
    ends = accumulate(len(message.text) + 1 for _, message in messages)
    return [(index, end - 1 - len(message.text), end - 1) for (index, message), end in zip(messages, ends, strict=True)]


def _in_messages(found: Sequence[Found], parts: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    """Both in order. A span over the end of a message is cut there, as what follows was written by somebody else."""
    at = 0
    for one in found:
        while at < len(parts) - 1 and parts[at][2] <= one.start:
            at += 1
        index, start, end = parts[at]
        yield Span(one.start - start, min(one.end, end) - start, one.type, one.score, index)
