"""How well selectors that were fitted on some prompts choose for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.select.registry import SELECTORS
from pointsman.policies.select.scored import Scored
from pointsman.policies.select.sums import NOTHING
from pointsman.signals import fitted, gap, linear, outcomes
from pointsman.signals.encoder.encoding import Encoder, Vector
from pointsman.signals.encoder.heads import Head, word_buckets
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.linear import Doubles, Floats, Indices
from pointsman.signals.prompt import Prompt, PromptReader, passage_of

BY_FILE = ("knn", "clusters")

_BATCH = 256


class Prompts(NamedTuple):
    """What was read of texts."""

    read: Sequence[Prompt]
    vectors: Floats  # [texts, dimension]
    words: Sequence[Indices]

    def take(self, rows: Indices) -> Prompts:
        return Prompts([self.read[row] for row in rows], self.vectors[rows], [self.words[row] for row in rows])


def read_prompts(encoder: Encoder, texts: Sequence[str]) -> Prompts:
    """EncoderError if that fails."""
    reader = PromptReader(encoder)
    read: list[Prompt] = []
    vectors: list[Vector] = []
    words: list[Indices] = []
    for start in range(0, len(texts), _BATCH):
        passages = [passage_of(text) for text in texts[start : start + _BATCH]]
        for passage, encoding in zip(passages, encoder.encode(passages), strict=True):
            read.append(reader.read(encoding, passage))
            vectors.append(encoding.vector)
            words.append(word_buckets(encoding.words, fitted.BUCKETS))
    return Prompts(read, np.stack(vectors), words)


def predictions(
    encoder: Encoder, models: Sequence[str], known: Prompts, scores: Doubles, judged: Prompts
) -> Mapping[str, Doubles]:
    """By selector, [judged, models]: the quality that is expected after fitting on the known ones."""
    table = outcomes.gather(models, known.vectors, scores.astype(np.float32))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.npz"
        outcomes.save(path, table, encoder)
        return {name: _predicted(_selector(name, path, models), judged) for name in BY_FILE}


def _selector(name: str, path: Path, models: Sequence[str]) -> Scored[Any]:
    options = SELECTORS[name].Options.model_validate({"by": name, "data": str(path)})
    selector = SELECTORS[name](options, [Candidate(model) for model in models])
    assert isinstance(selector, Scored)
    return selector


def _predicted(selector: Scored[Any], judged: Prompts) -> Doubles:
    facts = Facts(Route.CHAT, read_messages=lambda: [Message("user", "")])
    view = selector.view(NOTHING)
    found = [selector.estimate(Context(facts, prompt=prompt), view).mean for prompt in judged.read]
    return np.clip(np.stack(found), 0.0, 1.0)


def need(known: Prompts, strong: Doubles, weak: Doubles) -> Head:
    """Of two models' scores, what tells where the strong one is better."""
    return gap.fit(gap.rows(known.read, linear.Words(known.words)), strong - weak)


def needed(head: Head, judged: Prompts) -> Doubles:
    """[judged], in [0, 1]"""
    return np.array([gap.score(head, prompt) for prompt in judged.read], np.float64)
