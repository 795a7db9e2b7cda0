"""What the selectors have in common that know from a file how good each model's past answers were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pointsman.policies.select.context import Candidate, Doubles
from pointsman.policies.select.quality import DEFAULT
from pointsman.signals import outcomes
from pointsman.signals.outcomes import Outcomes, Table

Data = Annotated[str, Field(min_length=1)]


def read(data: str, candidates: Sequence[Candidate]) -> Table:
    """ValueError if it cannot be used, or knows none of them."""
    table = outcomes.load(Path(data))
    if all(place is None for place in columns(table.outcomes, candidates)):
        known = ", ".join(table.outcomes.models)
        raise ValueError(f"{data} knows none of the `models`, by pool or by the pool's `model`; it has: {known}")
    return table


def columns(known: Outcomes, candidates: Sequence[Candidate]) -> list[int | None]:
    """Where each stands in the table; None: it is not there."""
    places = {name: place for place, name in enumerate(known.models)}
    return [places.get(candidate.name, places.get(candidate.model)) for candidate in candidates]


def informed(known: Outcomes, candidates: Sequence[Candidate]) -> list[Candidate]:
    """With the mean of the table as the prior quality of those that state none."""
    means = of(columns(known, candidates), known.means[None], np.nan)[0]
    return [
        candidate
        if DEFAULT in candidate.quality or np.isnan(mean)
        else candidate._replace(quality={**candidate.quality, DEFAULT: float(np.clip(mean, 0, 1))})
        for candidate, mean in zip(candidates, means, strict=True)
    ]


def of(places: Sequence[int | None], values: Doubles, missing: float = 0.0) -> Doubles:
    """[rows, models of the table] → [rows, candidates]"""
    found = np.full((len(values), len(places)), missing)
    for candidate, place in enumerate(places):
        if place is not None:
            found[:, candidate] = values[:, place]
    return found
