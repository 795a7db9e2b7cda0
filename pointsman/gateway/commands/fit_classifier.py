"""`pointsman fit classifier`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pointsman.gateway.commands.fit_common import Indices, accuracy, check_out, encoder_of, macro_f1, told
from pointsman.signals import fitted, linear
from pointsman.signals.exemplars import Exemplars, read_exemplars


def fit_classifier(data: Path, out: Path, config: Path | None) -> Iterator[str]:
    """The lines to print; Unfit with what to do."""
    check_out(out)
    with told():
        exemplars = read_exemplars(data)
        fitted.check(data, exemplars)
        encoder = encoder_of(config)
        features = fitted.encode(encoder, exemplars.texts)
        counts = Counter(exemplars.labels)
        yield f"{len(exemplars.texts)} texts, {len(counts)} labels: " + ", ".join(
            f"{label} {counts[label]}" for label in exemplars.known
        )
        yield f"on texts not learned from ({linear.FOLDS}-fold cross-validation):"
        yield f"  {'':<20}{'accuracy':>9}{'macro-F1':>10}"
        for name, truth, found in _judged(features, exemplars):
            yield f"  {name:<20}{accuracy(truth, found):>9.3f}{macro_f1(truth, found):>10.3f}"
        fitted.save(out, fitted.learn(features, exemplars), encoder)
    yield f"saved {out}; use it as {{type: classifier, model: {out}}}"


def _judged(features: list[fitted.Features], exemplars: Exemplars) -> Iterator[tuple[str, Indices, Indices]]:
    """What was learned on four fifths and says of the fifth, for each fifth; beside it, what is cheaper to know."""
    rows, targets = fitted.rows(features), fitted.targets(exemplars)
    truth = targets.argmax(1)
    words_only = linear.Rows(rows.dense[:, :0], rows.words)
    yield "classifier", truth, _cross_validated(rows, targets)
    yield "its words alone", truth, _cross_validated(words_only, targets)
    yield "most frequent label", truth, np.full(len(truth), np.bincount(truth).argmax())


def _cross_validated(rows: linear.Rows, targets: linear.Floats) -> Indices:
    found = np.zeros(len(targets), np.int64)
    for known, judged in linear.folds(targets):
        model = linear.fit(rows.take(known), targets[known], fitted.BUCKETS)
        found[judged] = model.logits(rows.take(judged)).argmax(1)
    return found
