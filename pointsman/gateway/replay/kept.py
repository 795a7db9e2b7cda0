"""What the decision log keeps of a request, in the forms that signals and conditions read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from pointsman.gateway.observe.entry import MAX_PARTS, MAX_TEXT
from pointsman.gateway.replay.entries import Entry, Form, is_number
from pointsman.policies.replay import NotKept
from pointsman.policies.select.context import Previous
from pointsman.signals.base import NO_LABELS, Shape, Signal, SignalValue
from pointsman.signals.encoder.encoding import Vector
from pointsman.signals.facts import Facts, Message, PoolLoad, Tool, lazy
from pointsman.signals.neural import NeedsEncoding, NeuralSignal
from pointsman.signals.prompt import Prompt
from pointsman.signals.readings import Readings

MAX_FEATURES = 4096
"""Of a prompt; ours are far fewer."""


class KeptFacts(Facts):
    """`NotKept` for what is not in the log."""

    entry: Entry

    @classmethod
    def of(cls, entry: Entry) -> KeptFacts:
        kept = cls(
            route=entry.route,
            model=_text(entry.facts, "model"),
            tenant=entry.tenant,
            size=_count(entry.facts, "bytes") or 0,
            max_tokens=_count(entry.facts, "max_tokens"),
            choices=_count(entry.facts, "choices") or 1,
            now=entry.time,
            pools=partial(kept_load, entry),
        )
        kept.entry = entry
        return kept

    @property
    def has_text(self) -> bool:
        return self.entry.messages is not None

    @lazy
    def messages(self) -> tuple[Message, ...]:
        given = self.entry.messages
        if given is None:
            raise NotKept("text")
        if len(given) != _count(self.entry.facts, "messages") or _cut(given):
            raise NotKept("all of the text")
        return tuple(map(_message, given))

    @lazy
    def user_text(self) -> str:
        """It can be there where the rest was cut off before it."""
        given = self.entry.messages
        if given is None:
            raise NotKept("text")
        for message in reversed(given[1:] if _cut(given) else given):
            if message.get("role") == "user":
                return _text(message, "text") or ""
        return super().user_text

    @lazy
    def prompt_tokens(self) -> int:
        return _count(self.entry.facts, "prompt_tokens") or 0

    @lazy
    def tools(self) -> tuple[str, ...]:
        if _count(self.entry.facts, "tools") != 0:
            raise NotKept("tools")
        return ()

    @lazy
    def offered(self) -> tuple[Tool, ...]:
        return self.tools  # type: ignore[return-value]  # none, or NotKept

    @property
    def headers(self) -> Mapping[str, str]:
        raise NotKept("headers")

    @property
    def roles(self) -> frozenset[str]:
        raise NotKept("roles")


def kept_load(entry: Entry, pool: str) -> PoolLoad:
    """A pool's state as the decision then read it."""
    form = entry.pools.get(pool)
    if not isinstance(form, dict):
        raise NotKept("state")
    load = PoolLoad(**{name: form[name] for name in PoolLoad._fields if name in form})
    if not all(isinstance(value, int | float | None) for value in load):
        raise ValueError(f"pools.{pool}")
    return load


class KeptPrompt(Prompt):
    """As the log has it: without the sentence's vector."""

    __slots__ = ()

    @property
    def vector(self) -> Vector:
        raise NotKept("text")


def kept_prompt(entry: Entry) -> Prompt | None:
    """ValueError if no prompt can be like that."""
    form = entry.selection or {}
    features, domains = form.get("features"), form.get("domains", NO_LABELS)
    if features is None:
        return None
    if not isinstance(features, list) or not isinstance(domains, dict) or len(features) > MAX_FEATURES:
        raise ValueError("selection.features")
    need, difficulty = form.get("need"), form.get("difficulty")
    if not is_number(need) or not is_number(difficulty):
        raise ValueError("selection")
    if not all(map(is_number, (*features, *domains.values()))):
        raise ValueError("selection.features")
    return KeptPrompt(need, difficulty, domains, np.array(features, np.float64), np.zeros(0, np.float32))


def kept_previous(entry: Entry) -> Previous | None:
    """The conversation's turn before. ValueError if there is none like that."""
    form = (entry.selection or {}).get("previous")
    if form is None:
        return None
    if not isinstance(form, dict) or not isinstance(form.get("pool"), str):
        raise ValueError("selection.previous")
    found = Previous(**{name: form[name] for name in Previous._fields if name in form})
    if not all(is_number(value) and value >= 0 for value in found[1:4]) or not isinstance(found.tool_loop, bool):
        raise ValueError("selection.previous")
    return found


def kept_budget(entry: Entry) -> float | None:
    """USD"""
    found = (entry.selection or {}).get("budget")
    return float(found) if is_number(found) else None


class KeptReadings(Readings):
    """What signals said then, where they are declared now as they were; else what they say of what was kept."""

    __slots__ = ("_entry", "_ready", "_same", "_same_encoder", "missing")

    def __init__(
        self,
        signals: Mapping[str, Signal[Any]],
        same: frozenset[str],
        entry: Entry,
        facts: KeptFacts,
        ready: Callable[[], bool],
        same_encoder: bool = False,
    ) -> None:
        """`same` are the signals whose declaration has not changed; `ready` is whether the neural ones can read."""
        super().__init__(signals, facts)
        self._same, self._entry, self._ready, self._same_encoder = same, entry, ready, same_encoder
        self.missing: dict[str, str] = {}  # signals that cannot be asked, and what they would have had to read

    def __getitem__(self, name: str, /) -> SignalValue:
        values = self.values
        if name in values:
            return values[name]
        if name in self._same and (logged := self._entry.signals.get(name)) is not None:
            value = values[name] = _value(name, logged, self._signals[name].shape)
            return value
        if name in self.missing:
            raise NotKept(self.missing[name])
        return self._evaluated(name)

    @property
    def has_text(self) -> bool:
        return self._entry.messages is not None

    def prompt(self, afresh: bool = False) -> Prompt | None:
        """As it was read then, or if that was not kept or `afresh`, read again; NotKept where neither can be."""
        kept = kept_prompt(self._entry) if self._same_encoder and not afresh else None
        if kept is not None:
            return kept
        if not self.has_text:
            raise NotKept("text")
        if not self._ready():
            raise NeedsEncoding(())
        return super().prompt()

    def _evaluated(self, name: str) -> SignalValue:
        facts = self._facts
        assert isinstance(facts, KeptFacts)
        try:
            signal = self._signals[name]
            if isinstance(signal, NeuralSignal) and not signal.plain and not self._ready():
                if not facts.has_text:  # then no encoder need be loaded for it
                    raise NotKept("text")
                raise NeedsEncoding(())
            return super().__getitem__(name)
        except NotKept as error:
            self.missing[name] = str(error)
            raise


def _value(name: str, logged: object, shape: Shape) -> SignalValue:
    """ValueError if the signal cannot have said this."""
    if not isinstance(logged, dict):
        raise ValueError(f"signals.{name}")
    value, score, labels = logged.get("value"), logged.get("score"), logged.get("labels", NO_LABELS)
    if isinstance(value, list):
        value = tuple(value)
    if not _fits(value, shape) or not isinstance(score, int | float | None) or not isinstance(labels, Mapping):
        raise ValueError(f"signals.{name}")
    return SignalValue(value, score, labels)


def _fits(value: object, shape: Shape) -> bool:
    if value is None:
        return True
    if shape is Shape.BOOL:
        return isinstance(value, bool)
    if shape is Shape.LABEL:
        return isinstance(value, str | tuple)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cut(messages: Sequence[Form]) -> bool:
    """Whether there may have been more than was kept."""
    kept = sum(len(_text(message, "text") or "") for message in messages)
    return kept >= MAX_TEXT


def _message(form: Form) -> Message:
    parts = form.get("parts", ())
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise NotKept("parts")
    if len(parts) >= MAX_PARTS:
        raise NotKept("all of the parts")
    role, text = _text(form, "role") or "user", _text(form, "text") or ""
    return Message(role, text, tuple(parts), _count(form, "tool_calls") or 0)


def _text(form: Form, key: str) -> str | None:
    found = form.get(key)
    return found if isinstance(found, str) else None


def _count(form: Form, key: str) -> int | None:
    found = form.get(key)
    return found if isinstance(found, int) and found is not True else None
