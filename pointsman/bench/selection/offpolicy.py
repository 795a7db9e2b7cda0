"""Whether a log can tell what another selector would have been worth, where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

from pointsman.bench.parts import is_test
from pointsman.bench.quality.sets import thin
from pointsman.bench.report import Table
from pointsman.bench.selection.bench import Bench, Measured
from pointsman.bench.selection.many import NINE, PRICES
from pointsman.gateway.commands.fit_judge import read_prompts
from pointsman.policies.offpolicy.estimate import Chances
from pointsman.policies.offpolicy.estimate import measure as estimate
from pointsman.policies.offpolicy.logged import Logged, Outcomes, overlap
from pointsman.policies.offpolicy.outcome_model import FOLDS, predict
from pointsman.policies.offpolicy.verdict import Answer, judge
from pointsman.policies.select.context import Doubles

FILES = (NINE, PRICES)

EXPLORED = (1.0, 0.3, 0.05, 0.0)
"""Shares of the log's requests that went to any model; the others went to the usual one."""
REWARDED = 0.5
REQUESTS = 10_000
_DRAWS = 25
"""Resamples that an interval has elsewhere, for each log that is drawn."""
_ESTIMATES = ("ips", "snips", "dr")


class World(NamedTuple):
    """[rows, …]"""

    features: Doubles
    scores: Doubles
    models: tuple[str, ...]
    usual: int  # the model that the log mostly used
    targets: Mapping[str, Doubles]  # [rows, models], probabilities


def measure(bench: Bench) -> Measured:
    world = _world(bench)
    logs = max(2, bench.effort.resamples // _DRAWS)
    size = min(REQUESTS, 3 * bench.effort.rows)
    data = {
        f"{explored:g}": {name: _tried(world, target, explored, size, logs) for name, target in world.targets.items()}
        for explored in EXPLORED
    }
    rows = [
        (f"{float(explored):.0%} to any model", name, *_cells(found))
        for explored, by_name in data.items()
        for name, found in by_name.items()
    ]
    table = Table(
        f"What a log tells of another selector: {size:,} requests, {REWARDED:.0%} rewarded, mostly to "
        f"{world.models[world.usual]}; {logs} logs of each kind",
        (
            "log", "selector", "truth", "error of IPS", "of SNIPS", "of DR", "truth in DR's interval",
            "effective samples", "right verdict", "wrong", "cannot tell",
        ),
        tuple(rows),
    )  # fmt: skip
    return Measured((table,), data)


def _world(bench: Bench) -> World:
    rows = thin(list(bench.sets.rows(NINE)), bench.effort.rows)
    models = tuple(sorted(rows[0]["scores"]))
    prices = bench.sets.json(PRICES)
    scores = np.array([[row["scores"][model] for model in models] for row in rows], np.float64)
    features = np.stack([prompt.features for prompt in read_prompts(bench.encoder, [r["prompt"] for r in rows]).read])
    judged = np.array([not is_test(row["id"]) for row in rows])  # the targets need fewer rows than the log
    usual = int(np.argmin([prices[model]["input_price"] + prices[model]["output_price"] for model in models]))
    targets = _targets(features, scores, ~judged, usual)
    return World(features[judged], scores[judged], models, usual, {n: t[judged] for n, t in targets.items()})


def _targets(features: Doubles, scores: Doubles, known: Any, usual: int) -> dict[str, Doubles]:
    """What they know is from the `known` rows only."""
    count, arms = scores.shape
    best = int(np.argmax(scores[known].mean(0)))
    told = np.full(arms * count, np.nan)
    told[np.repeat(known, arms)] = scores[known].ravel()
    predicted = predict(
        np.repeat(features, arms, axis=0), np.tile(np.arange(arms), count), told, arms, np.arange(count * arms) % FOLDS
    )[::arms]
    return {
        "as the log": _always(usual, count, arms),
        "best single": _always(best, count, arms),
        "best by prompt": np.eye(arms)[predicted.argmax(axis=1)],
        "any model": np.full((count, arms), 1 / arms),
    }


def _always(arm: int, count: int, arms: int) -> Doubles:
    found: Doubles = np.tile(np.eye(arms)[arm], (count, 1))
    return found


def _tried(world: World, target: Doubles, explored: float, size: int, logs: int) -> dict[str, Any]:
    """Of logs that are drawn from all rows again and again."""
    count, arms = world.scores.shape
    then = explored / arms + (1 - explored) * _always(world.usual, count, arms)
    truth, before = (float((policy * world.scores).sum(axis=1).mean()) for policy in (target, then))
    found: dict[str, list[float]] = {name: [] for name in (*_ESTIMATES, "covered", "effective", *Answer)}
    for seed in range(logs):
        random = np.random.default_rng(seed)
        logged, rewards, rows = _log(world, then, size, random)
        measured = estimate(logged, target[rows], Outcomes(rewards), Chances.of(random, size, max(100, logs)))
        assert measured is not None
        verdict = judge(overlap(logged, target[rows]), measured, less_is_better=False).answer
        for name in _ESTIMATES:
            found[name].append(getattr(measured, name).value - truth)
        if verdict is not Answer.CANNOT_TELL:
            found["covered"].append(measured.dr.low <= truth <= measured.dr.high)
        found["effective"].append(measured.effective)
        for answer in Answer:
            found[answer].append(verdict is answer)
    right = Answer.SAME if np.isclose(truth, before) else Answer.BETTER if truth > before else Answer.WORSE
    errors = {f"error_{name}": float(np.sqrt(np.mean(np.square(found[name])))) for name in _ESTIMATES}
    biases = {f"bias_{name}": float(np.mean(found[name])) for name in _ESTIMATES}
    told = {answer: float(np.mean(found[answer])) for answer in Answer}
    wrong = sum(share for answer, share in told.items() if answer not in (right, Answer.CANNOT_TELL, Answer.SAME))
    return {
        "truth": truth,
        "logged": before,
        **errors,
        **biases,
        "covered": float(np.mean(found["covered"])) if found["covered"] else None,  # where it can tell
        "effective": float(np.mean(found["effective"])),
        "right": told[right],
        "wrong": wrong,
        "cannot_tell": told[Answer.CANNOT_TELL],
    }


def _log(world: World, then: Doubles, size: int, random: Generator) -> tuple[Logged, Doubles, Any]:
    count, arms = world.scores.shape
    rows = random.integers(count, size=size)
    shares = then[rows]
    spots = random.random(size)[:, None]
    action = np.minimum((shares.cumsum(axis=1) < spots).sum(axis=1), arms - 1).astype(np.int64)
    rewards = np.where(random.random(size) < REWARDED, world.scores[rows, action], np.nan)
    propensity = shares[np.arange(size), action]
    return Logged(world.models, action, propensity, shares, world.features[rows]), rewards, rows


def _cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    told = (found[f"error_{name}"] for name in _ESTIMATES)
    errors = ("–" if np.isnan(error) else f"{error:.3f}" for error in told)
    shares = (f"{found[name]:.0%}" for name in ("right", "wrong", "cannot_tell"))
    covered = "–" if found["covered"] is None else f"{found['covered']:.0%}"
    return (f"{found['truth']:.3f}", *errors, covered, f"{found['effective']:,.0f}", *shares)
