"""Queries and the tool that answers them, for matching tools by their descriptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pointsman.bench.parts import is_test
from pointsman.signals.tool_text import described
from training import model as m
from training.data import train_rows


class Pair(NamedTuple):
    query: list[int]
    description: list[int]
    tool: str


def tool_pairs(data: Path) -> Iterator[Pair]:
    """Only of tools that are not for reporting: matching is to be learned, not these tools."""
    encode = m.tokenizer().encode
    descriptions = json.loads((data / "metatool/plugin_des.json").read_text("utf-8"))
    for row in train_rows(data / "metatool/single_tool.dev.jsonl.gz"):
        name = row["tool"]
        if name in descriptions and not is_test(name):
            yield Pair(_cut(encode(row["query"]).ids), _cut(encode(described(name, descriptions[name])).ids), name)
    for row in train_rows(data / "bfcl_tools/tools.dev.jsonl"):
        for function in row["functions"]:
            if function["name"] in (row["answer"] or ()):
                text = described(function["name"], function["description"])
                yield Pair(_cut(encode(row["query"]).ids), _cut(encode(text).ids), function["name"])


def _cut(ids: list[int]) -> list[int]:
    return ids if len(ids) <= m.MAX_TOKENS else [*ids[: m.MAX_TOKENS - 1], ids[-1]]
