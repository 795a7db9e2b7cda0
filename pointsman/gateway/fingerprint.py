"""Short hashes of what a configuration declares: whoever reads the decision log knows by them whether a value there
is what the same signal of another configuration would say."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pointsman.gateway.schema.config import Config
from pointsman.gateway.schema.decisions import DecisionConfig
from pointsman.gateway.schema.running import EncoderConfig
from pointsman.signals.base import Signal
from pointsman.signals.derived import Derived
from pointsman.signals.neural import NeuralSignal

_FILES = ("data", "model", "calls", "heads")
"""Options that name a file: what is in it counts, and not where it is."""

_ASIDE = {"server", "auth", "admin", "log", "cache", "tests", "include"}
"""Sections that decide nothing."""


class Fingerprints(NamedTuple):
    config: str  # of all that decides
    signals: Mapping[str, str]
    decisions: Mapping[str, str]  # of where each sends requests, not of its condition
    encoder: str = ""  # of what the features of prompts are made with


def fingerprints(config: Config, signals: Mapping[str, Signal[Any]]) -> Fingerprints:
    """`signals` are those of `config`, connected."""
    own = {name: _signal(signal, config.encoder) for name, signal in signals.items()}
    of_signals = {name: _hash([own[each] for each in _parts(name, signals)]) for name in signals}
    of_decisions = {decision.name: _target(decision) for decision in config.all_decisions}
    whole = config.model_dump(mode="json", exclude=_ASIDE)
    return Fingerprints(_hash([whole, of_signals]), of_signals, of_decisions, _hash(_encoder(config.encoder)))


def _signal(signal: Signal[Any], encoder: EncoderConfig) -> object:
    # `on_unknown` is left out: it changes what is made of a value, but not the value.
    options = signal.options.model_dump(mode="json", exclude={"on_unknown"}, exclude_defaults=True)
    declared = [_with_contents(options)]
    if isinstance(signal, NeuralSignal) and not signal.plain:
        declared.append(_encoder(encoder))
    return declared


def _encoder(encoder: EncoderConfig) -> dict[str, Any]:
    return _with_contents(encoder.model_dump(mode="json", exclude={"api_key", "budget"}, exclude_defaults=True))


def _with_contents(options: dict[str, Any]) -> dict[str, Any]:
    return options | {key: _contents(options[key]) for key in _FILES if isinstance(options.get(key), str)}


def _contents(name: str) -> str:
    try:
        with Path(name).expanduser().open("rb") as file:
            return sha256(file.read()).hexdigest()
    except (OSError, ValueError):  # the name of a model, or a folder
        return name


def _parts(name: str, signals: Mapping[str, Signal[Any]]) -> list[str]:
    """The signal and all that it is made of, each once."""
    found = [name]
    for each in found:
        signal = signals[each]
        if isinstance(signal, Derived):
            found += dict.fromkeys(part.name for part in signal.inputs if part.name not in found)
    return found


def _target(decision: DecisionConfig) -> str:
    return _hash(decision.model_dump(mode="json", include={"models", "select"}))


def _hash(form: object) -> str:
    return sha256(orjson.dumps(form)).hexdigest()[:16]
