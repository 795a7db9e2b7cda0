"""How each kind of question is cached: code is dense and lasts, prices are sparse and do not.

After "Category-Aware Semantic Caching" (arXiv 2510.26835), whose table these defaults start from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Evict: TypeAlias = Literal["value", "lru"]

GENERAL = "general"
"""The category of `cache: true`."""

REACH = 0.1
"""Below the threshold: where hits are verified, nearly similar texts may turn out to be the same."""

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Loosen:
    """What is given up at most while the models are busy."""

    threshold: float = 0.0  # by which it falls
    ttl: float = 1.0  # by which it is multiplied


@dataclass(frozen=True, slots=True)
class Verify:
    """Candidates are served only if few of such are wrong, and begin below the threshold."""

    error: float  # share of the hits that may be wrong
    judge: str | None = None  # the pool whose model is asked where it is in doubt
    inline: bool = False  # whether the request waits for it
    timeout: float = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Category:
    name: str
    threshold: float | None  # cosine from which a text is similar; None: only equal texts are answered
    ttl: float  # seconds
    quota: float  # share of the entries and of the bytes that it may fill
    evict: Evict = "value"
    loosen: Loosen = Loosen()
    guard: bool = True
    askers: int = 1  # independent ones that must have asked before others get an entry
    verify: Verify | None = None
    auto: bool = False  # off while it does not pay
    private: bool = False  # every user has his own, so that personal data may be kept
    volatile: bool = False  # also what is asked of today, prices or one's own affairs
    tools: bool = False  # also requests that offer tools, for equal texts only, and answers that call them

    @property
    def semantic(self) -> bool:
        return self.threshold is not None

    def threshold_at(self, relief: float) -> float:
        """2, which no text reaches, where only equal texts count."""
        return 2.0 if self.threshold is None else self.threshold - self.loosen.threshold * relief

    def candidate_at(self, relief: float) -> float:
        """The cosine from which a text is looked at."""
        return self.threshold_at(relief) - (REACH if self.verify is not None else 0.0)

    def ttl_at(self, relief: float) -> float:
        return self.ttl * (1.0 + (self.loosen.ttl - 1.0) * relief)

    @property
    def longest(self) -> float:
        """Seconds that an entry can be used, however busy the models are."""
        return self.ttl * self.loosen.ttl


_SOME, _NONE = Loosen(0.05, 2.0), Loosen()

BUILT_IN: Mapping[str, Category] = {
    category.name: category
    for category in (
        Category("code", 0.90, 30 * _DAY, 0.30, loosen=Loosen(0.02, 2.0)),
        Category("docs", 0.88, 7 * _DAY, 0.20, loosen=Loosen(0.03, 2.0)),
        Category(GENERAL, 0.85, 6 * _HOUR, 0.15, loosen=_SOME),
        Category("factual", 0.85, _DAY, 0.15, loosen=Loosen(0.03, 2.0)),
        Category("math", 0.93, 30 * _DAY, 0.15, loosen=Loosen(0.02, 2.0)),
        Category("finance", 0.90, 5 * _MINUTE, 0.05, evict="lru", loosen=_NONE),
        Category("legal", 0.95, 7 * _DAY, 0.05, loosen=_NONE),
        Category("medical", 0.95, 7 * _DAY, 0.05, loosen=_NONE),
        Category("law", 0.95, 7 * _DAY, 0.05, loosen=_NONE),  # these two as the `domain` signal names them
        Category("health", 0.95, 7 * _DAY, 0.05, loosen=_NONE),
    )
}
"""Their quotas are weights: who is not told his share divides with the likes of him what is left."""

UNBENT = frozenset({"finance", "legal", "medical", "law", "health"})
"""Where a stale or a nearly right answer does harm: they may not be loosened."""


def default(name: str) -> Category:
    """What holds of a category as long as the policy says nothing else; an unknown one is like `general`."""
    return BUILT_IN.get(name) or replace(BUILT_IN[GENERAL], name=name)


def quotas(names: Collection[str], told: Mapping[str, float]) -> dict[str, float]:
    """Share of each category that is in use: as told, and of the rest in proportion to the built-in ones."""
    rest = max(0.0, 1.0 - sum(told.values()))
    weights = {name: default(name).quota for name in names if name not in told}
    total = sum(weights.values())
    shares = {name: rest * weight / total for name, weight in weights.items()}
    return {name: told.get(name, shares.get(name, 0.0)) for name in names}
