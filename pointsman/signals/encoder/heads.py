"""Linear heads on an encoding: what is learned about a text beside where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import sqrt
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from pointsman.signals.encoder.encoding import EncoderError, Encoding, Vector

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """`weights` [labels, features] on the encoding's features, `bias` [labels]; `words` [buckets, labels], if given,
    are summed over the text's token unigrams and bigrams and divided by the root of their number."""

    labels: tuple[str, ...]
    weights: Floats
    bias: Floats
    words: NDArray[np.float16] | None = None

    def logits(self, encoding: Encoding, more: Vector | None = None) -> Floats:
        """`more` are features of the signal's own; the weights know them as the last ones."""
        features = encoding.features if more is None else np.concatenate((encoding.features, more))
        logits: Floats = self.weights @ features
        logits += self.bias
        if self.words is not None:
            buckets = word_buckets(encoding.words, len(self.words))
            if len(buckets):
                logits += self.words[buckets].sum(0, dtype=np.float32) / np.float32(np.sqrt(len(buckets)))
        return logits

    def probabilities(self, encoding: Encoding) -> Mapping[str, float]:
        """Of a head of several labels; they add up to 1."""
        return dict(zip(self.labels, softmax(self.logits(encoding)).tolist(), strict=True))

    def probability(self, encoding: Encoding, more: Vector | None = None) -> float:
        """Of a head of one label."""
        return float(1 / (1 + np.exp(-self.logits(encoding, more)[0])))


def softmax(logits: Floats) -> Floats:
    raised: Floats = np.exp(logits - logits.max())
    raised /= raised.sum()
    return raised


def word_buckets(words: NDArray[np.int32], buckets: int) -> NDArray[np.int64]:
    """Unigrams and bigrams of token ids, each once, hashed into `buckets` (a power of two)."""
    ids = words.astype(np.uint64)
    pairs = (ids[:-1] * np.uint64(0x9E3779B1) + ids[1:] + np.uint64(1)) * np.uint64(0x85EBCA77)
    hashed = np.concatenate((ids * np.uint64(0xC2B2AE3D27D4EB4F) >> np.uint64(20), pairs >> np.uint64(15)))
    found = (hashed & np.uint64(buckets - 1)).astype(np.int64)
    found.sort()  # np.unique, without its overhead
    return found if len(found) < 2 else found[np.concatenate((_FIRST, found[1:] != found[:-1]))]


_FIRST = np.ones(1, np.bool_)


class Stack:
    """Several heads that are always asked together, at about the price of one. What they read beside the encoding is
    the caller's to add: `more[n]` are the weights of the last `own[n]` features of head n."""

    def __init__(self, heads: Sequence[Head], own: Sequence[int]) -> None:
        widths = [head.weights.shape[1] - count for head, count in zip(heads, own, strict=True)]
        self.more = [head.weights[:, width:] for head, width in zip(heads, widths, strict=True)]
        ends = np.cumsum([len(head.labels) for head in heads])
        self.parts = [slice(end - len(head.labels), end) for head, end in zip(heads, ends, strict=True)]
        self._weights = np.concatenate([head.weights[:, :width] for head, width in zip(heads, widths, strict=True)])
        self._bias = np.concatenate([head.bias for head in heads])
        self._tables: dict[int, Floats] = {}  # by their number of buckets: [buckets, all labels]
        for head, part in zip(heads, self.parts, strict=True):
            if head.words is not None:
                size = len(head.words)
                self._tables.setdefault(size, np.zeros((size, ends[-1]), np.float32))[:, part] = head.words

    def logits(self, encoding: Encoding) -> Floats:
        """[all labels], without what the heads read beside the encoding"""
        logits: Floats = self._weights @ encoding.features
        logits += self._bias
        for size, table in self._tables.items():
            buckets = word_buckets(encoding.words, size)
            if len(buckets):
                # a product with equal weights is a faster sum
                each = np.full(len(buckets), 1 / sqrt(len(buckets)), np.float32)
                logits += each @ table.take(buckets, 0)
        return logits


class Heads:
    """The file `heads.npz`: for each head NAME.labels, NAME.weights, NAME.bias and perhaps NAME.words; for tokens
    tags.weights [tags, dimension] and tags.bias; and NAME.matrix. Without a file there are none."""

    def __init__(self, path: Path | None, required: bool = True) -> None:
        self._arrays = _arrays(path) if path is not None and (required or path.exists()) else {}
        names = {name.rpartition(".")[0] for name in self._arrays if name.endswith(".labels")}
        self._heads = {name: self._head(name) for name in names}
        self._tags = self._arrays.get("tags.weights"), self._arrays.get("tags.bias")

    def __getitem__(self, name: str) -> Head:
        if name not in self._heads:
            raise EncoderError(
                f"No head `{name}` was fitted for this encoder: run `pointsman fit heads`, and give its result as "
                "`encoder.heads`."
            )
        return self._heads[name]

    def matrix(self, name: str) -> Floats | None:
        """NAME.matrix [outputs, features], a projection of the encoding's features; None if the file has none."""
        found: Floats | None = self._arrays.get(f"{name}.matrix")
        return found

    def tags(self, hidden: Floats) -> NDArray[np.float16] | None:
        """[tokens, dimension] → [tokens, tags], the probabilities of each token."""
        weights, bias = self._tags
        if weights is None or bias is None:
            return None
        logits = hidden @ weights.T + bias
        raised = np.exp(logits - logits.max(1, keepdims=True))
        tags: NDArray[np.float16] = (raised / raised.sum(1, keepdims=True)).astype(np.float16)
        return tags

    def _head(self, name: str) -> Head:
        arrays = self._arrays
        labels = tuple(str(label) for label in arrays[f"{name}.labels"])
        return Head(labels, arrays[f"{name}.weights"], arrays[f"{name}.bias"], arrays.get(f"{name}.words"))


def _arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise EncoderError(
            f"The heads {path} cannot be read ({error}). Install Pointsman again, or fit them anew with "
            "`pointsman fit heads`."
        ) from None
