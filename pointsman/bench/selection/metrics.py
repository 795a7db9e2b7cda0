"""What a router between a strong and a weak model is worth (RouteLLM, arXiv 2406.18665)."""

from __future__ import annotations

import numpy as np

from pointsman.bench.quality.metrics import Numbers


def recovered(scores: Numbers, gains: Numbers) -> Numbers:
    """[prompts + 1]: the share of the gap between the models that is won if the strong one answers the first 0, 1, 2 …
    prompts by score (PGR). `gains` are the strong model's scores less the weak one's. Prompts of equal score are taken
    in every order at once."""
    order = np.argsort(-scores, kind="stable")
    ordered, gain = scores[order], gains[order].astype(np.float64)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.append(starts, len(gain)))
    even = np.repeat(np.add.reduceat(gain, starts) / sizes, sizes)
    total = np.concatenate(([0.0], np.cumsum(even)))
    return total / total[-1] if total[-1] else np.full(len(total), np.nan)


def apgr(scores: Numbers, gains: Numbers) -> float:
    """The mean of PGR over all shares of the strong model: 0.5 by chance. NaN if there is no gap."""
    curve = recovered(scores, gains)
    return float(((curve[1:] + curve[:-1]) / 2).mean())


def call_share(scores: Numbers, gains: Numbers, wanted: float) -> float:
    """CPT: the least share of the prompts for the strong model that wins `wanted` of the gap."""
    curve = recovered(scores, gains)
    reached = np.flatnonzero(curve >= wanted - 1e-9)
    return float(reached[0] / (len(curve) - 1)) if len(reached) else float("nan")


def apgr_interval(scores: Numbers, gains: Numbers, resamples: int, seed: int = 4) -> tuple[float, float]:
    """95 %, by the bootstrap over prompts."""
    random = np.random.default_rng(seed)
    order = np.argsort(-scores, kind="stable")
    ordered, count = gains[order].astype(np.float64), len(gains)
    even = np.full(count, 1 / count)
    found = [_weighted(ordered, random.multinomial(count, even).astype(np.float64)) for _ in range(resamples)]
    low, high = np.percentile([value for value in found if np.isfinite(value)], (2.5, 97.5))
    return float(low), float(high)


def _weighted(ordered: Numbers, weights: Numbers) -> float:
    """APGR of rows in the order of their scores that count so often."""
    gain = ordered * weights
    curve = np.cumsum(gain)
    return float((weights @ (curve - gain / 2)) / weights.sum() / curve[-1]) if curve[-1] else float("nan")
