"""`pointsman bench cache`: how many questions the cache answers, how many of them wrong, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from pointsman.bench.cache import limits, lookup, pairs, plots, relief, streams, world
from pointsman.bench.cache.lookup import Shape
from pointsman.bench.cache.playing import Became, vectors_of
from pointsman.bench.cache.world import HOUR
from pointsman.bench.quality.figures import Figure, Target, summary
from pointsman.bench.quality.run import model_versions
from pointsman.bench.quality.sets import Sets
from pointsman.bench.report import Report, Table
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.encoder.onnx import OnnxEncoder

_SHORT = 60
"""Characters of a short prompt, about sixteen tokens."""
_P99 = {100_000: 1000.0, 1_000_000: 2000.0}
"""µs of a lookup by entries."""


@dataclass(frozen=True, slots=True)
class Effort:
    streams: streams.Effort = field(default_factory=streams.Effort)
    pairs: pairs.Effort = field(default_factory=pairs.Effort)
    limits: limits.Effort = field(default_factory=limits.Effort)
    shapes: tuple[Shape, ...] = lookup.SHAPES[:-1]
    rounds: int = lookup.ROUNDS


FULL = Effort(shapes=lookup.SHAPES)
QUICK = Effort(streams.QUICK, pairs.QUICK, limits.QUICK, lookup.QUICK, 50)


def run(
    folder: Path,
    effort: Effort,
    images: Path | None,
    say: Callable[[str], None],
    encoder: Encoder | None = None,
) -> Report:
    """Without the folder's sets only what is made up is measured."""
    encoder, sets = encoder or OnnxEncoder(), Sets(folder)
    if missing := sets.missing(world.FILES):
        say(f"The cache is measured on made-up questions alone: the data folder has no {', '.join(missing)}")
    hours, resamples = effort.streams.hours, effort.streams.resamples
    asks = world.asks(world.kinds(sets, effort.streams.rows), effort.streams.asks, hours * HOUR)
    vectors = vectors_of(asks, encoder)
    found = streams.measure(asks, vectors, effort.streams, say)
    say("cache: load …")
    relieved = relief.measure(asks, vectors, hours)
    if images is not None:
        plots.draw(found, relieved, images, say)
    judged = pairs.run(folder, effort.pairs, say, encoder)
    times = lookup.run(effort.shapes, effort.rounds, say)
    prompts = [text for text in dict.fromkeys(ask.text for ask in asks) if len(text) <= _SHORT]
    bounds = limits.figures(effort.limits, prompts, encoder, say)
    figures = [
        *streams.figures(found, effort.streams), *relief.figures(relieved, resamples), *bounds, *_lookups(times),
    ]  # fmt: skip
    rate = float((found.played[streams.OURS.name].became != Became.MISS).mean())
    pays = limits.break_even(next(f.value for f in bounds if f.name.startswith("a miss")) / 1000, rate, 20_000)
    tables = (
        _without_floors(summary("The cache", figures)), *streams.tables(found), relief.table(relieved), *times.tables,
        pays, *(judged.tables if judged is not None else ()),
    )  # fmt: skip
    data = {
        "effort": asdict(effort), "model": model_versions(), "figures": [asdict(figure) for figure in figures],
        "points": streams.points(found), "lookups": times.data, "pairs": judged.data if judged is not None else None,
        "questions": len(np.unique([ask.text for ask in asks])),
    }  # fmt: skip
    return Report("cache", tables, data)


def _without_floors(table: Table) -> Table:
    """Of questions; those of the cache are policies."""
    return Table(table.title, table.columns[:-3], tuple(row[:-3] for row in table.rows))


def _lookups(times: Report) -> list[Figure]:
    none = (float("nan"), float("nan"))
    return [
        Figure(
            f"p99 of a similar text's lookup, {shape['entries']:,} entries in {shape['scopes']:,} scopes, µs of CPU",
            shape["similar_cpu_p99"], times.data["rounds"], none, Target(_P99[shape["entries"]], at_most=True),
        )
        for shape in times.data["shapes"] if shape["entries"] in _P99
    ]  # fmt: skip
