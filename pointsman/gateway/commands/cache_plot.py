"""Precision by hit rate as a picture, if matplotlib is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pointsman.gateway.commands.cache_tune import Tuned

_COLOURS = {True: "#0072b2", False: "#e69f00"}
_LABELS = {True: "with the guard", False: "without"}
_COLUMNS = 3


def draw(found: Sequence[Tuned], error: float, path: Path) -> str | None:
    """A panel for each category; what there is to say of it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "there is no plot: it needs matplotlib (pip install 'pointsman[bench]')"
    columns = min(_COLUMNS, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(4.5 * columns, 3.8 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, each in zip(panels, found, strict=False):
        _panel(axes, each, error)
    for axes in panels[len(found) :]:
        axes.set_visible(False)
    figure.savefig(path, dpi=100, format="png", metadata={"Software": None})
    return None


def _panel(axes: Any, tuned: Tuned, error: float) -> None:
    for guard, curve in tuned.curves.items():
        axes.plot(100 * curve.hits, 100 * curve.right, color=_COLOURS[guard], label=_LABELS[guard], drawstyle="steps")
    for each in tuned.choices:
        if each.wrong is not None:
            axes.plot(100 * each.hits, 100 * (1 - each.wrong), "o", color=_COLOURS[each.guard])
            axes.annotate(
                f"{each.threshold:.3f}", (100 * each.hits, 100 * (1 - each.wrong)),
                xytext=(5, 5 if each.guard else -12), textcoords="offset points", color=_COLOURS[each.guard],
            )  # fmt: skip
    axes.axhline(100 * (1 - error), color="#999999", linestyle=":", label=f"{error:.1%} wrong")
    axes.set_title(f"{tuned.name} ({tuned.pairs - tuned.chosen_on:,} pairs)")
    axes.set_xlabel("hits, % of the pairs")
    axes.set_ylabel("right, % of the hits")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower left")
