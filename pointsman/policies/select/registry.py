"""Every selector. A new one is a file in this directory and one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.cascade import CascadeSelector
from pointsman.policies.select.clusters import Clusters
from pointsman.policies.select.context import Candidate
from pointsman.policies.select.elo import Elo
from pointsman.policies.select.fused import Fused
from pointsman.policies.select.hybrid import hybrid_of
from pointsman.policies.select.knn import Knn
from pointsman.policies.select.latency import Latency
from pointsman.policies.select.linucb import LinUcb
from pointsman.policies.select.parallel import Parallel
from pointsman.policies.select.round_robin import RoundRobin
from pointsman.policies.select.static import Static, StaticOptions
from pointsman.policies.select.thompson import Thompson
from pointsman.policies.select.threshold import Threshold
from pointsman.policies.select.weighted import Weighted

__all__ = ["SELECTORS", "SelectConfig", "StaticOptions", "build"]

_PARTS: Mapping[str, type[Selector[Any]]] = {
    "weighted": Weighted,
    "latency": Latency,
    "fused": Fused,
    "knn": Knn,
    "clusters": Clusters,
    "linucb": LinUcb,
    "thompson": Thompson,
    "elo": Elo,
}
"""Those whose scores say how good each model is: they can be parts of a hybrid, too."""

SELECTORS: Mapping[str, type[Selector[Any]]] = {
    "static": Static,
    "round_robin": RoundRobin,
    **_PARTS,
    "hybrid": hybrid_of(_PARTS),
    "threshold": Threshold,
    "cascade": CascadeSelector,
    "parallel": Parallel,
}

if TYPE_CHECKING:
    SelectConfig: TypeAlias = SelectOptions
else:
    _ALL = reduce(or_, (selector.Options for selector in SELECTORS.values()))
    SelectConfig = Annotated[_ALL, Field(discriminator="by")]
    """A decision's `select:`."""


def build(options: SelectOptions, candidates: Sequence[Candidate]) -> Selector[Any]:
    """`ValueError` with the fix if the options do not fit the models."""
    return SELECTORS[options.by](options, candidates)
