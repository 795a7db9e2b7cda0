"""Each rule finds one kind of difference that another answer belongs to. The first that finds one is told."""

from __future__ import annotations

from collections.abc import Callable

from pointsman.cache.guard.alignment import Difference
from pointsman.cache.guard.asking import action, person, question, tense
from pointsman.cache.guard.figures import dates, identifiers, numbers, units
from pointsman.cache.guard.finding import Finding
from pointsman.cache.guard.order import direction
from pointsman.cache.guard.polarity import negation, opposites, places, quantifiers, superlatives

Rule = Callable[[Difference], Finding | None]

RULES: tuple[Rule, ...] = (
    quantifiers,
    opposites,
    negation,
    identifiers,
    numbers,
    units,
    dates,
    places,
    superlatives,
    question,
    action,
    person,
    tense,
    direction,
)
