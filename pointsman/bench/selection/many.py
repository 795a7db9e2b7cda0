"""Choosing among seven to eleven models whose answers to the same prompts are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pointsman.bench.parts import is_test
from pointsman.bench.quality import floors
from pointsman.bench.quality.metrics import interval
from pointsman.bench.quality.sets import Row, thin
from pointsman.bench.report import Table
from pointsman.bench.selection.bench import Bench, Measured
from pointsman.gateway.commands.fit_judge import Prompts, predictions, read_prompts
from pointsman.policies.select.tradeoff import Way, cost_at, sweep
from pointsman.policies.select.utility import OUTPUT_TOKENS
from pointsman.signals.linear import Doubles, Indices
from pointsman.signals.tokens import estimate_tokens

PRICES = "llmrouter_9model/models_prices.json"
NINE, SEVEN, ELEVEN = (
    "llmrouter_9model/scores.dev.jsonl.gz",
    "routerdc_7model/scores.dev.jsonl.gz",
    "routerbench_subset/scores_cost.dev.jsonl.gz",
)
FILES = (PRICES, NINE, SEVEN, ELEVEN)

_SPREAD = 4.0
"""Of the seven models' assumed prices."""
_NEIGHBOURS = 20
_BINS = 20
_RIDGE = 0.3


class Part(NamedTuple):
    """Some rows of a set, [rows, models]."""

    texts: Sequence[str]
    scores: Doubles
    costs: Doubles  # USD


class Chosen(NamedTuple):
    """A way of choosing, by itself and for the comparison of its costs."""

    quality: Doubles  # [rows]
    cost: Doubles
    ways: Way | None = None


def measure(bench: Bench) -> Measured:
    prices = bench.sets.json(PRICES)
    found = [
        _measured(bench, NINE, "9 models, cost = list price × (tokens of the prompt + 256)", _listed(prices)),
        _measured(
            bench, SEVEN, "7 models of one size, prices assumed: from the worst to the best they rise fourfold", _ranked
        ),
        _measured(bench, ELEVEN, "11 models, costs as they were", _told),
    ]
    return Measured(tuple(table for _, table, _ in found), {name: data for name, _, data in found})


def _measured(
    bench: Bench, path: str, title: str, cost: Callable[[list[Row], list[Row], Sequence[str]], tuple[Doubles, Doubles]]
) -> tuple[str, Table, dict[str, Any]]:
    rows = thin(list(bench.sets.rows(path)), bench.effort.rows)
    known = [row for row in rows if not is_test(row["id"])]
    judged = [row for row in rows if is_test(row["id"])]
    models = sorted(rows[0]["scores"])
    costs = cost(known, judged, models)
    parts = [
        Part([r["prompt"] for r in side], _scores(side, models), c)
        for side, c in zip((known, judged), costs, strict=True)
    ]
    chosen = _everyone(bench, parts[0], parts[1], models, foreseen=_foreseen(parts, path))
    best = int(np.argmax(parts[0].scores.mean(0)))
    reference = Chosen(parts[1].scores[:, best], parts[1].costs[:, best])
    data = {name: _figures(each, reference, bench.effort.resamples) for name, each in chosen.items()}
    table = Table(
        f"Choosing among {title}: {len(known):,} rows to fit on, {len(judged):,} to report on",
        ("", "quality", "USD per 1,000", "cost at the best single model's quality", "at 1 point less"),
        tuple(_row(name, figures) for name, figures in data.items()),
    )
    return path.partition("/")[0], table, data


def _foreseen(parts: Sequence[Part], path: str) -> Doubles:
    """What a selector expects answers to cost: their price, or where that is not known the mean of each model."""
    known, judged = parts
    return np.broadcast_to(known.costs.mean(0), judged.costs.shape) if path == ELEVEN else judged.costs


def _everyone(
    bench: Bench, known: Part, judged: Part, models: Sequence[str], foreseen: Doubles
) -> Mapping[str, Chosen]:
    prompts = read_prompts(bench.encoder, known.texts), read_prompts(bench.encoder, judged.texts)
    singles = Way(judged.scores.T, judged.costs.T)
    best, cheapest = int(np.argmax(known.scores.mean(0))), int(np.argmin(known.costs.mean(0)))
    found = {
        "random": Chosen(judged.scores.mean(1), judged.costs.mean(1)),
        f"cheapest, {models[cheapest]}": Chosen(judged.scores[:, cheapest], judged.costs[:, cheapest]),
        f"best single, {models[best]}": Chosen(judged.scores[:, best], judged.costs[:, best]),
        "best mixture of two models": Chosen(judged.scores[:, best], judged.costs[:, best], singles),
    }
    predicted = _floors(known, judged, *prompts)
    predicted |= predictions(bench.encoder, models, prompts[0], known.scores, prompts[1])
    for name, quality in predicted.items():
        ways = sweep(quality, foreseen, judged.scores, judged.costs)
        found[name] = Chosen(ways.quality[0], ways.cost[0], ways)
    top = judged.scores.max(1, keepdims=True)
    return found | {"oracle": _oracle(judged, top)}


def _oracle(judged: Part, top: Doubles) -> Chosen:
    """Of the best answers the cheapest."""
    cost = np.where(judged.scores == top, judged.costs, np.inf).min(1)
    return Chosen(top[:, 0], cost)


def _floors(known: Part, judged: Part, read: Prompts, asked: Prompts) -> dict[str, Doubles]:
    """What choosing must beat: by length, by words, by neighbours and by a linear model of the same vectors."""
    found = {"prompt length": _by_length(known, judged)}
    if floors.have_words():
        columns = [floors.word_values(known.texts, each, judged.texts) for each in known.scores.T]
        found["TF-IDF + linear"] = np.stack(columns, 1)
    near = np.argpartition(-(asked.vectors @ read.vectors.T), _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    found[f"plain kNN, k = {_NEIGHBOURS}"] = known.scores[near].mean(1)
    found["linear on the vector"] = _linear(read.vectors.astype(np.float64), known.scores, asked.vectors)
    return found


def _by_length(known: Part, judged: Part) -> Doubles:
    lengths = floors.lengths(known.texts)
    bounds = np.unique(np.quantile(lengths, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins: Indices = np.searchsorted(bounds, lengths)
    mean = known.scores.mean(0)
    means = [known.scores[bins == place].mean(0) if (bins == place).any() else mean for place in range(len(bounds) + 1)]
    return np.stack(means)[np.searchsorted(bounds, floors.lengths(judged.texts))]


def _linear(vectors: Doubles, scores: Doubles, asked: Any) -> Doubles:
    """Ridge regression."""
    mean, spread, usual = vectors.mean(0), vectors.std(0) + 1e-6, scores.mean(0)
    rows = (vectors - mean) / spread
    gram = rows.T @ rows + _RIDGE * len(rows) * np.eye(rows.shape[1])
    found: Doubles = ((asked - mean) / spread) @ np.linalg.solve(gram, rows.T @ (scores - usual)) + usual
    return found


def _scores(rows: list[Row], models: Sequence[str]) -> Doubles:
    return np.array([[row["scores"][model] for model in models] for row in rows], np.float64)


def _listed(prices: Mapping[str, Any]) -> Callable[[list[Row], list[Row], Sequence[str]], tuple[Doubles, Doubles]]:
    def costs(known: list[Row], judged: list[Row], models: Sequence[str]) -> tuple[Doubles, Doubles]:
        told = np.array([(prices[model]["input_price"], prices[model]["output_price"]) for model in models])
        return _by_price(known, told), _by_price(judged, told)

    return costs


def _ranked(known: list[Row], judged: list[Row], models: Sequence[str]) -> tuple[Doubles, Doubles]:
    """From USD 0.1 to 0.4 per million tokens, the better the dearer."""
    ranks = np.argsort(np.argsort(_scores(known, models).mean(0)))
    price = 0.1 * _SPREAD ** (ranks / (len(models) - 1))
    told = np.stack((price, price), 1)
    return _by_price(known, told), _by_price(judged, told)


def _by_price(rows: list[Row], prices: Doubles) -> Doubles:
    tokens = np.array([estimate_tokens(row["prompt"]) for row in rows], np.float64)[:, None]
    found: Doubles = (tokens * prices[:, 0] + OUTPUT_TOKENS * prices[:, 1]) / 1e6
    return found


def _told(known: list[Row], judged: list[Row], models: Sequence[str]) -> tuple[Doubles, Doubles]:
    sides = [np.array([[row["cost"][model] for model in models] for row in side]) for side in (known, judged)]
    return sides[0], sides[1]


def _figures(chosen: Chosen, best: Chosen, resamples: int) -> dict[str, Any]:
    rows = len(best.quality)
    everything = np.arange(rows)
    found: dict[str, Any] = {
        "quality": float(chosen.quality.mean()),
        "quality_interval": interval(lambda at: float(chosen.quality[at].mean()), rows, resamples),
        "usd_per_1000": 1000 * float(chosen.cost.mean()),
    }
    ways = chosen.ways
    if ways is not None:
        for name, less in (("saved", 0.0), ("saved_less_1", 0.01)):
            found[name] = _saving(ways, best, less, everything)
            found[f"{name}_interval"] = interval(partial(_saving, ways, best, less), rows, resamples)
    return found


def _saving(ways: Way, best: Chosen, less: float, rows: Indices) -> float:
    """Change of cost against the best single model, at its quality, or a little less. To send everything there is
    always a way, too."""
    quality, cost = ways.points(rows)
    target, usual = float(best.quality[rows].mean()), float(best.cost[rows].mean())
    return min(cost_at(target - less, np.append(quality, target), np.append(cost, usual)) / usual - 1, 0.0)


def _row(name: str, figures: Mapping[str, Any]) -> tuple[str, ...]:
    cells = [
        f"{figures['quality']:.3f} ({_spread(figures['quality_interval'], '.3f')})",
        f"{figures['usd_per_1000']:.3f}",
    ]
    cells += [
        f"{figures[key]:+z.0%} ({_spread(figures[f'{key}_interval'], '+z.0%')})" if key in figures else ""
        for key in ("saved", "saved_less_1")
    ]
    return (name, *cells)


def _spread(bounds: tuple[float, float], form: str) -> str:
    return f"{bounds[0]:{form}} to {bounds[1]:{form}}"
