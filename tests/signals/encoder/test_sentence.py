"""Models of sentence-transformers as the encoder; the package itself is seldom installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from pointsman.signals.encoder.encoding import EncoderError
from pointsman.signals.encoder.sentence import SentenceEncoder
from tests.support.encoders import DIMENSION, LetterEncoder


class Model:
    """What of sentence-transformers is used."""

    loaded: ClassVar[list[tuple[str, str]]] = []
    shape: ClassVar[tuple[int, ...] | None] = None  # of its answers, if they are wrong

    def __init__(self, name: str, device: str) -> None:
        if name == "org/none":
            raise OSError("org/none is not a local folder\nand not known to the hub")
        self.loaded.append((name, device))

    def encode(self, texts: list[str], show_progress_bar: bool) -> Any:
        assert not show_progress_bar  # it would be written between the lines of the log
        assert not any("\ud800" <= character <= "\udfff" for text in texts for character in text)
        if self.shape is not None:
            return np.ones(self.shape, np.float64)
        return np.array([2 * encoding.vector for encoding in LetterEncoder().encode(texts)], np.float64)


@pytest.fixture
def stub(monkeypatch):
    package = ModuleType("sentence_transformers")
    package.SentenceTransformer = Model
    monkeypatch.setitem(sys.modules, "sentence_transformers", package)
    monkeypatch.setattr(Model, "loaded", [])
    return Model


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EncoderError, match=r"org/model has no encoder.onnx.*pip install 'pointsman\[models\]'"):
        SentenceEncoder("org/model")


def test_vectors_are_those_of_the_model_at_length_one(stub):
    encoder = SentenceEncoder("org/model")
    assert stub.loaded == [("org/model", "cpu")]
    assert encoder.dimension == DIMENSION
    texts = ["an oat", "sun", "", "\ud800 alone", "🙂"]
    for found, wanted in zip(encoder.encode(texts), LetterEncoder().encode(texts), strict=True):
        assert found.vector == pytest.approx(wanted.vector, abs=1e-6)
        assert found.vector.dtype == np.float32
        assert np.array_equal(found.features, found.vector)
    assert encoder.encode([]) == []


def test_a_model_that_cannot_be_loaded_is_one_line(stub):
    with pytest.raises(EncoderError) as caught:
        SentenceEncoder("org/none")
    told = str(caught.value)
    assert told == "sentence-transformers cannot load `org/none` (org/none is not a local folder). See `encoder.model`."


@pytest.mark.parametrize("shape", [(2, 8), (1, 5), (1,), (1, 2, 8)])
def test_a_model_that_gives_something_else_is_an_error(stub, monkeypatch, shape):
    encoder = SentenceEncoder("org/model")
    monkeypatch.setattr(stub, "shape", shape)
    with pytest.raises(EncoderError, match="org/model gave"):
        encoder.encode(["a"])


def test_heads_are_those_of_the_file_that_was_given(stub, tmp_path):
    path = tmp_path / "heads.npz"
    weights = np.eye(2, DIMENSION, dtype=np.float32) * 20
    np.savez(path, **{"kind.labels": ["a", "b"], "kind.weights": weights, "kind.bias": np.zeros(2, np.float32)})
    encoder = SentenceEncoder("org/model", path)
    assert encoder.head("kind").probabilities(encoder.encode(["eeee"])[0])["b"] > 0.9
    with pytest.raises(EncoderError, match="pointsman fit heads"):
        encoder.head("domain")


@pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None, reason="the extra `models` is not installed"
)
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_the_real_package(tmp_path):
    """Two layers with random weights, made here: nothing is fetched."""
    encoder = SentenceEncoder(str(_tiny_model(tmp_path)))
    first, second = encoder.encode(["a bridge", "the sun"])
    assert encoder.dimension == 16
    assert np.linalg.norm(first.vector) == pytest.approx(1, abs=1e-5)
    assert not np.array_equal(first.vector, second.vector)
    assert np.array_equal(encoder.encode(["a bridge"])[0].vector, first.vector)


def _tiny_model(folder: Path) -> Path:
    from sentence_transformers import SentenceTransformer, models
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "bridge", "sun", "load"]
    (folder / "vocab.txt").write_text("\n".join(words))
    inner = folder / "inner"
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(inner)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **sizes)).save_pretrained(inner)
    transformer = models.Transformer(str(inner))
    pooling = models.Pooling(transformer.get_word_embedding_dimension())
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(folder / "model"))
    return folder / "model"
