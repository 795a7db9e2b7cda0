"""`type: projection`: other signals as one number, as bands of it, or the strongest of a group."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from pointsman.signals.base import UNKNOWN, LabelCount, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.derived import Ask, Derived, Input, strength
from pointsman.signals.options import Text, exactly_one
from pointsman.signals.text import as_label

_HUGE = 1e9  # so that no sum becomes infinite


def _label(text: str) -> str:
    if as_label(text) != text:
        raise ValueError(f"a label is lower case with underscores; write {as_label(text) or 'a name'}")
    return text


Label: TypeAlias = Annotated[Text, AfterValidator(_label)]
Weight: TypeAlias = Annotated[float, Field(ge=-_HUGE, le=_HUGE)]


class ProjectionOptions(SignalOptions):
    type: Literal["projection"]
    weights: dict[Text, Weight] | None = Field(None, min_length=1)
    bias: Weight = 0.0
    bands: dict[Label, float | None] | None = Field(None, min_length=2)
    """Where each band ends, from the lowest up; the last has no end."""
    group: dict[Label, Text] | None = Field(None, min_length=2)
    threshold: float = 0.5

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        exactly_one(self, "weights", "group")
        for key, other in (("bias", "weights"), ("bands", "weights"), ("threshold", "group")):
            if key in self.model_fields_set and getattr(self, other) is None:
                raise ValueError(f"`{key}` goes with `{other}`; remove one of them, or use two signals")
        if self.bands is not None:
            _rise(self.bands)
        return self


def _rise(bands: Mapping[str, float | None]) -> None:
    *ends, last = bands.values()
    if last not in (None, inf):
        raise ValueError(f"the last band holds whatever is higher; write `{list(bands)[-1]}: null`")
    finite = [end for end in ends if end is not None and abs(end) != inf]
    if len(finite) < len(ends) or any(low >= high for low, high in pairwise(finite)):
        raise ValueError("each band but the last needs the number where it ends, and these must rise")


class Projection(Derived[ProjectionOptions]):
    Options = ProjectionOptions

    def __init__(self, name: str, options: ProjectionOptions) -> None:
        super().__init__(name, options)
        self._inputs = [Input.at(text, "weights", text) for text in options.weights or ()]
        self._inputs += [Input.at(text, "group", label) for label, text in (options.group or {}).items()]
        self._bands = list(options.bands or ())
        self.label_count = LabelCount.ONE if options.bands else LabelCount.AT_MOST_ONE
        self._ends = [end for end in list((options.bands or {}).values())[:-1] if end is not None]

    @property
    def shape(self) -> Shape:
        return Shape.LABEL if self.options.bands or self.options.group else Shape.NUMBER

    @property
    def known_labels(self) -> frozenset[str] | None:
        labels = self.options.bands or self.options.group
        return frozenset(labels) if labels else None

    @property
    def inputs(self) -> Sequence[Input]:
        return self._inputs

    def connect(self, signals: Mapping[str, Signal[Any]]) -> None:
        """Those without weight are never asked, and the cheap ones before the dear ones."""
        super().connect(signals)
        weights = self.options.weights or dict.fromkeys(self.options.group or (), 1.0)
        needed = [found for found in self._inputs if weights[found.keys[-1]]]
        self._terms = [
            (weights[found.keys[-1]], found) for found in sorted(needed, key=lambda found: signals[found.name].cost)
        ]
        self.cost = max((signals[found.name].cost for found in needed), default=Signal.cost)

    def combine(self, ask: Ask) -> SignalValue:
        strengths: dict[str, float] = {}
        total = self.options.bias
        for weight, found in self._terms:
            value = strength(ask(found.name), found.label)
            if value is None:
                return UNKNOWN
            strengths[found.keys[-1]] = value
            total += weight * value
        if self.options.group is not None:
            return self._strongest({label: strengths[label] for label in self.options.group})
        return SignalValue(self._bands[bisect_right(self._ends, total)] if self._bands else total)

    def _strongest(self, labels: Mapping[str, float]) -> SignalValue:
        best = max(labels, key=labels.__getitem__)
        value = best if labels[best] >= self.options.threshold else ()
        return SignalValue(value, min(max(labels[best], 0.0), 1.0), labels)
