"""The same as pictures, if matplotlib is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pointsman.bench.fleet.contestants import RANDOM
from pointsman.bench.fleet.outcome import Outcome
from pointsman.bench.fleet.sweep import Sweep
from pointsman.bench.fleet.tables import Fleet

_COLOURS = {
    RANDOM: "#999999", "round_robin": "#e69f00", "peak_ewma": "#cc79a7", "least_load": "#0072b2", "session": "#009e73",
}  # fmt: skip
_PANELS: Sequence[tuple[str, Callable[[Outcome], float]]] = (
    ("served well, %", lambda found: 100 * found.good),
    ("p99 of time to first token, s", lambda found: found.first_token[2]),
)


def draw(fleets: Sequence[Fleet], sweep: Sweep, folder: Path, say: Callable[[str], None]) -> None:
    """`fleet-TRACE.png`: a column for each number of instances."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        say("There are no plots: they need matplotlib (pip install 'pointsman[bench]')")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for source, group in groupby(fleets, lambda fleet: fleet.source):
        columns = list(group)
        figure = Figure(figsize=(4.5 * len(columns), 6.5), layout="constrained")
        panels = figure.subplots(len(_PANELS), len(columns), sharex=True, squeeze=False)
        for number, fleet in enumerate(columns):
            for row, (label, value) in enumerate(_PANELS):
                _panel(panels[row][number], fleet, sweep, label, value)
            panels[0][number].set_title(fleet.title)
            panels[-1][number].set_xlabel("load, % of the capacity")
        panels[0][0].legend(frameon=False)
        figure.savefig(folder / f"fleet-{source.name}.png", dpi=80, metadata={"Software": None})


def _panel(axes: Any, fleet: Fleet, sweep: Sweep, label: str, value: Callable[[Outcome], float]) -> None:
    loads = fleet.effort.loads
    for balancer in fleet.balancers:
        heights = [value(sweep.found[fleet.case(balancer, load)]) for load in loads]
        axes.plot([100 * load for load in loads], heights, marker="o", label=balancer, color=_COLOURS[balancer])
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
