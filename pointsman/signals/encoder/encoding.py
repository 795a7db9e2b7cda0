"""What an encoder makes of a text. Every neural signal, and the cache, reads the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]

HEAD, TAIL = 960, 480
MAX_CHARS = HEAD + 1 + TAIL
"""Characters of a passage; the encoder reads the first and the last tokens of it."""


class Encoding(NamedTuple):
    vector: Vector  # [dimension], of length 1: the sentence
    features: Vector  # [features]: what heads read
    words: NDArray[np.int32]  # [tokens]: ids in the shipped vocabulary, of the whole passage
    tags: NDArray[np.float16] | None = None  # [read, tags]: probabilities of the tags of the tokens that were read
    offsets: NDArray[np.int32] | None = None  # [read, 2]: where those tokens stand in the passage


class EncoderError(Exception):
    """The encoder cannot be loaded or asked; the message says what to do."""

    reason: ClassVar[str] = "failed"


class EncoderBusy(EncoderError):
    """Too much waits for it already."""

    reason = "busy"


class EncoderLate(EncoderError):
    """It took longer than the request may wait."""

    reason = "late"


class Encoder(Protocol):
    """Blocks while it reads; may be asked from several threads."""

    name: str
    dimension: int
    together: int
    """Passages of several requests that it gains from reading at once; 1 if it gains nothing."""

    def encode(self, passages: Sequence[str]) -> list[Encoding]:
        """EncoderError if that fails."""
        ...

    def head(self, name: str) -> Any:
        """The head of this name (`heads.Head`); EncoderError if none was fitted for this encoder."""
        ...

    def matrix(self, name: str) -> Vector | None:
        """The projection of this name, [outputs, features]; None if none was fitted."""
        ...


def excerpt(text: str) -> str:
    """A passage of bounded length: what a long text begins and ends with."""
    return text if len(text) <= MAX_CHARS else f"{text[:HEAD]}\n{text[-TAIL:]}"
