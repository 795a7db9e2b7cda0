"""`type: tools`: which of the offered tools fit what the user asks, and whether any does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from pointsman.signals.base import LabelCount, Shape, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding, Vector, excerpt
from pointsman.signals.facts import Facts
from pointsman.signals.learned import Probability
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.options import Text, TextOptions
from pointsman.signals.tool_calls import MOST_CALLS, MOST_OF_A_TOOL, Asked, Calls, read_calls
from pointsman.signals.tool_text import MAX_CHARS, described
from pointsman.signals.tool_vectors import Projection, ToolVectors
from pointsman.signals.tool_words import ToolWords

MAX_TOOLS = 8192
"""Offered tools that are regarded, the first ones."""

MAX_NAME = 256
"""Characters; no provider takes a tool with a longer name."""

CLOSEST = 256
"""Tools of which more than the words is compared: those with the best words."""

_WORDS = 0.7  # what the share of words weighs beside a cosine of 1
_UNREAD = 0.1  # stands for the cosine of a description that is not encoded: what unrelated ones have
_USUAL = 0.5  # weight of the past queries' mean in a tool's vector
_NEAREST = 0.3  # of the nearest past query, beside that vector
_FITS = (15.0, -9.2)  # from words and meaning to a probability (logistic: slope, bias)
_FITS_BY_WORDS = (22.1, -0.77)  # from words alone
_COMPARABLE = 0.5  # a tool fits if it scores this share of the best one's score

NONE_FITS = SignalValue((), 0.0)


class ToolsOptions(TextOptions):
    type: Literal["tools"]
    top: int = Field(5, ge=1, le=100)
    threshold: Probability = 0.3
    """Of the best tool's score: below it no tool is needed."""
    examples: dict[Text, list[Text]] = Field(default_factory=dict)
    calls: Path | None = None


class Offer(NamedTuple):
    names: tuple[str, ...]
    texts: tuple[str, ...]
    words: ToolWords


class Comparison(NamedTuple):
    """What is known before the encoder is asked."""

    offer: Offer
    words: Vector  # [offered]: share of the query's words
    best: list[int]  # places of those with the best words
    new: list[str]  # descriptions that this request has encoded


class Tools(NeuralSignal[ToolsOptions]):
    Options = ToolsOptions
    label_count = LabelCount.ANY

    def __init__(self, name: str, options: ToolsOptions) -> None:
        super().__init__(name, options)
        self._past = _past_calls(options)

    @property
    def shape(self) -> Shape:
        return Shape.LABEL

    def prepare(self, encoder: Encoder) -> None:
        self._project = Projection(encoder)
        self._vectors = ToolVectors(self._project)
        self._calls = Calls(encoder, self._project, self._past) if self._past else None

    def passages(self, facts: Facts) -> Sequence[str]:
        query, offer = excerpt(facts.text(self.options.scope)), offered(facts)
        if not offer.names or not query.strip():
            return ()
        words = offer.words.share(query)
        best = _best(words, CLOSEST)
        new = self._vectors.unknown([offer.texts[place] for place in best])
        facts.notes[self.name] = Comparison(offer, words, best, new)
        return (query, *new)

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if not encodings:
            return NONE_FITS
        comparison: Comparison = facts.notes[self.name]
        for text, encoding in zip(comparison.new, encodings[1:], strict=True):
            self._vectors.learn(text, encoding)
        meaning = self._meaning(comparison, self._project(encodings[0]))
        return self._value(comparison.offer, _probability(meaning + _WORDS * comparison.words, _FITS))

    def unread(self, facts: Facts) -> SignalValue:
        """By the words alone."""
        comparison: Comparison = facts.notes[self.name]
        return self._value(comparison.offer, _probability(comparison.words, _FITS_BY_WORDS))

    def _meaning(self, comparison: Comparison, query: Vector) -> Vector:
        """[offered]: similarity of the query to descriptions and past queries, at most 1."""
        offer, best = comparison.offer, comparison.best
        known, vectors = self._vectors.of([offer.texts[place] for place in best])
        places = [best[index] for index in known]
        found = np.full(len(offer.names), _UNREAD, np.float32)
        found[places] = vectors @ query
        asked = self._calls.of(offer.names, query) if self._calls is not None else None
        if asked is not None:
            rows = {place: row for row, place in enumerate(places)}
            found[asked.tools] = _folded(asked, rows, vectors, query)
        return found

    def _value(self, offer: Offer, scores: Vector) -> SignalValue:
        labels = {offer.names[place]: round(float(scores[place]), 4) for place in _best(scores, self.options.top)}
        best = max(labels.values())
        if best < self.options.threshold:
            return SignalValue((), best, labels)
        return SignalValue(tuple([name for name in labels if labels[name] >= best * _COMPARABLE]), best, labels)


def _folded(asked: Asked, rows: Mapping[int, int], vectors: Vector, query: Vector) -> Vector:
    """Cosines with vectors that are made of the description's and the past queries', if both are known."""
    own = np.zeros_like(asked.usual)
    for index, place in enumerate(asked.tools):
        if place in rows:
            own[index] = vectors[rows[place]]
    folded = (1 - _USUAL) * own + _USUAL * asked.usual
    lengths = np.maximum(np.linalg.norm(folded, axis=1), 1e-9)
    found: Vector = (folded @ query / lengths + _NEAREST * asked.nearest) / (1 + _NEAREST)
    return found


def offered(facts: Facts) -> Offer:
    """Of tools with one name the first."""
    tools: dict[str, str] = {}
    for tool in islice(facts.offered, MAX_TOOLS):
        if 0 < len(tool.name) <= MAX_NAME:
            tools.setdefault(tool.name, tool.description[:MAX_CHARS])
    return _offer(tuple(tools.items()))


@lru_cache(maxsize=4)
def _offer(tools: tuple[tuple[str, str], ...]) -> Offer:
    texts = tuple([described(name, description) for name, description in tools])
    return Offer(tuple([name for name, _ in tools]), texts, ToolWords(texts))


def _best(scores: Vector, most: int) -> list[int]:
    """Places of the highest scores, best first, of equal ones the first."""
    order = np.argsort(-scores, kind="stable")[:most]
    found: list[int] = order.tolist()
    return found


def _probability(evidence: Vector, fit: tuple[float, float]) -> Vector:
    found: Vector = 1 / (1 + np.exp(-(fit[0] * evidence + fit[1])))
    return found


def _past_calls(options: ToolsOptions) -> dict[str, list[str]]:
    found = {tool: list(queries) for tool, queries in options.examples.items() if queries}
    if options.calls is not None:
        for tool, queries in read_calls(options.calls).items():
            found.setdefault(tool, []).extend(queries)
    kept = {tool: queries[-MOST_OF_A_TOOL:] for tool, queries in found.items()}
    if sum(map(len, kept.values())) > MOST_CALLS:
        raise ValueError(f"there are more than {MOST_CALLS:,} past calls; a few of each tool are enough")
    return kept
