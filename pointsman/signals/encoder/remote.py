"""An encoder behind an OpenAI-style `/v1/embeddings`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from openai import OpenAI, OpenAIError

from pointsman.signals.encoder.encoding import EncoderError, Vector
from pointsman.signals.encoder.onnx import clean
from pointsman.signals.encoder.plain import PlainEncoder

_TIMEOUT = 10.0  # seconds; requests wait no longer than their budget, whatever this says


class RemoteEncoder(PlainEncoder):
    def __init__(self, url: str, model: str | None, key: str | None, heads: Path | None = None) -> None:
        base = url.rstrip("/")
        base = base if base.endswith("/v1") else f"{base}/v1"
        self._client = OpenAI(base_url=base, api_key=key or "none", timeout=_TIMEOUT, max_retries=0)
        self._key = key
        self._model = model or "default"
        super().__init__(f"{base} {self._model}", heads)

    def vectors(self, passages: Sequence[str]) -> list[Vector]:
        texts = [clean(passage) or " " for passage in passages]
        try:
            answer = self._client.embeddings.create(model=self._model, input=texts, encoding_format="float")
            found = {item.index: np.asarray(item.embedding, np.float32) for item in answer.data}
            return [found[index] for index in range(len(texts))]
        except OpenAIError as error:
            raise EncoderError(
                f"The encoder at {self.name} did not answer ({self._reason(error)}). See `encoder.url`."
            ) from None
        except (ValueError, TypeError, AttributeError, LookupError):  # the SDK hands on whatever has status 200
            raise EncoderError(
                f"The encoder at {self.name} did not answer with an embedding of each text. See `encoder.url`."
            ) from None

    def _reason(self, error: OpenAIError) -> str:
        """One line, without the key, which some APIs repeat."""
        told = str(error).replace(self._key, "…") if self._key else str(error)
        return told.split("\n", 1)[0][:200]
