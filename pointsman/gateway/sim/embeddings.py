"""Embeddings by feature hashing: equal texts get equal vectors, and texts that share words similar ones."""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Iterable
from typing import Any

from pointsman.gateway.sim.replies import usage
from pointsman.gateway.sim.tokens import ids


def embed(tokens: Iterable[int], size: int) -> array[float]:
    """A unit vector of `size` floats."""
    vector = array("f", bytes(4 * size))
    for token in tokens:
        mixed = (token + 1) * 0x9E3779B97F4A7C15 % 2**64
        vector[(mixed >> 20) % size] += 1 if mixed >> 63 else -1
    norm = math.sqrt(sum(value * value for value in vector))
    if not norm:
        vector[0] = norm = 1.0
    return array("f", (value / norm for value in vector))


def words(text: str) -> array[int]:
    """The tokens that matter for likeness: words in lower case."""
    return ids(text.lower().split())


def embeddings_body(vectors: Iterable[array[float]], encoding: str, model: str, tokens: int, id: str) -> dict[str, Any]:
    data = [
        {"index": index, "object": "embedding", "embedding": _encode(vector, encoding)}
        for index, vector in enumerate(vectors)
    ]
    return {"id": id, "object": "list", "model": model, "data": data, "usage": usage(tokens, 0, cached=0)}


def _encode(vector: array[float], encoding: str) -> str | list[float]:
    return base64.b64encode(vector.tobytes()).decode() if encoding == "base64" else vector.tolist()
