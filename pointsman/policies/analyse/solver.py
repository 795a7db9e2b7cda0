"""A Boolean formula as clauses, and questions about it. The only place that knows the SAT library."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

EFFORT: Final = 100_000_000
"""Of one analysis, in variables that were given a value; some seconds, however a policy is written."""

_ASSUMPTION: Final = 3  # variables that take as long as one assumption
_CONFLICT: Final = 1000  # and as one conflict of the search
_MOST_CONFLICTS: Final = 20_000


class Solver:
    """Variables are numbers from 1, a negative one is the opposite; TRUE always holds.

    MiniSat (Eén and Sörensson, 2003) keeps what it has learned from one question to the next."""

    TRUE: Final = 1

    def __init__(self, effort: int = EFFORT) -> None:
        from pysat.solvers import Minisat22  # slow to import: only an analysis pays for it

        self._solver: Any = Minisat22()
        self._gates: dict[tuple[int, ...], int] = {}
        self._variables = 1
        self._effort = effort
        self._conflicts = 0
        self.exhausted = False  # some question stayed without an answer
        self.require(self.TRUE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._solver.delete()

    def variable(self) -> int:
        self._variables += 1
        return self._variables

    def require(self, *literals: int) -> None:
        """At least one of them holds."""
        self._solver.add_clause(literals)

    def both(self, *literals: int) -> int:
        """A literal that holds exactly if all of these hold."""
        different = {self.TRUE, *literals}
        if any(-literal in different for literal in different):
            return -self.TRUE
        wanted = tuple(sorted(different - {self.TRUE}))
        if len(wanted) < 2:
            return wanted[0] if wanted else self.TRUE
        if wanted not in self._gates:
            gate = self._gates[wanted] = self.variable()
            for literal in wanted:
                self.require(-gate, literal)
            self.require(gate, *(-literal for literal in wanted))
        return self._gates[wanted]

    def either(self, *literals: int) -> int:
        """A literal that holds exactly if one of these or several hold."""
        return -self.both(*(-literal for literal in literals))

    def model(self, assumptions: Sequence[int]) -> frozenset[int] | None:
        """The literals that hold in some case where all assumptions do. None if there is none, or none was found."""
        return frozenset(self._solver.get_model()) if self._ask(assumptions) else None

    def impossible(self, assumptions: Sequence[int]) -> bool:
        """Surely not all at once."""
        return self._ask(assumptions) is False

    def core(self, given: Sequence[int], assumptions: Sequence[int]) -> list[int]:
        """Those assumptions that are impossible together where all that is given holds: none of them can be left out.
        Later ones are dropped first. Empty if they are possible, or if what is given is impossible already."""
        core = self._core(given, assumptions) or []
        for literal in reversed(core[:]):
            if literal in core:
                smaller = self._core(given, [other for other in core if other != literal])
                core = core if smaller is None else smaller
        return core

    def _core(self, given: Sequence[int], assumptions: Sequence[int]) -> list[int] | None:
        if not self.impossible([*given, *assumptions]):
            return None
        found = set(self._solver.get_core() or ())
        return [literal for literal in dict.fromkeys(assumptions) if literal in found]

    def _ask(self, assumptions: Sequence[int]) -> bool | None:
        self._effort -= self._variables + _ASSUMPTION * len(assumptions)
        if self._effort < 0:
            self.exhausted = True
            return None
        self._solver.conf_budget(_MOST_CONFLICTS)
        answer: bool | None = self._solver.solve_limited(assumptions=assumptions)
        conflicts = self._solver.accum_stats()["conflicts"]
        self._effort -= _CONFLICT * (conflicts - self._conflicts)
        self._conflicts = conflicts
        self.exhausted |= answer is None
        return answer
