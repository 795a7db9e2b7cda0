"""All neural signals that there are, and a policy that asks each of them for each request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter

from pointsman.bench import canned
from pointsman.signals.base import Shape, Signal, SignalOptions
from pointsman.signals.facts import Tool
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.registry import SIGNALS, SignalConfig, build

TOOLS = (
    Tool("get_weather", "The weather of a city, now or on one of the next days."),
    Tool("send_mail", "Send an e-mail with a subject and a text to somebody."),
    Tool("search_web", "Search the web for pages about a topic."),
    Tool("book_train", "Book a train ticket between two stations at a time of the day."),
    Tool("convert_money", "Convert an amount of money from one currency to another."),
)
"""Offered with every request."""

_TOPICS = {
    "refund": "money back order return broken late paid twice shop card bill",
    "travel": "train flight hotel ticket city airport visit beach holiday station",
    "cooking": "recipe bake bread soup oven dinner pasta sauce vegetables cake",
}
_EXAMPLES = {name: [f"I have a question about {word}" for word in words.split()] for name, words in _TOPICS.items()}
_OPTIONS: dict[str, dict[str, Any]] = {
    "embedding": {"examples": _EXAMPLES["refund"]},
    "preference": {"examples": _EXAMPLES},
}
_WITH_DATA = ("kb", "classifier")

_CONFIG: TypeAdapter[SignalOptions] = TypeAdapter(SignalConfig)


def signals(folder: Path) -> dict[str, dict[str, Any]]:
    """One of each type, as the YAML has them; `folder` is for their files."""
    data = folder / "labelled.jsonl"
    rows = [{"text": text, "label": label} for label, texts in _EXAMPLES.items() for text in texts]
    data.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    more = _OPTIONS | {kind: {"data": str(data)} for kind in _WITH_DATA}
    neural = [kind for kind, signal in SIGNALS.items() if issubclass(signal, NeuralSignal)]
    return {kind: {"type": kind, **more.get(kind, {})} for kind in sorted(neural)}


def built(folder: Path) -> dict[str, Signal[Any]]:
    return {name: build(name, _CONFIG.validate_python(options)) for name, options in signals(folder).items()}


def neural(upstream: str, folder: Path) -> dict[str, Any]:
    """The budget is so long that no request does without the encoder."""
    pools = {"small": {"model": canned.MODEL, "endpoints": [upstream]}}
    asked = sorted(built(folder).values(), key=lambda signal: signal.shape is Shape.BOOL)
    decisions = [{"name": f"by-{s.name}", "when": _condition(s), "models": ["small"]} for s in asked]
    return {
        "version": 1,
        "pools": pools,
        "encoder": {"budget": "10s"},
        "signals": signals(folder),
        "decisions": [*decisions, {"name": "everything", "when": "true", "models": ["small"]}],
    }


def _condition(signal: Signal[Any]) -> str:
    if signal.shape is Shape.BOOL:
        return signal.name
    return f"{signal.name}.{min(signal.known_labels or {'none_of_them'})}"
