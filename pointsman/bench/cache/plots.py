"""The same as pictures, if matplotlib is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pointsman.bench.cache import relief, streams
from pointsman.bench.cache.relief import Relieved
from pointsman.bench.cache.streams import Streams
from pointsman.bench.cache.world import HOUR

_GREY, _BLUE, _ORANGE = "#999999", "#0072b2", "#e69f00"
_COLOURS = {streams.EXACT.name: "#000000", streams.GPTCACHE.name: _ORANGE, streams.OURS.name: _BLUE,
            streams.VERIFIED.name: "#009e73"}  # fmt: skip
_POINTS = 240
"""Of a curve over time."""


def draw(found: Streams, relieved: Relieved, folder: Path, say: Callable[[str], None]) -> None:
    """`cache-precision.png` and `cache-loosening.png`."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        say("There are no plots: they need matplotlib (pip install 'pointsman[bench]')")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("precision", "loosening"):
        figure = Figure(figsize=(7.0, 4.2), layout="constrained")
        if name == "precision":
            _precision(figure.subplots(), found)
        else:
            _loosening(figure.subplots(), relieved)
        figure.savefig(folder / f"cache-{name}.png", dpi=80, metadata={"Software": None})


def _precision(axes: Any, found: Streams) -> None:
    points = streams.points(found)
    single = points["single"]
    axes.plot([100 * rate for _, rate, _ in single], [100 * right for _, _, right in single], marker=".", color=_GREY,
              label="one threshold for all")  # fmt: skip
    for name, rate, right in points["policies"]:
        axes.plot([100 * rate], [100 * right], marker="o", linestyle="", color=_COLOURS[name], label=name)
    axes.set_xlabel("hits, % of the lookups")
    axes.set_ylabel("right, % of the hits")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def _loosening(axes: Any, found: Relieved) -> None:
    when = np.array([ask.when / HOUR for ask in found.asks])
    for values, label, colour in (
        (found.stiff.load, f"load, {relief.STIFF.name}", _GREY),
        (found.loose.load, f"load, {relief.LOOSE.name}", _BLUE),
        (found.loose.relief, "loosening", _ORANGE),
    ):
        parts = np.array_split(np.arange(len(when)), min(_POINTS, len(when)))
        middles, heights = ([of[part].mean() for part in parts] for of in (when, values))
        axes.plot(middles, heights, color=colour, label=label)
    axes.set_xlabel("hours")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
