"""Any model of sentence-transformers as the encoder; needs the extra `models`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pointsman.signals.encoder.encoding import EncoderError, Vector
from pointsman.signals.encoder.onnx import clean
from pointsman.signals.encoder.plain import PlainEncoder


class SentenceEncoder(PlainEncoder):
    """`model` is a folder, or a name that its hub knows."""

    def __init__(self, model: str, heads: Path | None = None) -> None:
        self._model = _load(model)
        super().__init__(model, heads)

    def vectors(self, passages: Sequence[str]) -> list[Vector]:
        texts = [clean(passage) for passage in passages]
        return list(np.asarray(self._model.encode(texts, show_progress_bar=False), np.float32))


def _load(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise EncoderError(
            f"The encoder {model} has no encoder.onnx, and sentence-transformers is not installed: name a folder "
            "with encoder.onnx and tokenizer.json, or `pip install 'pointsman[models]'`."
        ) from None
    try:
        return SentenceTransformer(model, device="cpu")
    except Exception as error:  # noqa: BLE001  whatever a hub, a file or a framework raises
        reason = str(error).strip().split("\n", 1)[0][:200]
        raise EncoderError(f"sentence-transformers cannot load `{model}` ({reason}). See `encoder.model`.") from None
