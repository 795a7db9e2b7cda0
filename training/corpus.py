"""The sentences on which the student is taught to embed as its teacher does; no labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from training.data import rows, train_rows

_LEAST = 12  # characters


def sentences(data: Path, wordnet: Path | None) -> list[str]:
    """Deduplicated, in a stable order."""
    found = dict.fromkeys(text.strip() for text in _all(data, wordnet))
    return [text for text in found if len(text) >= _LEAST]


def _all(data: Path, wordnet: Path | None) -> Iterator[str]:
    for row in train_rows(data / "mmlu_pro/questions.dev.jsonl.gz"):
        yield row["question"]
        yield from (option for option in row["options"] if len(option) > 40)
    for name in ("clinc150", "banking77", "hwu64"):
        yield from (row["text"] for row in train_rows(data / name / "intents.dev.jsonl.gz"))
    yield from (row["query"] for row in train_rows(data / "metatool/single_tool.dev.jsonl.gz"))
    for row in train_rows(data / "bfcl_tools/tools.dev.jsonl"):
        yield row["query"]
        yield from (function["description"] for function in row["functions"])
    for row in train_rows(data / "halueval_general/general.dev.jsonl.gz"):
        yield from (row["prompt"], *_pieces(row["response"])[:3])
    yield from (row["text"] for row in train_rows(data / "presidio_pii/synth_v2.dev.jsonl", "template"))
    for row in train_rows(data / "jailbreak_inthewild/jailbreaks.dev.jsonl"):
        yield from _pieces(row["text"])
    yield from (row["text"] for row in train_rows(data / "parti_modality/image_prompts.dev.jsonl"))
    for row in train_rows(data / "llmrouter_9model/scores.dev.jsonl.gz"):
        yield from _pieces(row["prompt"])
    for path in sorted((Path(__file__).parent / "examples").glob("*.jsonl")):
        if not path.stem.startswith("pii"):
            for row in rows(path):
                yield from (value for key, value in row.items() if key in ("text", "previous"))
    if wordnet is not None:
        yield from _wordnet(wordnet)


def _pieces(text: str, size: int = 240) -> list[str]:
    """A long text in parts of about a passage's length."""
    words, pieces, piece = text.split(), [], ""
    for word in words:
        piece = f"{piece} {word}" if piece else word
        if len(piece) >= size:
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces


def _wordnet(folder: Path) -> Iterator[str]:
    """Definitions and example sentences of WordNet 3.0's data files (wndb(5WN))."""
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text("utf-8").splitlines():
            fields, bar, gloss = line.partition(" | ")
            if not bar or line.startswith("  "):
                continue
            lemma = fields.split()[4].replace("_", " ")
            quoted = re.findall(r'"([^"]+)"', gloss)
            meaning = re.sub(r'[;:]?\s*"[^"]*"', "", gloss).strip(" ;")
            yield f"{lemma}: {meaning}"
            yield meaning
            yield from quoted
