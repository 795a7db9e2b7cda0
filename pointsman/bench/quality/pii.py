from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pointsman.bench.quality.figures import Bench, Figure, Measured, Target, plain
from pointsman.bench.quality.metrics import Classes, Extent, count_spans, span_f1
from pointsman.bench.quality.sets import PROMPTS, Row, thin
from pointsman.signals.base import SignalValue

SENTENCES = "presidio_pii/synth_v2.dev.jsonl"
FILES = (SENTENCES, PROMPTS)
PATTERNED = ("EMAIL", "PHONE", "CREDIT_CARD", "SSN", "IBAN", "IP_ADDRESS")
ALL = (*PATTERNED, "PERSON", "ADDRESS")
_OURS = {
    "STREET_ADDRESS": "ADDRESS",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
}

Spans = Sequence[Extent]


def measure(bench: Bench) -> Measured:
    _, rows = bench.sets.parts(SENTENCES, "template")
    rows = thin(rows, bench.effort.others)
    texts = [row["text"] for row in rows]
    truth, found = [_truth(row) for row in rows], _found(bench.asker.ask_texts(texts, type="pii"))
    whole = [joined(row) for row in rows]
    templates = [row["template"] for row in rows]  # rows of one template are hardly different

    def figure(
        name: str,
        types: Iterable[str],
        strict: bool = True,
        target: Target | None = None,
        truth: Sequence[Spans] = truth,
    ) -> Figure:
        counts = _counts(truth, found, frozenset(types), strict)
        return bench.figure(name, len(rows), lambda chosen: span_f1(counts[chosen]), target, groups=templates)

    figures = (
        figure("pii, patterned types: strict span F1", PATTERNED, target=Target(0.90)),
        figure("pii, patterned types: relaxed span F1", PATTERNED, strict=False),
        figure("pii, all types, addresses whole: strict span F1", ALL, target=Target(0.85), truth=whole),
        figure("pii, all types, as annotated: strict span F1", ALL),
        figure("pii, all types: relaxed span F1", ALL, strict=False),
        _by_document(bench, truth, found),
        _false_alarms(bench),
    )
    each = (
        plain(
            "pii, addresses whole: strict span F1 by type",
            (figure(_counted(kind, whole), (kind,), truth=whole) for kind in ALL),
        ),
        plain("pii: relaxed span F1 by type", (figure(_counted(kind, truth), (kind,), strict=False) for kind in ALL)),
    )
    return Measured(figures, each)


_PARTS = frozenset(("STREET_ADDRESS", "GPE", "ZIP_CODE"))
_BETWEEN = re.compile(r"[\s,;]*(?:[A-Z]{2})?[\s,;]*")  # a state's letters are annotated as nothing


def joined(row: Row) -> Spans:
    """The set's annotation has some addresses whole and others in parts, `846`, `31 High Street`, `Springfield`, by the
    template that they come from. Here what follows on each other is one, if a street is among it."""
    text, spans = row["text"], sorted(row["spans"])
    found: list[Extent] = []
    while spans:
        start, end, kind = spans.pop(0)
        if kind not in _PARTS:
            found.append((start, end, _OURS.get(kind, kind)))
            continue
        street = kind == "STREET_ADDRESS"
        while spans and spans[0][2] in _PARTS and _BETWEEN.fullmatch(text, end, spans[0][0]):
            _, end, kind = spans.pop(0)
            street = street or kind == "STREET_ADDRESS"
        if street:
            found.append((start, end, "ADDRESS"))
    return [span for span in found if span[2] in ALL]


def _counted(kind: str, truth: Sequence[Spans]) -> str:
    return f"{kind}, {sum(span[2] == kind for spans in truth for span in spans):,} spans"


def _truth(row: Row) -> Spans:
    named = ((start, end, _OURS.get(kind, kind)) for start, end, kind in row["spans"])
    return [span for span in named if span[2] in ALL]


def _found(values: Iterable[SignalValue]) -> list[Spans]:
    return [[(span.start, span.end, span.type) for span in value.spans] for value in values]


def _counts(truth: Sequence[Spans], found: Sequence[Spans], types: frozenset[str], strict: bool) -> NDArray[np.int64]:
    def of(spans: Spans) -> Spans:
        return [span for span in spans if span[2] in types]

    pairs = zip(truth, found, strict=True)
    return np.array([count_spans(of(there), of(claimed), strict) for there, claimed in pairs]).reshape(-1, 3)


def _by_document(bench: Bench, truth: Sequence[Spans], found: Sequence[Spans]) -> Figure:
    caught = np.array([bool(claimed) for there, claimed in zip(truth, found, strict=True) if there], np.float64)
    return bench.figure("pii, texts with any of it that are noticed", len(caught), _mean(caught))


def _false_alarms(bench: Bench) -> Figure:
    """Of prompts that hardly ever hold any."""
    rows = thin([row for part in bench.sets.benign() for row in part], bench.effort.rows)
    values = bench.asker.ask_texts([row["prompt"] for row in rows], type="pii", types=list(PATTERNED))
    alarms = np.array([1000.0 * (value.value is True) for value in values])
    return bench.figure("pii, patterned types: alarms in 1,000 benign prompts", len(alarms), _mean(alarms))


def _mean(values: NDArray[np.float64]) -> Callable[[Classes], float]:
    return lambda chosen: float(values[chosen].mean())
