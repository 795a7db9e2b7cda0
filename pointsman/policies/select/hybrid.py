"""The scores of several selectors, each with its share.

Each part's scores are brought to [0, 1], from its worst candidate to its best, before they are added up: a part counts
by its share and not by the unit in which it measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, Strict, create_model, field_validator

from pointsman.policies.select.base import Rewarded, SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context, Doubles
from pointsman.policies.select.learned import exploring
from pointsman.policies.select.scored import Estimates, Number, Scored, ScoredOptions, certain
from pointsman.policies.select.sums import NOTHING, Discount, Sums, under, within
from pointsman.policies.types import Choice
from pointsman.signals.encoder.encoding import Encoder

if TYPE_CHECKING:
    from random import Random

MAX_PARTS = 8
Share = Annotated[float, Strict(), Field(gt=0, le=1_000_000)]


class HybridOptions(ScoredOptions):
    by: Literal["hybrid"]
    """Adds up the scores of several selectors."""
    parts: list[Any] = Field(min_length=2, max_length=MAX_PARTS)
    """Selectors by name, each with its `share` of the score and its own options; `weights` hold for those without."""
    explore: Number = Field(default=0.02, ge=0, le=1)
    """Share of the requests that are spread evenly over all models, so that each stays known and can be evaluated."""

    @field_validator("parts")
    @classmethod
    def _distinct(cls, parts: list[Any]) -> list[Any]:
        names = [part.by for part in parts]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"`{name}` is among the parts twice; name each selector once")
        return parts

    def asks(self) -> Mapping[tuple[str, ...], str]:
        return {
            ("parts", str(n), *keys): pool for n, part in enumerate(self.parts) for keys, pool in part.asks().items()
        }


class Told(NamedTuple):
    """By one part; [models] each."""

    scores: Doubles  # NaN: none
    quality: Doubles | None


class Hybrid(Scored[HybridOptions]):
    Options = HybridOptions
    selectors: ClassVar[Mapping[str, type[Selector[Any]]]] = {}

    def __init__(self, options: HybridOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self._parts = {part.by: self._built(part, candidates) for part in options.parts}
        shares = np.array([part.share for part in options.parts], np.float64)
        self._shares = shares / shares.sum()
        self.learns = any(part.learns for part in self._parts.values())
        self.discount = {
            f"{name}/{beginning}": rate
            for name, part in self._parts.items()
            for beginning, rate in _by_beginning(part.discount).items()
        }

    def _built(self, part: SelectOptions, candidates: Sequence[Candidate]) -> Selector[Any]:
        if isinstance(part, ScoredOptions) and "weights" not in part.model_fields_set:
            part = part.model_copy(update={"weights": self.options.weights})
        return self.selectors[part.by](part, candidates)

    def prepare(self, encoder: Encoder) -> None:
        for part in self._parts.values():
            part.prepare(encoder)

    def view(self, sums: Sums) -> Sequence[Any]:
        return [part.view(within(f"{name}/", sums)) for name, part in self._parts.items()]

    def learn(self, rewarded: Rewarded) -> Sums:
        return self._together(lambda part: part.learn(rewarded))

    def observe(self, context: Context, choice: Choice) -> Sums:
        return self._together(lambda part: part.observe(context, choice))

    def _together(self, told: Callable[[Selector[Any]], Sums]) -> Sums:
        found = [under(f"{name}/", told(part)) for name, part in self._parts.items()]
        count = max(sums.count for sums in found)
        arrays = {key: array for sums in found for key, array in sums.arrays.items()}
        return Sums(count, arrays) if count or arrays else NOTHING

    def choose(self, context: Context, view: Sequence[Any], random: Random | None) -> Choice:
        told = self._asked(context, view)
        utility = self._shares @ np.stack([_ranked(part.scores) for part in told])
        return self._choice(context, self._expected(context, told), utility, random)

    def estimate(self, context: Context, view: Sequence[Any]) -> Estimates:
        return self._expected(context, self._asked(context, view))

    def shares(self, utility: Doubles, estimates: Estimates) -> Doubles:
        return exploring(certain(utility), utility, self.options.explore)

    def _asked(self, context: Context, view: Sequence[Any]) -> list[Told]:
        return [self._told(part, context, known) for part, known in zip(self._parts.values(), view, strict=True)]

    def _told(self, part: Selector[Any], context: Context, view: Any) -> Told:
        if isinstance(part, Scored) and type(part).choose is Scored.choose:  # the same as below, in half the time
            mean = part.estimate(context, view).mean
            return Told(part.worth.of(context, mean), mean)
        choice = part.choose(context, view, None)
        scores, quality = (
            np.array([told.get(model, np.nan) for model in self.models]) for told in (choice.scores, choice.quality)
        )
        return Told(scores, quality if np.isfinite(quality).all() else None)

    def _expected(self, context: Context, told: Sequence[Told]) -> Estimates:
        """The mean of the parts that say something of quality; what is expected a priori if none does."""
        parts = zip(self._shares, told, strict=True)
        knowing = [(share, part.quality) for share, part in parts if part.quality is not None]
        if not knowing:
            return Estimates(self.priors.of(context.prompt))
        counts = np.array([share for share, _ in knowing])
        return Estimates(counts @ np.stack([quality for _, quality in knowing]) / counts.sum())


def _ranked(scores: Doubles) -> Doubles:
    """[models], the best 1 and the worst 0; a part that does not tell them apart says nothing."""
    known = np.isfinite(scores)
    if not known.any():
        return np.zeros(len(scores))
    least, most = scores[known].min(), scores[known].max()
    return np.where(known, (scores - least) / (most - least), 0.0) if most > least else np.zeros(len(scores))


def _by_beginning(discount: Discount) -> Mapping[str, float]:
    return discount if isinstance(discount, Mapping) else {"": discount}


def hybrid_of(selectors: Mapping[str, type[Selector[Any]]]) -> type[Hybrid]:
    """A hybrid whose parts may be these."""
    parts = [_part(selector.Options) for selector in selectors.values()]
    several: Any = GenericAlias(list, (Annotated[reduce(or_, parts), Field(discriminator="by")],))
    described = HybridOptions.model_fields["parts"].description
    field = Field(min_length=2, max_length=MAX_PARTS, description=described)
    options = create_model("HybridOptions", __base__=HybridOptions, parts=(several, field))
    return type("Hybrid", (Hybrid,), {"Options": options, "selectors": selectors})


def _part(options: type[SelectOptions]) -> Any:
    share: Any = (Share, Field(description="How much its score counts, relative to the other parts'."))
    return create_model(f"{options.__name__}Part", __base__=options, share=share)
