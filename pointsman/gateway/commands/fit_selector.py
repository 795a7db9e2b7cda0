"""`pointsman fit selector`: what selectors and pools can know from past answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

from pointsman.gateway.commands.fit_common import Indices, Unfit, check_out, encoder_of, told
from pointsman.gateway.commands.fit_judge import BY_FILE, Prompts, need, needed, predictions, read_prompts
from pointsman.gateway.commands.fit_rows import Answers, read_answers
from pointsman.gateway.config import load
from pointsman.policies.select.tradeoff import WEIGHTS, Way, cost_at, sweep
from pointsman.policies.select.utility import OUTPUT_TOKENS
from pointsman.signals import outcomes
from pointsman.signals.encoder.heads import Head
from pointsman.signals.linear import Doubles
from pointsman.signals.tokens import estimate_tokens

_FEWEST = 20
"""Rows that are fitted on, and rows of which everything is known to judge by."""
_DOMAIN_ROWS, _DOMAIN_DOUBT, _DOMAIN_LEAD = 30, 10.0, 0.05
"""Rows of a domain from which it is named, what the default counts beside them, and the difference that is worth it."""


class Target(NamedTuple):
    """Of two models: the share of requests that the strong one shall answer, or of its cost that shall be spent."""

    strong_share: float | None = None
    cost_share: float | None = None


def fit_selector(data: Path, out: Path, config: Path | None, target: Target) -> Iterator[str]:
    """The lines to print; Unfit with what to do."""
    check_out(out)
    with told():
        answers = _priced(read_answers(data), config)
        texts, models, scores, _ = answers
        if len(texts) < 2 * _FEWEST:
            raise Unfit(f"{data} has {len(texts)} rows; to fit a selector takes at least {2 * _FEWEST}")
        two = len(models) == 2 and not np.isnan(scores).any()
        if target != Target() and not two:
            raise Unfit("--strong-share and --cost-share are for two models, with scores of both on each line")
        encoder = encoder_of(config)
        prompts = read_prompts(encoder, texts)
        yield f"{len(texts):,} rows, {len(models)} models: {', '.join(models)}"
        held_out = np.array([crc32(text.encode("utf-8", "replace")) % 5 == 0 for text in texts])
        complete = ~np.isnan(scores).any(1)
        known, judged = np.flatnonzero(~held_out), np.flatnonzero(held_out & complete)
        if len(judged) >= _FEWEST and len(known) >= _FEWEST:
            found = predictions(encoder, models, prompts.take(known), scores[known], prompts.take(judged))
            yield from _judged(answers, known, judged, found, out)
        else:
            yield "too few rows have scores of every model to judge by; for a log there is `pointsman replay`"
        yield from _qualities(answers, prompts)
        if two:
            yield from _threshold(answers, prompts, known, judged, target, out)
        table = outcomes.gather(models, prompts.vectors, scores.astype(np.float32))
        outcomes.save(out, table, encoder, _need(answers, prompts, np.arange(len(texts))) if two else None)
    by = " or ".join(f"{{by: {name}, data: {out}}}" for name in BY_FILE)
    yield f"saved {out}; use it as select: {by}"


def _priced(answers: Answers, config: Path | None) -> Answers:
    """What is not told of costs, from the prices of the configuration's pools."""
    pools = {} if config is None else load(config).pools
    prices = {pool.model: pool.price for pool in pools.values()} | {name: pool.price for name, pool in pools.items()}
    if not all(model in prices for model in answers.models):
        return answers
    tokens = np.array([estimate_tokens(text) for text in answers.texts], np.float64)[:, None]
    told = [prices[model] for model in answers.models]
    usual = tokens * [price.input for price in told] + OUTPUT_TOKENS * np.array([price.output for price in told])
    return answers._replace(costs=np.where(np.isnan(answers.costs), usual / 1e6, answers.costs))


def _judged(
    answers: Answers, known: Indices, judged: Indices, found: Mapping[str, Doubles], out: Path
) -> Iterator[str]:
    scores, costs = answers.scores[judged], answers.costs[judged]
    means = np.nanmean(answers.scores[known], 0)
    best = int(np.argmax(means))
    priced = not np.isnan(costs).any() and not np.isnan(answers.costs[known]).all(0).any() and costs.any()
    if not priced:
        costs = np.zeros_like(scores)
    foreseen = np.broadcast_to(np.nanmean(answers.costs[known], 0), scores.shape) if priced else costs
    ways = {name: sweep(predicted, foreseen, scores, costs) for name, predicted in found.items()}
    yield f"fitted on {len(known):,}, on {len(judged):,} others:"
    yield f"  {'':<34}{'quality':>8}" + (f"{'USD/1,000':>11}{'at equal quality':>18}" if priced else "")
    rows: list[tuple[str, float, float, str]] = []
    for name, way in ways.items():
        qualities, spent = way.points()
        least = cost_at(float(scores[:, best].mean()), qualities, spent)
        saved = "not reached" if np.isnan(least) else f"{least / max(float(costs[:, best].mean()), 1e-12) - 1:+.0%}"
        rows.append((name, float(qualities[0]), float(spent[0]), saved))
    rows += [_single(f"best single, {answers.models[best]}", scores[:, best], costs[:, best])]
    if priced:
        cheap = int(np.argmin(np.nanmean(answers.costs[known], 0)))
        rows += [_single(f"cheapest, {answers.models[cheap]}", scores[:, cheap], costs[:, cheap])]
    rows += [_single("random", scores.mean(1), costs.mean(1)), _oracle(scores, costs)]
    for name, quality, cost, saved in rows:
        yield f"  {name[:33]:<34}{quality:>8.3f}" + (f"{1000 * cost:>11.4f}{saved:>18}" if priced else "")
    if priced:
        yield from _weights(ways, float(scores[:, best].mean()), out)


def _single(name: str, quality: Doubles, cost: Doubles) -> tuple[str, float, float, str]:
    return name, float(quality.mean()), float(cost.mean()), ""


def _oracle(scores: Doubles, costs: Doubles) -> tuple[str, float, float, str]:
    """The cheapest of the best answers to each prompt."""
    dear = np.where(scores == scores.max(1, keepdims=True), costs, np.inf)
    return _single("oracle", scores.max(1), dear.min(1))


def _weights(ways: Mapping[str, Way], quality: float, out: Path) -> Iterator[str]:
    """The cheapest that is as good as the best single model."""
    name = max(ways, key=lambda each: float(ways[each].points()[0].max()))
    found, costs = ways[name].points()
    reached = np.flatnonzero(found >= quality)
    if len(reached):
        place = reached[int(np.argmin(costs[reached]))]
        yield "# as good as the best single model there, at the least cost:"
        yield f"select: {{by: {name}, data: {out}, weights: {{quality: 1, cost: {WEIGHTS[place]:.3f}, latency: 0}}}}"


def _qualities(answers: Answers, prompts: Prompts) -> Iterator[str]:
    """Priors of each model, as YAML."""
    domains = [max(p.domains, key=p.domains.__getitem__) if p.domains else "" for p in prompts.read]
    yield "# prior qualities: give each to the pool of this name or model"
    for place, model in enumerate(answers.models):
        scores = answers.scores[:, place]
        told = {"default": float(np.nanmean(scores)), **_by_domain(scores, domains)}
        yield f"{model}: {{quality: {{{', '.join(f'{label}: {value:.2f}' for label, value in told.items())}}}}}"


def _by_domain(scores: Doubles, domains: Sequence[str]) -> dict[str, float]:
    default, found = float(np.nanmean(scores)), {}
    for label in sorted(set(domains) - {""}):
        own = scores[[domain == label for domain in domains]]
        own = own[~np.isnan(own)]
        mean = (own.sum() + _DOMAIN_DOUBT * default) / (len(own) + _DOMAIN_DOUBT)
        if len(own) >= _DOMAIN_ROWS and abs(mean - default) >= _DOMAIN_LEAD:
            found[label] = float(mean)
    return found


def _pair(answers: Answers) -> tuple[int, int]:
    """The strong one and the weak one."""
    strong = int(np.argmax(answers.scores.mean(0)))
    return strong, 1 - strong


def _need(answers: Answers, prompts: Prompts, rows: Indices) -> Head:
    strong, weak = _pair(answers)
    return need(prompts.take(rows), answers.scores[rows, strong], answers.scores[rows, weak])


def _threshold(
    answers: Answers, prompts: Prompts, known: Indices, judged: Indices, target: Target, out: Path
) -> Iterator[str]:
    """From which score of `need` on the strong model is asked; chosen on the rows that were not fitted on."""
    if len(judged) < _FEWEST or len(known) < _FEWEST:
        return
    strong, weak = _pair(answers)
    probability = needed(_need(answers, prompts, known), prompts.take(judged))
    scores, costs = answers.scores[judged], answers.costs[judged].mean(0)
    share = _share(target, float(costs[weak]), float(costs[strong]))
    threshold = round(float(np.quantile(probability, 1 - share)), 4)
    asked = probability >= threshold
    quality = float(np.where(asked, scores[:, strong], scores[:, weak]).mean())
    low, high = float(scores[:, weak].mean()), float(scores[:, strong].mean())
    yield (
        f"# {answers.models[strong]} for {asked.mean():.0%} of the requests: quality {quality:.3f}, between {low:.3f} "
        f"of {answers.models[weak]} and {high:.3f}; {low + float(asked.mean()) * (high - low):.3f} at random"
    )
    yield f"select: {{by: threshold, data: {out}, threshold: {threshold:.4f}}}"


def _share(target: Target, weak: float, strong: float) -> float:
    """Of the requests that the strong model answers. Unfit if the costs are not known, or too high for this."""
    if target.strong_share is not None:
        return target.strong_share
    if target.cost_share is None:
        return 0.5
    if np.isnan(weak + strong) or strong <= weak:
        raise Unfit("--cost-share needs costs on the lines, or prices with --config, and a strong model that is dearer")
    if target.cost_share * strong < weak:
        raise Unfit(f"--cost-share {target.cost_share} is less than the weak model alone costs, {weak / strong:.2f}")
    return (target.cost_share * strong - weak) / (strong - weak)
