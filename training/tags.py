"""Tokens with their tags, for the tagger of persons and addresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pointsman.signals.encoder.encoding import MAX_CHARS
from pointsman.signals.encoder.onnx import kept_tokens
from training import model as m
from training.data import train_rows
from training.pii import generate

TYPES = {"PERSON": 1, "ADDRESS": 3, "STREET_ADDRESS": 3}
"""Of a type's first token; the others have the next number."""

GENERATED = 24_000

Labelled = tuple[str, Sequence[tuple[int, int, str]]]


def tag_rows(data: Path, repeated: int = 3, generated: int = GENERATED) -> Iterator[tuple[list[int], list[int]]]:
    """Token ids and their tags, of public sentences, each so often, and of generated ones."""
    public = [
        (row["text"], [(start, end, name) for start, end, name in row["spans"]])
        for row in train_rows(data / "presidio_pii/synth_v2.dev.jsonl", "template")
    ]
    for text, spans in [*public * repeated, *generate(generated, seed=1)]:
        if len(text) <= MAX_CHARS:
            yield tagged(text, spans)


_TOKENIZER = m.tokenizer()


def tagged(text: str, spans: Sequence[tuple[int, int, str]]) -> tuple[list[int], list[int]]:
    tokens = _TOKENIZER.encode(text)
    tags = [0] * len(tokens.ids)
    for start, end, name in spans:
        if name in TYPES:
            inside = [i for i, (a, b) in enumerate(tokens.offsets) if b > start and a < end and b > a]
            for place, index in enumerate(inside):
                tags[index] = TYPES[name] + (place > 0)
    kept = kept_tokens(len(tokens.ids))
    return [tokens.ids[i] for i in kept], [tags[i] for i in kept]
