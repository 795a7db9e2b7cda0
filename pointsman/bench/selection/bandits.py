"""What selectors that learn from outcomes are worth, beside the best single model, which is only known afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from pointsman.bench.parts import is_test
from pointsman.bench.quality.metrics import Classes, Numbers
from pointsman.bench.quality.sets import Row, thin
from pointsman.bench.report import Table
from pointsman.bench.selection.arms import Learner, Played, Trouble, World, play, selector_of, world_of
from pointsman.bench.selection.bench import Bench, Measured
from pointsman.bench.selection.many import NINE, PRICES
from pointsman.policies.select.base import Selector
from pointsman.policies.select.context import Context
from pointsman.signals.prompt import PromptReader, passage_of

FILES = (NINE, PRICES)

WEIGHTS = (0.0, 0.05, 0.1, 0.3)
"""λ, of the cost; the dearest model's is 1."""
LEARNERS: Mapping[str, Mapping[str, Any]] = {
    "linucb": {"by": "linucb"},
    "linucb, each model on its own": {"by": "linucb", "common": 0.0},
    "thompson": {"by": "thompson"},
    "thompson, not contextual": {"by": "thompson", "contextual": False},
    "elo": {"by": "elo"},
    "hybrid, linucb 0.7 and elo 0.3": {
        "by": "hybrid",
        "parts": [{"by": "linucb", "share": 0.7}, {"by": "elo", "share": 0.3}],
    },
}
_TROUBLED = ("linucb", "thompson", "elo", "hybrid, linucb 0.7 and elo 0.3")
_WEIGHT = 0.1
"""λ where something goes wrong."""
_SEEDS, _FEW_SEEDS = 4, 2
_FULL = 2000
"""Rounds from which on the figures are meant to be read."""
_HELD = 80
"""Other rows: their mean scores are the stated qualities."""
_EPSILON = 0.05
_AFTER, _UNTIL, _FACTOR = 300, 1000, 0.3
_SPEED_CANDIDATES, _SPEED_CALLS = 16, 2000

Ratio = tuple[float, float]
"""Mean over the seeds, and half the width of its 95 % interval."""


class Draw(NamedTuple):
    """One seed's order of the rows, and what is stated of the models."""

    seed: int
    rows: Classes
    stated: Numbers


def measure(bench: Bench) -> Measured:
    rows = thin(list(bench.sets.rows(NINE)), bench.effort.rows)
    fresh = np.flatnonzero([is_test(row["id"]) for row in rows])
    world = _world(bench, rows)
    seeds = _SEEDS if bench.effort.rounds >= _FULL else _FEW_SEEDS
    draws = [_draw(world, fresh, bench.effort.rounds, seed) for seed in range(seeds)]
    data: dict[str, Any] = {"rows": len(fresh), "rounds": len(draws[0].rows), "seeds": seeds}
    data["replay"], table = _replay(bench, world, draws)
    data["trouble"], trouble = _trouble(bench, world, draws)
    data["speed"], speed = _speed(world)
    return Measured((table, trouble, speed), data)


def _world(bench: Bench, rows: Sequence[Row]) -> World:
    listed = bench.sets.json(PRICES)
    models = list(rows[0]["scores"])
    reader = PromptReader(bench.encoder)
    passages = [passage_of(row["prompt"]) for row in rows]
    prompts = [reader.read(bench.encoder.encode([passage])[0], passage) for passage in passages]
    scores = np.array([[float(row["scores"][model]) for model in models] for row in rows])
    prices = [float(listed[model]["input_price"]) for model in models]
    return world_of(models, prices, [row["prompt"] for row in rows], prompts, scores)


def _draw(world: World, fresh: Classes, rounds: int, seed: int) -> Draw:
    """Only of rows that no shipped head was fitted on, so often as it takes."""
    random = np.random.default_rng(seed)
    known = np.setdiff1d(np.arange(len(world.prompts)), fresh)
    stated = random.choice(known, min(_HELD, len(known)), replace=False)
    return Draw(seed, random.choice(fresh, rounds), world.scores[stated].mean(0))


# The table of the learners and the floors


def _replay(bench: Bench, world: World, draws: Sequence[Draw]) -> tuple[dict[str, Any], Table]:
    found: dict[str, dict[str, Ratio]] = {}
    floors: Mapping[str, Callable[[Numbers, Draw], float]] = {
        "random": lambda offered, draw: offered.mean(),
        "cheapest": lambda offered, draw: offered[:, int(np.argmin(world.prices))].mean(),
        "most of the stated quality": lambda offered, draw: offered[:, int(np.argmax(draw.stated))].mean(),
        "ε-greedy means": lambda offered, draw: _greedy(offered, draw.seed),
        "oracle": lambda offered, draw: offered.max(1).mean(),
    }
    for name, floor in floors.items():
        found[name] = {
            f"{weight:g}": _interval([floor(u, d) / _best(u) for d in draws for u in [world.utilities(weight)[d.rows]]])
            for weight in WEIGHTS
        }
    for name, options in LEARNERS.items():
        for start in ("cold", "warm"):
            bench.say(f"  {name}, {start}")
            found[f"{name}, {start}"] = {
                f"{weight:g}": _interval([_against(world, options, weight, start, draw, Trouble()) for draw in draws])
                for weight in WEIGHTS
            }
    rounds = len(draws[0].rows)
    title = (
        f"Learning from {rounds:,} rounds with nine models, mean of {len(draws)} draws from {_distinct(draws):,} "
        "prompts on which nothing was fitted, each about as often: utility = quality − λ·cost, as a share of what the "
        "best single model gets, which is known only afterwards. Cold: no quality is stated; warm: the means of "
        f"{_HELD} other prompts are"
    )
    columns = ("", "quality alone", *(f"λ = {weight:g}" for weight in WEIGHTS[1:]))
    rows = tuple((name, *(_shown(ratio) for ratio in ratios.values())) for name, ratios in found.items())
    return found, Table(title, columns, rows)


def _distinct(draws: Sequence[Draw]) -> int:
    return len(np.unique(np.concatenate([draw.rows for draw in draws])))


def _best(offered: Numbers) -> float:
    return float(offered.mean(0).max())


def _against(
    world: World, options: Mapping[str, Any], weight: float, start: str, draw: Draw, trouble: Trouble
) -> float:
    played = _played(world, options, weight, start, draw, trouble)
    return float(played.utility.mean()) / _best(played.offered)


def _played(
    world: World, options: Mapping[str, Any], weight: float, start: str, draw: Draw, trouble: Trouble
) -> Played:
    selector = selector_of(world, options, weight, draw.stated if start == "warm" else None)
    return play(world, selector, draw.rows, weight, draw.seed, trouble)


def _greedy(offered: Numbers, seed: int) -> float:
    """The model with the best mean so far, and now and then any."""
    random = np.random.default_rng(seed)
    counts, sums = np.zeros(offered.shape[1]), np.zeros(offered.shape[1])
    got = 0.0
    for row in offered:
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
        arm = int(random.integers(len(row))) if random.random() < _EPSILON else int(np.argmax(means))
        counts[arm] += 1
        sums[arm] += row[arm]
        got += row[arm]
    return got / len(offered)


# Where something goes wrong


def _trouble(bench: Bench, world: World, draws: Sequence[Draw]) -> tuple[dict[str, Any], Table]:
    kinds: Mapping[str, Callable[[Mapping[str, Any], str, Draw], float]] = {
        "1 to 100 rounds late": lambda o, s, d: _against(world, o, _WEIGHT, s, d, Trouble(delay=100)),
        "90 % missing": lambda o, s, d: _against(world, o, _WEIGHT, s, d, Trouble(missing=0.9)),
        f"the best degrades, {_AFTER} rounds after": partial(_recovered, world),
    }
    found: dict[str, dict[str, Ratio]] = {}
    for name in _TROUBLED:
        for start in ("cold", "warm"):
            bench.say(f"  {name}, {start}, in trouble")
            found[f"{name}, {start}"] = {
                kind: _interval([judge(LEARNERS[name], start, draw) for draw in draws]) for kind, judge in kinds.items()
            }
    title = (
        f"The same at λ = {_WEIGHT:g} where outcomes come late or not at all, and where halfway the scores of the best "
        f"single model fall to {_FACTOR:.0%}: then utility in the rounds from {_AFTER} to {_UNTIL} after that, as a "
        "share of what the best single model gets in them"
    )
    rows = tuple((name, *(_shown(ratio) for ratio in ratios.values())) for name, ratios in found.items())
    return found, Table(title, ("", *kinds), rows)


def _recovered(world: World, options: Mapping[str, Any], start: str, draw: Draw) -> float:
    offered = world.utilities(_WEIGHT)[draw.rows]
    middle = len(offered) // 2
    trouble = Trouble(degrades=(middle, int(np.argmax(offered.mean(0))), _FACTOR))
    played = _played(world, options, _WEIGHT, start, draw, trouble)
    span = slice(middle + min(_AFTER, middle // 2), middle + _UNTIL)
    return float(played.utility[span].mean()) / _best(played.offered[span])


# Speed


def _speed(world: World) -> tuple[dict[str, Any], Table]:
    found = {name: _timed(world, options) for name, options in LEARNERS.items()}
    title = (
        f"Microseconds per choice among {_SPEED_CANDIDATES} candidates, and milliseconds to take in what was learned"
    )
    rows = tuple((n, f"{t['p50']:.0f}", f"{t['p99']:.0f}", f"{t['view']:.1f}") for n, t in found.items())
    return found, Table(title, ("", "p50, µs", "p99, µs", "view, ms"), rows)


def _timed(world: World, options: Mapping[str, Any]) -> dict[str, float]:
    number = len(world.models)
    places = [place % number for place in range(_SPEED_CANDIDATES)]
    models = tuple(f"{world.models[place]}-{n}" for n, place in enumerate(places))
    many = World(models, [world.prices[p] for p in places], world.facts, world.prompts, world.scores, world.costs)
    selector: Selector[Any] = selector_of(many, options, _WEIGHT, None)
    learner, random = Learner(selector), Random(0)
    contexts = [Context(many.facts[n], prompt=many.prompts[n]) for n in range(min(len(many.prompts), _SPEED_CALLS))]
    for n, context in enumerate(contexts):
        learner.learn(learner.told(context, models[n % len(models)], float(world.scores[n, places[n % len(models)]])))
    began = perf_counter()
    learner.fold()
    view = perf_counter() - began
    times = []
    for context in contexts:
        began = perf_counter()
        selector.choose(context, learner.view, random)
        times.append(perf_counter() - began)
    p50, p99 = np.percentile(times, (50, 99)) * 1e6
    return {"p50": float(p50), "p99": float(p99), "view": view * 1e3}


def _interval(values: Sequence[float]) -> Ratio:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(np.mean(values)), 1.96 * spread / len(values) ** 0.5


def _shown(ratio: Ratio) -> str:
    return f"{ratio[0]:.3f} ± {ratio[1]:.3f}"
