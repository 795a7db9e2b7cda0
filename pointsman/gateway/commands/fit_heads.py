"""`pointsman fit heads`: the heads of the shipped signals, for another encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pointsman.gateway.commands.fit_common import Unfit, accuracy, check_out, encoder_of, macro_f1, told
from pointsman.signals import complexity, domain, feedback, linear, modality
from pointsman.signals.encoder.encoding import Encoder, Encoding, Vector, excerpt
from pointsman.signals.encoder.heads import Head, word_buckets
from pointsman.signals.exemplars import read_lines
from pointsman.signals.jailbreak.features import features

_BUCKETS = 8192
_BATCH = 256

More = Callable[[Encoding, str], Vector]


class Recipe(NamedTuple):
    """`labels` of a head of one label are what the lines say for no and for yes."""

    labels: tuple[str, ...]
    one: str = ""  # the head's label if it has but one
    levels: bool = False  # the lines may have numbers from 0 to 1 instead
    more: More | None = None


_YES_NO = ("not_needed", "needed")
RECIPES: Mapping[str, Recipe] = {
    "domain": Recipe(domain.LABELS),
    "complexity": Recipe(complexity.LEVELS, "difficulty", levels=True, more=complexity.statistics),
    "fact_check": Recipe(_YES_NO, "needed"),
    "feedback": Recipe(feedback.LABELS),
    "modality": Recipe(modality.LABELS),
    "jailbreak": Recipe(("0", "1"), "attack", more=lambda encoding, passage: features(passage)),
}
_LEVELS = dict(zip(complexity.LEVELS, (0.2, 0.45, 0.75), strict=True))
"""A score in the midst of each level."""


def fit_heads(data: Path, out: Path, config: Path | None) -> Iterator[str]:
    """The lines to print; Unfit with what to do."""
    check_out(out)
    with told():
        given = {name: _lines(data, name) for name in RECIPES}
        if not any(given.values()):
            raise Unfit(f"{data} has no file of a head; write one such as {data / 'domain.jsonl'}")
        targets = {name: _targets(name, RECIPES[name], lines) for name, lines in given.items() if lines}
        encoder = encoder_of(config)
        arrays: dict[str, Any] = {}
        for name, recipe in RECIPES.items():
            if name not in targets:
                yield f"{name}: left out, as there is no {data / name}.jsonl; no `{name}` signal can be used with this"
                continue
            texts = [row["text"] for _, row in given[name]]
            head, said = _fit(encoder, recipe, texts, targets[name])
            arrays |= {f"{name}.{part}": value for part, value in _arrays(head).items()}
            yield f"{name}: {len(texts)} texts, {said}"
        with out.open("wb") as file:
            np.savez_compressed(file, **arrays)
    yield f"saved {out}; use it as encoder: {{heads: {out}}}"


def _lines(data: Path, name: str) -> list[tuple[str, dict[str, Any]]]:
    files = [path for path in sorted(data.glob(f"{name}*.jsonl")) if path.stem == name or path.stem[len(name)] == "_"]
    lines = [line for path in files for line in read_lines(path)]
    for place, row in lines:
        if not isinstance(row.get("text"), str) or not row["text"].strip():
            raise ValueError(f'{place}: "text" must be text that is not empty')
    return lines


def _targets(name: str, recipe: Recipe, lines: Sequence[tuple[str, dict[str, Any]]]) -> linear.Floats:
    if recipe.levels:
        scores = np.array([_score(place, row.get("label")) for place, row in lines], np.float32)
        return np.stack((1 - scores, scores), 1)
    classes = [_class(place, row.get("label"), recipe.labels) for place, row in lines]
    missing = [label for place, label in enumerate(recipe.labels) if place not in classes]
    if missing:
        raise ValueError(f"no text of the head `{name}` has the label `{missing[0]}`; write some")
    return linear.one_hot(classes, len(recipe.labels))


def _class(place: str, label: object, labels: tuple[str, ...]) -> int:
    written = str(int(label)) if isinstance(label, bool | int) else label
    if written not in labels:
        raise ValueError(f'{place}: "label" must be one of {", ".join(labels)}')
    return labels.index(str(written))


def _score(place: str, label: object) -> float:
    score = _LEVELS.get(label, -1.0) if isinstance(label, str) else label  # type: ignore[call-overload]
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        raise ValueError(f'{place}: "label" must be a number from 0 to 1, or one of {", ".join(_LEVELS)}')
    return float(score)


def _fit(encoder: Encoder, recipe: Recipe, texts: Sequence[str], targets: linear.Floats) -> tuple[Head, str]:
    rows = _read(encoder, texts, recipe.more)
    model = linear.fit(rows, targets, _BUCKETS)
    said = _quality(rows, targets)
    labels = recipe.labels
    if recipe.one:
        labels, model = (recipe.one,), model.flag()
    words = None if model.words is None else model.words.astype(np.float16)
    return Head(labels, model.weights, model.bias, words), said


def _read(encoder: Encoder, texts: Sequence[str], more: More | None) -> linear.Rows:
    dense, words = [], []
    for start in range(0, len(texts), _BATCH):
        passages = [excerpt(text) for text in texts[start : start + _BATCH]]
        for passage, encoding in zip(passages, encoder.encode(passages), strict=True):
            own = (encoding.features, more(encoding, passage)) if more else (encoding.features,)
            dense.append(np.concatenate(own))
            words.append(word_buckets(encoding.words, _BUCKETS))
    return linear.Rows(np.stack(dense), linear.Words(words))


def _quality(rows: linear.Rows, targets: linear.Floats) -> str:
    """On a fifth that a model of the other four has not seen."""
    known, judged = next(linear.folds(targets), (None, None))
    if known is None or judged is None:
        return "too few to say how good it is"
    model = linear.fit(rows.take(known), targets[known], _BUCKETS)
    found, truth = model.logits(rows.take(judged)).argmax(1), targets[judged].argmax(1)
    return f"accuracy {accuracy(truth, found):.3f}, macro-F1 {macro_f1(truth, found):.3f} on a fifth held out"


def _arrays(head: Head) -> dict[str, Any]:
    arrays = {"labels": np.asarray(head.labels), "weights": head.weights, "bias": head.bias}
    return arrays if head.words is None else arrays | {"words": head.words}
