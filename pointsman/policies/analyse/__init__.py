"""What is probably not meant in a policy that can be used. Pure: decisions in, findings out.

Conditions are Boolean functions of the signals, so whether a decision can ever win is a question for a SAT solver:
is there a request for which its condition holds and none before it does? What no signal values can show is never
claimed; what they can show comes with an example."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pointsman.policies.analyse.constant import constant
from pointsman.policies.analyse.cost import Rates, surprises
from pointsman.policies.analyse.finding import Finding, limited
from pointsman.policies.analyse.model import Model
from pointsman.policies.analyse.overlaps import defeated, overlapping
from pointsman.policies.analyse.parts import needless
from pointsman.policies.analyse.reach import always, gap, never, shadowed
from pointsman.policies.analyse.solver import EFFORT, Solver
from pointsman.policies.analyse.subjects import Signals
from pointsman.policies.analyse.unused import unrouted_pools, unused_signals
from pointsman.policies.decide import tiers
from pointsman.policies.types import Decision, Strategy

__all__ = ["Finding", "Rates", "analyse", "constant"]

_TOO_HARD = "these conditions are too complex to be analysed completely; there may be more to find"


def analyse(
    decisions: Sequence[Decision],
    signals: Signals,
    pools: Mapping[str, Rates],
    alone: Collection[str] | None = None,
    strategy: Strategy = "priority",
    effort: int = EFFORT,
) -> list[Finding]:
    """`alone` are the signals that no other signal is made of; without it all. The conditions have no
    `resolve.problems`."""
    with Solver(effort) as solver:
        model = Model(solver, tiers(decisions, strategy), signals)
        kinds = [
            (never(model), "decisions that never hold"),
            (always(model), "decisions that always hold"),
            (shadowed(model), "decisions that are never reached"),
            (gap(model), "requests that no decision matches"),
            (defeated(model), "decisions that do not answer all requests that they hold for"),
            (needless(model), "parts of conditions that add nothing"),
            (overlapping(model), "decisions that have requests in common with others of their priority"),
            (unused_signals(model, signals if alone is None else alone), "signals that no decision uses"),
            (unrouted_pools(model, pools), "pools that no decision reaches"),
            (surprises(model, pools), "decisions that try a dear pool first"),
        ]
        found = [finding for kind, noun in kinds for finding in limited(kind, noun)]
        return [*found, Finding("info", _TOO_HARD)] if solver.exhausted else found
