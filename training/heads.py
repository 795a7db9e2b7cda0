"""Stage 4: the heads of the exported encoder, calibrated on rows that it was not trained on.

    python -m training.heads --data DATA --tuned tuned.pt --models pointsman/signals/models

Logistic regressions on the encoder's features, the text's words and the signal's own numbers together. How much the
words may say beside the encoder, and how sure the head may be, is chosen on the rows that were held out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.linear_model import LogisticRegression

from pointsman.signals import complexity
from pointsman.signals.domain import LABELS as DOMAINS
from pointsman.signals.encoder.encoding import Encoding, excerpt
from pointsman.signals.encoder.heads import word_buckets
from pointsman.signals.encoder.onnx import OnnxEncoder
from pointsman.signals.feedback import LABELS as FEEDBACK
from pointsman.signals.jailbreak.features import features as cues
from pointsman.signals.modality import LABELS as MODALITIES
from training import tasks
from training.jailbreak import passages, strictness
from training.tags import tag_rows

BUCKETS = 1 << 15
_CHUNK = 256

Array = NDArray[np.float32]
More = Callable[[Encoding, str], Array]


class Plan(NamedTuple):
    name: str
    labels: tuple[str, ...]
    examples: Callable[[Path], Iterable[tasks.Example]]
    more: More | None = None


PLANS = (
    Plan("domain", DOMAINS, tasks.domain),
    Plan("complexity", ("difficulty",), tasks.complexity, complexity.statistics),
    Plan("fact_check", ("needed",), tasks.fact_check),
    Plan("feedback", FEEDBACK, tasks.feedback),
    Plan("modality", MODALITIES, tasks.modality),
    Plan("jailbreak", ("attack",), passages, lambda encoding, passage: cues(passage)),
)


class Seen(NamedTuple):
    """Examples as the heads see them, a row each."""

    features: Array
    words: csr_matrix
    more: Array
    targets: Array


def see(encoder: OnnxEncoder, examples: Sequence[tasks.Example], more: More | None) -> Seen:
    encodings: list[Encoding] = []
    texts = [excerpt(example.text) for example in examples]
    for start in range(0, len(texts), _CHUNK):
        encodings += encoder.encode(texts[start : start + _CHUNK])
    extra = [more(e, t) if more else np.zeros(0, np.float32) for e, t in zip(encodings, texts, strict=True)]
    return Seen(
        np.stack([encoding.features for encoding in encodings]),
        bag([encoding.words for encoding in encodings]),
        np.stack(extra),
        np.asarray([example.target for example in examples], np.float32),
    )


def bag(texts: Sequence[NDArray[np.int32]]) -> csr_matrix:
    """As `Head.logits` counts words."""
    found = [word_buckets(words, BUCKETS) for words in texts]
    values = np.concatenate([np.full(len(b), 1 / np.sqrt(max(len(b), 1)), np.float32) for b in found])
    ends = np.cumsum([0, *(len(b) for b in found)])
    return csr_matrix((values, np.concatenate(found), ends), shape=(len(found), BUCKETS))


class Scale(NamedTuple):
    """What the features and the words are multiplied by before they are penalised alike."""

    features: float
    words: float


SCALES = (Scale(0.02, 2), Scale(0.03, 3), Scale(0.05, 2), Scale(0.1, 3), Scale(0.2, 4))


class Fitted(NamedTuple):
    weights: Array  # [labels or 1, features and the signal's own]
    bias: Array
    words: Array  # [buckets, labels or 1]


def fit(plan: Plan, encoder: OnnxEncoder, data: Path) -> dict[str, NDArray[Any]]:
    examples = list(plan.examples(data))
    train = see(encoder, [e for e in examples if not e.held_out], plan.more)
    aside = see(encoder, [e for e in examples if e.held_out], plan.more)
    tried = [(scale, regress(train, scale, len(plan.labels))) for scale in SCALES]
    scale, chosen = min(tried, key=lambda pair: loss(pair[1], aside, warmest(pair[1], aside)))
    heat = warmest(chosen, aside)
    print(f"{plan.name}: {scale}, logits times {heat:.2f}; held out: {report(chosen, aside)}", flush=True)
    both = Seen(
        np.concatenate((train.features, aside.features)),
        vstack((train.words, aside.words)).tocsr(),
        np.concatenate((train.more, aside.more)),
        np.concatenate((train.targets, aside.targets)),
    )
    last = regress(both, scale, len(plan.labels))
    arrays = {
        "labels": np.asarray(plan.labels),
        "weights": np.asarray(heat * last.weights, np.float32),
        "bias": np.asarray(heat * last.bias, np.float32),
        "words": np.asarray(heat * last.words, np.float16),
    }
    return {f"{plan.name}.{key}": value for key, value in arrays.items()}


def regress(seen: Seen, scale: Scale, labels: int) -> Fitted:
    mean, spread = seen.features.mean(0), seen.features.std(0) + 1e-6
    columns = [
        csr_matrix((seen.features - mean) / spread * scale.features),
        csr_matrix(seen.more),
        seen.words * scale.words,
    ]
    rows, targets, weights = hstack(columns).tocsr(), seen.targets, None
    if labels == 1:  # a target may be a share: so much of the row is a yes, the rest a no
        targets = np.repeat((1, 0), rows.shape[0])
        weights = np.concatenate((seen.targets, 1 - seen.targets))
        rows = vstack((rows, rows)).tocsr()
    fitted = LogisticRegression(C=1.0, max_iter=300).fit(rows, targets.astype(int), sample_weight=weights)
    size, more = seen.features.shape[1], seen.more.shape[1]
    inner = fitted.coef_[:, :size] * scale.features / spread
    return Fitted(
        np.concatenate((inner, fitted.coef_[:, size : size + more]), 1),
        fitted.intercept_ - inner @ mean,
        fitted.coef_[:, size + more :].T * scale.words,
    )


def logits(fitted: Fitted, seen: Seen) -> Array:
    found: Array = (
        np.concatenate((seen.features, seen.more), 1) @ fitted.weights.T + fitted.bias + seen.words @ fitted.words
    )
    return found


def loss(fitted: Fitted, seen: Seen, heat: float) -> float:
    """Cross entropy; of a single logit with shares as targets."""
    found = heat * logits(fitted, seen)
    if found.shape[1] == 1:
        return float((np.logaddexp(0, found[:, 0]) - seen.targets * found[:, 0]).mean())
    shifted = found - found.max(1, keepdims=True)
    chosen = shifted[np.arange(len(found)), seen.targets.astype(int)]
    return float((np.log(np.exp(shifted).sum(1)) - chosen).mean())


def warmest(fitted: Fitted, seen: Seen) -> float:
    """Temperature scaling (Guo et al. 2017)."""
    return float(min(np.linspace(0.4, 2.5, 43), key=lambda heat: loss(fitted, seen, heat)))


def report(fitted: Fitted, seen: Seen) -> str:
    found = logits(fitted, seen)
    if found.shape[1] > 1:
        right = found.argmax(1) == seen.targets
        return f"{right.mean():.3f} of {len(right)} right"
    ranks = np.corrcoef(found[:, 0].argsort().argsort(), seen.targets.argsort().argsort())[0, 1]
    return f"rank correlation {ranks:.3f} of {len(found)}"


def fit_tags(encoder: OnnxEncoder, data: Path) -> dict[str, NDArray[Any]]:
    """The tagger, on the int8 encoder's states."""
    rows = list(tag_rows(data, repeated=1, generated=7000))
    states = np.concatenate([encoder.states(ids) for ids, _ in rows])
    tags = np.concatenate([tags for _, tags in rows])
    fitted = LogisticRegression(C=0.3, max_iter=150).fit(states, tags)
    print(f"tags: {fitted.score(states, tags):.3f} of {len(tags)} training tokens right", flush=True)
    return {"tags.weights": fitted.coef_.astype(np.float32), "tags.bias": fitted.intercept_.astype(np.float32)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tuned", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="the folder with encoder.onnx and tokenizer.json")
    given = parser.parse_args()
    out = given.models / "heads.npz"
    out.unlink(missing_ok=True)
    encoder = OnnxEncoder(given.models)
    tuned = torch.load(given.tuned)
    arrays: dict[str, NDArray[Any]] = {}
    for plan in PLANS:
        arrays |= fit(plan, encoder, given.data)
    arrays["tags.weights"], arrays["tags.bias"] = (
        tuned["heads.tags.1.weight"].numpy(),
        tuned["heads.tags.1.bias"].numpy(),
    )
    arrays["tools.matrix"] = tuned["tools.weight"].numpy()
    np.savez_compressed(out, **arrays)
    arrays["jailbreak.bias"] = arrays["jailbreak.bias"] - np.float32(strictness(given.data, OnnxEncoder(given.models)))
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main()
