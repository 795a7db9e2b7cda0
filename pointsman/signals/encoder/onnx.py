"""The shipped encoder, and any other BERT-like sentence encoder in ONNX form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointsman.signals.encoder.encoding import Encoder, EncoderError, Encoding, Vector
from pointsman.signals.encoder.heads import Head, Heads

SHIPPED = Path(__file__).parents[1] / "models"

MAX_TOKENS = 64
_TAIL_TOKENS = 20


class OnnxEncoder(Encoder):
    """`folder` holds encoder.onnx (input_ids, attention_mask [, token_type_ids] → last_hidden_state), tokenizer.json
    and heads.npz. Sentences are the mean of their tokens' hidden states; heads read that and the first token's."""

    together = 1

    def __init__(self, folder: Path = SHIPPED, heads: Path | None = None) -> None:
        self.name = "shipped" if folder == SHIPPED else str(folder)
        self._session = _session(folder / "encoder.onnx")
        self._tokenizer = tokenizer(folder)
        self._words = self._tokenizer if folder == SHIPPED else tokenizer(SHIPPED)
        self._heads = Heads(heads or folder / "heads.npz", required=folder == SHIPPED or heads is not None)
        self._inputs = [given.name for given in self._session.get_inputs()]
        self.dimension = int(self.encode(["load"])[0].vector.shape[0])

    def head(self, name: str) -> Head:
        return self._heads[name]

    def matrix(self, name: str) -> Vector | None:
        return self._heads.matrix(name)

    def encode(self, passages: Sequence[str]) -> list[Encoding]:
        """One after the other: the int8 kernels scale their numbers by all that they are given, so that in one batch
        the texts of others would change a text's vector (cosine .974), and padding would cost what a batch saves."""
        return [self._encode(passage) for passage in passages]

    def _encode(self, passage: str) -> Encoding:
        tokens = self._tokenizer.encode(clean(passage))
        kept = kept_tokens(len(tokens.ids))
        ids = tokens.ids
        hidden = self.states([ids[place] for place in kept])
        vector = unit(hidden.mean(0))
        words = tokens if self._words is self._tokenizer else self._words.encode(clean(passage))
        return Encoding(
            vector,
            np.concatenate((vector, hidden[0])),
            np.asarray(words.ids[1:-1], np.int32),
            self._heads.tags(hidden),
            np.asarray(tokens.offsets, np.int32)[kept],
        )

    def states(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """[tokens] → [tokens, dimension]"""
        row = np.asarray([ids], np.int64)
        given = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        hidden: NDArray[np.float32] = self._session.run(None, {name: given[name] for name in self._inputs})[0][0]
        return hidden


def clean(passage: str) -> str:
    """Without lone surrogates, which no tokenizer takes; every character stays where it is."""
    return passage if passage.isascii() else passage.encode("utf-8", "replace").decode()


def unit(vector: Vector) -> Vector:
    length = float(np.sqrt(vector @ vector))
    return vector / np.float32(length) if length > 0 else vector


def tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        found = Tokenizer.from_str(path.read_text("utf-8"))
    except Exception as error:  # noqa: BLE001  its errors have no type of their own
        raise EncoderError(f"The tokenizer {path} cannot be read ({error}). {_advice(folder)}") from None
    found.no_padding()
    found.no_truncation()
    return found


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # other threads relay
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  onnxruntime's errors have no common type
        reason = str(error).split("\n", 1)[0][:200]
        raise EncoderError(f"The encoder {path} cannot be loaded ({reason}). {_advice(path.parent)}") from None


def _advice(folder: Path) -> str:
    if folder == SHIPPED:
        return "It is part of the installation: install Pointsman again."
    return "`encoder.model` must name a folder with encoder.onnx and tokenizer.json."


def kept_tokens(length: int) -> NDArray[np.int64]:
    """Which tokens are read: head and tail, with the first and the last, which mark the ends."""
    if length <= MAX_TOKENS:
        return np.arange(length)
    head = MAX_TOKENS - _TAIL_TOKENS
    return np.concatenate((np.arange(head), np.arange(length - _TAIL_TOKENS, length)))
