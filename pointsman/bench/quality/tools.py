"""Which of the offered tools fit: MetaTool with all of its plugins offered, and BFCL with the few of each question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pointsman.bench.parts import is_test
from pointsman.bench.quality.asking import Body, chat
from pointsman.bench.quality.figures import Bench, Figure, Measured, Target
from pointsman.bench.quality.floors import LENGTH, MAJORITY, WORDS, Floors, character_similarity, have_words
from pointsman.bench.quality.metrics import Classes, Numbers, auroc
from pointsman.bench.quality.sets import Row, thin
from pointsman.signals.base import SignalValue

CALLS = "metatool/single_tool.dev.jsonl.gz"
PLUGINS = "metatool/plugin_des.json"
FUNCTIONS = "bfcl_tools/tools.dev.jsonl"
FILES = (CALLS, PLUGINS, FUNCTIONS)
_TOP = 5
_PAST = 5  # calls of each tool

Offered = Mapping[str, str]
"""Descriptions by name."""


def measure(bench: Bench) -> Measured:
    return Measured((*_metatool(bench), *_bfcl(bench)))


def _metatool(bench: Bench) -> Iterable[Figure]:
    plugins: Offered = bench.sets.json(PLUGINS)
    train, test = bench.sets.parts(CALLS)
    rows = thin([row for row in test if row["tool"] in plugins], bench.effort.rows // 2)
    queries, wanted = [row["query"] for row in rows], [row["tool"] for row in rows]
    past = _past(train)
    new = np.array([is_test(tool) for tool in wanted], bool)  # the projection has not seen them
    known = {name: [f"{name} {text}"] for name, text in plugins.items()}
    told = {name: [*texts, *past.get(name, ())] for name, texts in known.items()}
    cases: tuple[tuple[str, Mapping[str, Sequence[str]], Mapping[str, Sequence[str]], tuple[float, float]], ...] = (
        ("from descriptions alone", {}, known, (0.55, 0.80)),
        (f"with up to {_PAST} past calls of each", past, told, (0.80, 0.93)),
    )
    for title, calls, words, targets in cases:
        ranked = rank(bench, [(query, plugins) for query in queries], calls)
        by_words = _by_words(queries, words) if have_words() else None
        for top, target in zip((1, _TOP), targets, strict=True):
            floors = {MAJORITY: top / len(plugins)}  # any of them: no tool is asked for much more than others
            if by_words is not None:
                floors[WORDS] = float(_hits(by_words, wanted, top).mean())
            name, hits = f"tools, {len(plugins)} offered, {title}: top-{top}", _hits(ranked, wanted, top)
            yield _mean(bench, name, hits, Target(target), floors)
            if new.any():
                yield _mean(bench, f"{name}, of tools that nothing was trained on", hits[new], None, {})


def _bfcl(bench: Bench) -> Iterable[Figure]:
    rows = thin(bench.sets.parts(FUNCTIONS)[1], bench.effort.others)
    offered = [{function["name"]: function["description"] for function in row["functions"]} for row in rows]
    values = _ask(bench, [(row["query"], tools) for row, tools in zip(rows, offered, strict=True)])
    needed = np.array([row["relevant"] == 1 for row in rows], bool)
    scores = np.array([value.score or 0.0 for value in values], np.float64)
    by_words, lengths = _best(rows, offered), np.array([float(len(row["query"])) for row in rows])

    def statistic(chosen: Classes) -> float:
        return auroc(needed[chosen], scores[chosen])

    floors: Floors = {LENGTH: auroc(needed, lengths)}
    if by_words is not None:
        floors[WORDS] = auroc(needed, by_words)
    yield bench.figure("tools, is any of the offered needed: AUROC", len(rows), statistic, None, floors)
    one = [place for place, row in enumerate(rows) if row["answer"] and len(row["answer"]) == 1]
    hits = _hits([ranking(values[place]) for place in one], [rows[place]["answer"][0] for place in one], 1)
    chance = [1 / len(offered[place]) for place in one]
    guess = {MAJORITY: float(np.mean(chance))} if chance else {}
    yield _mean(bench, "tools, two to four offered, one fits: top-1", hits, None, guess)


def rank(
    bench: Bench, requests: Sequence[tuple[str, Offered]], calls: Mapping[str, Sequence[str]]
) -> list[Sequence[str]]:
    """Of each query the tools, the most fitting first; `calls` are past queries by tool."""
    return [ranking(value) for value in _ask(bench, requests, calls)]


def ranking(value: SignalValue) -> Sequence[str]:
    if value.labels:
        return sorted(value.labels, key=value.labels.__getitem__, reverse=True)
    return value.value if isinstance(value.value, tuple) else ()


def _ask(
    bench: Bench, requests: Sequence[tuple[str, Offered]], calls: Mapping[str, Sequence[str]] | None = None
) -> list[SignalValue]:
    examples = {tool: list(queries) for tool, queries in (calls or {}).items()}
    signal = bench.asker.build(type="tools", top=_TOP, examples=examples)
    return bench.asker.ask(signal, [_body(query, tools) for query, tools in requests])


def _body(query: str, tools: Offered) -> Body:
    functions = ({"name": name, "description": text, "parameters": {"type": "object"}} for name, text in tools.items())
    return {**chat(query), "tools": [{"type": "function", "function": function} for function in functions]}


def _past(rows: Iterable[Row]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        calls = found.setdefault(row["tool"], [])
        if len(calls) < _PAST:
            calls.append(row["query"])
    return found


def _by_words(queries: Sequence[str], texts: Mapping[str, Sequence[str]]) -> list[Sequence[str]]:
    """By the most similar of a tool's texts."""
    pairs = [(name, text) for name, known in texts.items() for text in known]
    similar = character_similarity(queries, [text for _, text in pairs])
    return [list(dict.fromkeys(pairs[place][0] for place in np.argsort(-row, kind="stable"))) for row in similar]


def _best(rows: Sequence[Row], offered: Sequence[Offered]) -> Numbers | None:
    """The similarity of each query with the likest of its tools."""
    if not have_words() or not rows:
        return None
    texts = list(dict.fromkeys(f"{name} {text}" for tools in offered for name, text in tools.items()))
    places = {text: place for place, text in enumerate(texts)}
    similar = character_similarity([row["query"] for row in rows], texts)
    return np.array(
        [
            max(similar[row, places[f"{name} {text}"]] for name, text in tools.items())
            for row, tools in enumerate(offered)
        ]
    )


def _hits(ranked: Sequence[Sequence[str]], wanted: Sequence[str], top: int) -> Numbers:
    return np.array([name in names[:top] for names, name in zip(ranked, wanted, strict=True)], np.float64)


def _mean(bench: Bench, name: str, values: Numbers, target: Target | None, floors: Floors) -> Figure:
    return bench.figure(name, len(values), lambda rows: float(values[rows].mean()), target, floors)
