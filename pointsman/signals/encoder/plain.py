"""Encoders that give a vector for each sentence and nothing of its tokens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointsman.signals.encoder.encoding import Encoder, EncoderError, Encoding, Vector
from pointsman.signals.encoder.heads import Head, Heads
from pointsman.signals.encoder.onnx import SHIPPED, clean, tokenizer, unit


class PlainEncoder(Encoder):
    """Heads read the sentence's vector alone; persons and addresses are not found."""

    together = 32

    def __init__(self, name: str, heads: Path | None) -> None:
        self.name = name
        self._words = tokenizer(SHIPPED)
        self._heads = Heads(heads)
        self.dimension = len(self._checked(["load"])[0])

    @abstractmethod
    def vectors(self, passages: Sequence[str]) -> list[Vector]: ...

    def encode(self, passages: Sequence[str]) -> list[Encoding]:
        if not passages:
            return []
        vectors = self._checked(passages)
        if any(len(vector) != self.dimension for vector in vectors):
            raise EncoderError(f"{self.name} gave vectors of other lengths than the {self.dimension} of before.")
        words = self._words.encode_batch([clean(passage) for passage in passages])
        return [
            Encoding(vector := unit(found), vector, np.asarray(text.ids[1:-1], np.int32))
            for found, text in zip(vectors, words, strict=True)
        ]

    def head(self, name: str) -> Head:
        return self._heads[name]

    def matrix(self, name: str) -> Vector | None:
        return self._heads.matrix(name)

    def _checked(self, passages: Sequence[str]) -> list[Vector]:
        vectors = self.vectors(passages)
        if len(vectors) != len(passages):
            raise EncoderError(f"{self.name} gave {len(vectors)} vectors for {len(passages)} texts.")
        if not all(vector.ndim == 1 and len(vector) and np.isfinite(vector).all() for vector in vectors):
            raise EncoderError(f"{self.name} gave something that is no vector of finite numbers.")
        return vectors
