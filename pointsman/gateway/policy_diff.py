"""What a new configuration changes, in words that a person reads before it serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from pydantic import SecretStr

from pointsman.gateway.schema.config import Config
from pointsman.gateway.schema.decisions import DecisionConfig
from pointsman.gateway.schema.forms import Section
from pointsman.signals.base import SignalOptions

MAX_CHANGES = 200
MAX_TEXT = 200
"""Characters of a value that are shown."""

_ASIDE = {"version", "include", "tests"}  # which change nothing about what serves
_NAMED = {
    "pools": "pool", "signals": "signal", "conditions": "condition", "virtual_models": "virtual model",
    "tenants": "tenant",
}  # fmt: skip
_ABSENT: Any = object()


class Change(NamedTuple):
    """`old` is None for what was added, `new` for what was removed."""

    kind: str  # decision, signal, pool, … or a section of the file
    name: str | None
    key: str | None  # below it, with dots, "" for its value; None if all of it was added or removed
    old: str | None
    new: str | None

    def __str__(self) -> str:
        what = self.kind if self.name is None else f"{self.kind} `{self.name}`"
        if self.key is None:
            return f"{what}: removed" if self.new is None else f"{what}: added: {self.new}"
        return f"{what}: {self.key}: {self._values()}" if self.key else f"{what}: {self._values()}"

    def _values(self) -> str:
        if self.old == self.new:
            return "changed"
        if self.old is None:
            return f"now {self.new}"
        return f"no longer {self.old}" if self.new is None else f"{self.old} → {self.new}"


def policy_diff(old: Config, new: Config) -> list[Change]:
    """Decisions first, then what they are made of, then the rest. Values of secrets are never shown."""
    found = list(_changes(old, new))
    if len(found) > MAX_CHANGES:
        more = len(found) - MAX_CHANGES
        return [*found[:MAX_CHANGES], Change("more", None, None, None, f"{more} further changes")]
    return found


def _changes(old: Config, new: Config) -> Iterator[Change]:
    yield from _named("decision", _decisions(old), _decisions(new))
    yield from _order(None, old.decisions, new.decisions)
    for name, virtual in new.virtual_models.items():
        if name in old.virtual_models:
            yield from _order(name, old.virtual_models[name].decisions, virtual.decisions)
    for section, kind in _NAMED.items():
        yield from _named(kind, getattr(old, section), getattr(new, section))
    for section in Config.model_fields:
        if section not in {*_NAMED, *_ASIDE, "decisions"}:
            yield from _below(section, None, "", getattr(old, section), getattr(new, section))


class _Listed(NamedTuple):
    """A decision, and the virtual model to whose list it belongs."""

    decision: DecisionConfig
    virtual: str | None


def _decisions(config: Config) -> dict[str, _Listed]:
    main = [_Listed(decision, None) for decision in config.decisions]
    virtual = [_Listed(d, name) for name, model in config.virtual_models.items() for d in model.decisions]
    return {listed.decision.name: listed for listed in (*main, *virtual)}


def _named(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in old:
        if name not in new:
            yield Change(kind, name, None, shown(_brief(old[name])), None)
    for name, value in new.items():
        if name not in old:
            yield Change(kind, name, None, None, shown(_brief(value)))
        elif old[name] != value:
            yield from _below(kind, name, "", old[name], value)


def _brief(value: Any) -> Any:
    """Without what is as it always is."""
    if isinstance(value, _Listed):
        whole = value.decision.model_dump(exclude_defaults=True, exclude={"name"})
        return whole if value.virtual is None else {"virtual_model": value.virtual} | whole
    return value.model_dump(exclude_defaults=True) if isinstance(value, Section | SignalOptions) else value


def _whole(value: Any) -> Any:
    if isinstance(value, _Listed):
        return {"virtual_model": value.virtual} | value.decision.model_dump()
    if isinstance(value, Section | SignalOptions):
        return {name: inner for name, inner in value.model_dump().items() if name != "decisions"}
    return value


def _below(kind: str, name: str | None, key: str, old: Any, new: Any) -> Iterator[Change]:
    """Key by key where both are mappings."""
    old, new = _whole(old), _whole(new)
    if old == new:
        return
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield Change(kind, name, key, *_both(old, new))
        return
    for inner in {**old, **new}:
        place = f"{key}.{inner}" if key else str(inner)
        yield from _below(kind, name, place, old.get(inner, _ABSENT), new.get(inner, _ABSENT))


def _both(old: Any, new: Any) -> tuple[str | None, str | None]:
    """Of long lists only what one has and the other has not."""
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(shown(old)) + len(shown(new)) > MAX_TEXT:
        less, more = [value for value in old if value not in new], [value for value in new if value not in old]
        if less or more:
            return f"… {shown(less)}" if less else "…", f"… {shown(more)}" if more else "…"
    return _value(old), _value(new)


def _value(value: Any) -> str | None:
    return None if value is _ABSENT or value is None else shown(value)


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else _written(value).removeprefix("{").removesuffix("}")
    text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _written(value: Any) -> str:
    """As YAML has it in one line, without secrets."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_written(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, SecretStr):
        return "(secret)"
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return str(value.value if isinstance(value, Enum) else value)


def _order(virtual: str | None, old: Sequence[DecisionConfig], new: Sequence[DecisionConfig]) -> Iterator[Change]:
    """Of the decisions that both have, as far as they are asked in another order."""
    before, after = _asked(old), _asked(new)
    before, after = [name for name in before if name in after], [name for name in after if name in before]
    while before and before[0] == after[0]:
        del before[0], after[0]
    while before and before[-1] == after[-1]:
        del before[-1], after[-1]
    if before:
        kind = "decisions" if virtual is None else "decisions of"
        yield Change(kind, virtual, "order", shown(", ".join(before)), shown(", ".join(after)))


def _asked(decisions: Sequence[DecisionConfig]) -> list[str]:
    return [decision.name for decision in sorted(decisions, key=lambda decision: -decision.priority)]
