"""What a signal must beat: answers that read nothing, only the length, or only the words of a text.

Those by words are linear models on TF-IDF. They need scikit-learn; without it they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

from pointsman.bench.quality.metrics import Classes, Numbers

MAJORITY, LENGTH, WORDS = "majority", "length", "TF-IDF"

Floors: TypeAlias = dict[str, float]

_BINS = 20


def have_words() -> bool:
    return find_spec("sklearn") is not None


def lengths(texts: Sequence[str]) -> Numbers:
    return np.array([len(text) for text in texts], np.float64)


def of_classes(
    texts: Sequence[str],
    labels: Classes,
    measured: Sequence[str],
    score: Callable[[Classes], float],
    characters: bool = False,
) -> Floors:
    """The score of each floor, learned from `texts` and `labels`, on the `measured` texts."""
    floors = {
        MAJORITY: score(np.full(len(measured), np.bincount(labels).argmax())),
        LENGTH: score(_by_length(texts, labels, measured)),
    }
    if have_words():
        floors[WORDS] = score(_by_words(texts, labels, measured, characters))
    return floors


def _by_length(texts: Sequence[str], labels: Classes, measured: Sequence[str]) -> Classes:
    """The likeliest class among texts of about the same length."""
    known = lengths(texts)
    bounds = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = np.searchsorted(bounds, known)
    default = np.bincount(labels).argmax()
    likeliest = [
        np.bincount(labels[bins == place]).argmax() if (bins == place).any() else default
        for place in range(len(bounds) + 1)
    ]
    return np.array(likeliest, np.int64)[np.searchsorted(bounds, lengths(measured))]


def _by_words(texts: Sequence[str], labels: Classes, measured: Sequence[str], characters: bool) -> Classes:
    from sklearn.svm import LinearSVC

    if len(np.unique(labels)) < 2:
        return np.full(len(measured), labels[0])
    vectors = _tfidf(characters)
    model = LinearSVC(max_iter=5000, random_state=0).fit(vectors.fit_transform(texts), labels)
    return np.asarray(model.predict(vectors.transform(measured)), np.int64)


def word_scorer(texts: Sequence[str], positive: Sequence[bool]) -> Callable[[Sequence[str]], Numbers]:
    """How far a text lies on the positive side."""
    from sklearn.linear_model import LogisticRegression

    vectors = _tfidf()
    model = LogisticRegression(C=10, solver="liblinear", random_state=0).fit(vectors.fit_transform(texts), positive)
    return lambda asked: np.asarray(model.decision_function(vectors.transform(asked)), np.float64)


def word_values(texts: Sequence[str], values: Numbers, measured: Sequence[str]) -> Numbers:
    from sklearn.linear_model import Ridge

    vectors = _tfidf()
    model = Ridge(solver="lsqr").fit(vectors.fit_transform(texts), values)
    return np.asarray(model.predict(vectors.transform(measured)), np.float64)


def character_similarity(queries: Sequence[str], documents: Sequence[str]) -> Any:
    """[queries, documents]: cosines of the TF-IDF of their runs of 2 to 4 characters, known from the documents."""
    vectors = _tfidf(characters=True).fit(documents)
    return (vectors.transform(queries) @ vectors.transform(documents).T).toarray()


def _tfidf(characters: bool = False) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if characters:
        return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
