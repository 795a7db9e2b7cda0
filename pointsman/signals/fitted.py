"""Classifiers as they are learned, and the file that keeps one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from pointsman.signals import linear
from pointsman.signals.encoder.encoding import Encoder, EncoderError, Encoding, excerpt
from pointsman.signals.encoder.heads import Head, word_buckets
from pointsman.signals.exemplars import Exemplars
from pointsman.signals.prototypes import vectors

BUCKETS = 4096

_BATCH = 256
_PROBES = (
    "What is the capital of France?",
    "Write a function that sorts a list of numbers.",
    "I want to speak to a person about my order.",
)
_SAME = 0.95
"""Least cosine of the probes' vectors: other processors compute a little differently, other encoders altogether."""


class Features(NamedTuple):
    """What is kept of an encoding to learn from it."""

    vector: linear.Floats
    words: linear.Indices


def encode(encoder: Encoder, texts: Sequence[str]) -> list[Features]:
    """EncoderError if that fails."""
    found = []
    for start in range(0, len(texts), _BATCH):
        encodings = encoder.encode([excerpt(text) for text in texts[start : start + _BATCH]])
        found += [Features(encoding.vector, word_buckets(encoding.words, BUCKETS)) for encoding in encodings]
    return found


def only_sentence(encoding: Encoding) -> Encoding:
    """Other features differ more from encoder to encoder, and with few rows they do not help."""
    return encoding._replace(features=encoding.vector)


def check(file: str | Path, exemplars: Exemplars) -> None:
    """ValueError if they are too few to learn from."""
    counts = Counter(exemplars.labels)
    rare = min(counts, key=counts.__getitem__)
    if len(counts) < 2:
        raise ValueError(f"{file} has one label only, `{rare}`; a classifier needs examples of at least two")
    if counts[rare] < 2:
        raise ValueError(f"{file} has one text only for the label `{rare}`; give it more")


def rows(features: Iterable[Features]) -> linear.Rows:
    kept = list(features)
    return linear.Rows(np.stack([row.vector for row in kept]), linear.Words([row.words for row in kept]))


def learn(features: Iterable[Features], exemplars: Exemplars, buckets: int = BUCKETS) -> Head:
    return to_head(exemplars.known, linear.fit(rows(features), targets(exemplars), buckets))


def targets(exemplars: Exemplars) -> linear.Floats:
    places = {label: place for place, label in enumerate(exemplars.known)}
    return linear.one_hot([places[label] for label in exemplars.labels], len(places))


def to_head(labels: tuple[str, ...], model: linear.Linear) -> Head:
    words = None if model.words is None else model.words.astype(np.float16)
    return Head(labels, model.weights, model.bias, words)


class Fitted(NamedTuple):
    """A classifier, and the encoder that it knows."""

    path: Path
    head: Head
    encoder: str
    probes: linear.Floats
    told: int = 0  # features beside the sentence

    @property
    def width(self) -> int:
        return int(self.probes.shape[-1]) + self.told

    def check(self, encoder: Encoder) -> None:
        """EncoderError if that is another one."""
        if not same(encoder, self.probes):
            raise EncoderError(
                f"{self.path} was fitted for another encoder (`{self.encoder}`, {self.probes.shape[1]} dimensions; "
                f"here is `{encoder.name}` with {encoder.dimension}): run `pointsman fit classifier` again with "
                "`--config`, this configuration."
            )


def same(encoder: Encoder, probes: linear.Floats) -> bool:
    """Whether these are the encoder's probes."""
    if probes.shape != (len(_PROBES), encoder.dimension):
        return False
    return float((vectors(encoder, _PROBES) * probes).sum(1).min()) >= _SAME


def known(encoder: Encoder) -> dict[str, Any]:
    """The arrays by which a file knows its encoder."""
    return {"encoder": np.asarray(encoder.name), "probes": vectors(encoder, _PROBES)}


def arrays(head: Head) -> dict[str, Any]:
    """Those by which `load` finds it."""
    assert head.words is not None
    return {"labels": np.asarray(head.labels), "weights": head.weights, "bias": head.bias, "words": head.words}


def save(path: Path, head: Head, encoder: Encoder) -> None:
    """OSError if that is not possible."""
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays(head), **known(encoder))


def load(path: Path) -> Fitted:
    """ValueError with the fix if the file cannot be used."""
    try:
        with np.load(path.expanduser(), allow_pickle=False) as file:
            labels = tuple(str(label) for label in file["labels"])
            head = Head(labels, file["weights"], file["bias"], file["words"])
            found = Fitted(path, head, str(file["encoder"]), file["probes"], int(file["told"]) if "told" in file else 0)
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no such file"
        raise ValueError(
            f"the classifier {path} cannot be read ({reason}); make it with `pointsman fit classifier`"
        ) from None
    if head.bias.shape != (len(labels),) or head.weights.shape != (len(labels), found.width):
        raise ValueError(f"the classifier {path} is damaged; make it again with `pointsman fit classifier`")
    return found
