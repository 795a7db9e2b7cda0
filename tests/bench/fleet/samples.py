"""Made-up traces, in the files' own formats."""

from __future__ import annotations

from pathlib import Path
from random import Random

import orjson

from pointsman.bench.fleet.traces import BLOCK, Row, Slo, Source, Trace, azure


def azure_file(folder: Path, rows: int = 300) -> None:
    random = Random(3)
    lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    for number in range(rows):
        second = f"2023-11-16 18:{number // 60:02}:{number % 60:02}.{random.randrange(10**7):07}"
        lines.append(f"{second},{random.randrange(50, 3000)},{random.randrange(1, 300)}")
    path = folder / "azure_llm_2023" / "conv.csv"
    path.parent.mkdir()
    path.write_text("\n".join(lines) + "\n")


def mooncake_file(folder: Path, conversations: int = 20, turns: int = 8) -> None:
    """Of each conversation, every turn's prompt begins with the one before."""
    lines = []
    for turn in range(turns):
        for conversation in range(conversations):
            blocks = [0, *(1000 * (conversation + 1) + block for block in range(4 + 2 * turn))]
            lines.append(
                {
                    "timestamp": 3000 * (turn * conversations + conversation),
                    "input_length": BLOCK * len(blocks) - 100,
                    "output_length": 20,
                    "hash_ids": blocks,
                }
            )
    path = folder / "mooncake_trace" / "conversation.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))


def plain_trace(rows: int = 400, gap: float = 0.2, seed: int = 1, resolution: float = 0.0) -> Trace:
    random = Random(seed)
    made = [Row(number * gap, random.choice((100, 400, 6000)), random.randrange(1, 120)) for number in range(rows)]
    return Trace(Source("plain", "Plain", "", azure, resolution, Slo(0.5, 0.1)), tuple(made))
