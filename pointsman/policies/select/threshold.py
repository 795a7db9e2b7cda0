"""The strong model for the prompts that need it most, as many of them as is wanted (RouteLLM, arXiv 2406.18665)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, Strict, model_validator

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context, Doubles
from pointsman.policies.select.quality import Priors
from pointsman.policies.select.scored import DOWN
from pointsman.policies.select.stay import switching_cost
from pointsman.policies.select.sums import NOTHING, Sums
from pointsman.policies.select.utility import OUTPUT_TOKENS, output_tokens
from pointsman.policies.types import Choice
from pointsman.signals import fitted, gap

if TYPE_CHECKING:
    from random import Random

    from pointsman.signals.encoder.encoding import Encoder
    from pointsman.signals.prompt import Prompt

Share = Annotated[float, Strict(), Field(ge=0, le=1)]

BINS = 64
USUAL = (0.33, 0.13)
"""Mean and deviation of the shipped score over ordinary traffic."""
_EVENLY = (0.5, 0.25)
"""Those that are assumed of a score that was fitted."""
_PSEUDO = 50.0
"""Requests that the assumption counts as at first; after as many, half of that."""
_PROMPT_TOKENS = 300.0
"""Of a request before any was seen."""


class ThresholdOptions(SelectOptions):
    by: Literal["threshold"]
    """The strong model for the prompts that need it most."""
    strong_share: Share | None = None
    """Share of the requests for the strong model."""
    cost: Annotated[float, Strict(), Field(ge=0)] | Annotated[str, Field(pattern=r"^\d{1,3}(\.\d+)?%$")] | None = None
    """What 1,000 requests may cost in USD; or a share (`40%`) of what they would cost at the strong model."""
    threshold: Share | None = None
    """From which score on the strong model is asked, whatever share that is."""
    data: Annotated[str, Field(min_length=1)] | None = None
    """What `pointsman fit selector` made of two models' past outcomes; its score replaces the shipped one."""
    discount: Annotated[float, Strict(), Field(gt=0, le=1)] = 0.999
    """Weight of a request relative to the next one, as far as the distribution of scores is concerned."""
    stay: Annotated[float, Strict(), Field(ge=0)] = 1.0
    """How much a conversation sticks to its model; 0 chooses anew at each turn."""

    @model_validator(mode="after")
    def _one_aim(self) -> ThresholdOptions:
        if sum(aim is not None for aim in (self.strong_share, self.cost, self.threshold)) != 1:
            raise ValueError("`threshold` wants one of `strong_share`, `cost` and `threshold`")
        return self


class Threshold(Selector[ThresholdOptions]):
    Options = ThresholdOptions
    reads_prompt = True

    def __init__(self, options: ThresholdOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        if len(candidates) < 2:
            raise ValueError("`threshold` chooses between a strong and a weak model: list both in `models`")
        self._priors = Priors(candidates)
        quality = self._priors.of(None)
        prices = np.array([c.input_price + c.output_price for c in candidates])
        self.strong = int(np.argmax(quality))
        others = [place for place in range(len(candidates)) if place != self.strong]
        self.weak = min(others, key=lambda place: (prices[place], quality[place]))
        if options.cost is not None and prices[self.strong] <= prices[self.weak]:
            raise ValueError(
                f"`cost` needs prices: give the pool `{self.models[self.strong]}` a `price` above that of "
                f"`{self.models[self.weak]}`, or use `strong_share`"
            )
        self._fitted = None if options.data is None else fitted.load(Path(options.data))
        if self._fitted is not None and self._fitted.head.labels != ("need",):
            raise ValueError(f"{options.data} has no score of two models: make it with `pointsman fit selector`")
        self.learns = options.threshold is None
        self.discount = options.discount
        self._assumed = self._histogram(*(USUAL if self._fitted is None else _EVENLY))

    def prepare(self, encoder: Encoder) -> None:
        if self._fitted is not None:
            self._fitted.check(encoder)

    def score(self, prompt: Prompt | None) -> float | None:
        """How much the prompt needs the strong model, in [0, 1]; None: not known."""
        if prompt is None:
            return None
        if self._fitted is None:
            return prompt.need
        return gap.score(self._fitted.head, prompt)

    def view(self, sums: Sums) -> float:
        """The score from which on the strong model is asked."""
        if self.options.threshold is not None:
            return self.options.threshold
        requests, weak, strong = self._table(sums.arrays.get("scores"))
        if self.options.strong_share is not None:
            return _cut(requests, self.options.strong_share * requests.sum())
        spare = self._spend(requests, strong) - weak.sum()
        return _cut(np.maximum(strong - weak, 0.0), spare)

    def _table(self, seen: Doubles | None) -> Doubles:
        """[3, bins]: requests, and what they would cost at the weak and at the strong model; what is assumed counts
        ever less."""
        if seen is None or seen.shape != self._assumed.shape:
            return self._assumed
        return seen + self._assumed / (1 + float(seen[0].sum()) / _PSEUDO)

    def choose(self, context: Context, view: float, random: Random | None) -> Choice:
        score = self.score(context.prompt)
        needed = score is not None and score >= view
        wanted, stayed = self._held(context, score, view, self.strong if needed else self.weak)
        quality = self._priors.of(context.prompt)
        utility = self._utility(0.0 if score is None else score - view, quality)
        ranked = np.array([*utility])
        ranked[wanted] = max(ranked.max(), ranked[wanted]) + 1e-6
        able = np.array([context.pools(model).healthy for model in self.models])
        ranked = ranked if able.all() or not able.any() else np.where(able, ranked, ranked - DOWN)
        order = np.argsort(-ranked, kind="stable")
        return Choice(
            tuple(self.models[place] for place in order),
            "threshold",
            scores=self._named(utility),
            reason=self._reason(score, view, int(order[0]), wanted, stayed),
            quality=self._named(quality),
            shares={model: float(place == order[0]) for place, model in enumerate(self.models)},
            strong=score,
            stayed=stayed and int(order[0]) == wanted,
        )

    def observe(self, context: Context, choice: Choice) -> Sums:
        if not self.learns or choice.strong is None:
            return NOTHING
        counted = np.zeros((3, BINS))
        place = min(int(choice.strong * BINS), BINS - 1)
        counted[:, place] = (1.0, *self._costs(context))
        return Sums(1, {"scores": counted})

    def _held(self, context: Context, score: float | None, view: float, wanted: int) -> tuple[int, bool]:
        """A conversation goes on with its model, unless the score is further from the threshold than that costs."""
        previous, names = context.previous, (self.models[self.strong], self.models[self.weak])
        if previous is None or not self.options.stay or previous.pool not in names:
            return wanted, False
        held = self.models.index(previous.pool)
        near = score is None or abs(score - view) < self.options.stay * switching_cost(previous)
        return (held, held != wanted) if near else (wanted, False)

    def _utility(self, beyond: float, quality: Doubles) -> Doubles:
        """[models], such that the strong one's lead over the weak one is how far the score is beyond the threshold.
        The others come after both, by their prior quality."""
        found = quality - 2.0
        found[self.strong], found[self.weak] = beyond / 2, -beyond / 2
        return found

    def _reason(self, score: float | None, view: float, first: int, wanted: int, stayed: bool) -> str:
        name = self.models[first]
        if first != wanted:
            return f"{name}, because {self.models[wanted]} has no live endpoint"
        if stayed:
            return f"the conversation stays with {name}: a switch would cost more than it gains"
        if score is None:
            return f"{name}, because nothing is known of the prompt"
        if first == self.strong:
            return f"the prompt needs {name}: {score:.3f} is at least the threshold of {view:.3f}"
        return f"{name} will do: {score:.3f} is below the threshold of {view:.3f}"

    def _costs(self, context: Context) -> tuple[float, float]:
        """USD at the weak and at the strong model."""
        pair = [self.candidates[self.weak], self.candidates[self.strong]]
        lengths = output_tokens(context, [context.forecast(candidate.name) for candidate in pair])
        weak, strong = (_cost(c, context.facts.prompt_tokens, n) for c, n in zip(pair, lengths, strict=True))
        return weak, strong

    def _spend(self, requests: Doubles, strong: Doubles) -> float:
        """USD that all the requests may cost."""
        cost = self.options.cost
        if isinstance(cost, str):
            return float(cost.removesuffix("%")) / 100 * float(strong.sum())
        return float(cost or 0.0) / 1000 * float(requests.sum())

    def _histogram(self, mean: float, deviation: float) -> Doubles:
        """[3, bins]: requests, and what they would cost at the weak and at the strong model."""
        middles = (np.arange(BINS) + 0.5) / BINS
        dense = np.exp(-0.5 * ((middles - mean) / deviation) ** 2)
        requests = _PSEUDO * dense / dense.sum()
        pair = (self.candidates[self.weak], self.candidates[self.strong])
        return np.stack((requests, *(requests * _cost(c, _PROMPT_TOKENS, OUTPUT_TOKENS) for c in pair)))

    def _named(self, values: Any) -> dict[str, float]:
        return dict(zip(self.models, np.asarray(values).tolist(), strict=True))


def _cost(candidate: Candidate, prompt: float, answer: float) -> float:
    return (candidate.input_price * prompt + candidate.output_price * float(answer)) / 1e6


def _cut(amounts: Doubles, wanted: float) -> float:
    """The score above which the bins hold `wanted` in all; within a bin all scores are taken to be equally frequent."""
    above = np.cumsum(amounts[::-1])
    if wanted <= 0:
        return float(np.nextafter(1.0, 2.0))
    if wanted >= above[-1] * (1 - 1e-9):
        return 0.0
    place = int(np.searchsorted(above, wanted))
    before = above[place - 1] if place else 0.0
    part = (wanted - before) / (above[place] - before)
    return float((BINS - place - part) / BINS)
