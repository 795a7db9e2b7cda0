"""The shipped encoder, and what happens where it is not whole."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from pointsman.signals.encoder.encoding import EncoderError, excerpt
from pointsman.signals.encoder.onnx import MAX_TOKENS, SHIPPED, OnnxEncoder, kept_tokens


@pytest.fixture(scope="module")
def encoder():
    return OnnxEncoder()


def similarity(encoder, a, b):
    first, second = encoder.encode([a, b])
    return float(first.vector @ second.vector)


def test_texts_of_like_meaning_lie_close(encoder):
    question = "How do I reset my password?"
    assert similarity(encoder, question, "I forgot my password, how can I get a new one?") > 0.6
    assert similarity(encoder, question, "What is the tallest mountain of Africa?") < 0.3


def test_vectors_have_length_one_and_do_not_depend_on_what_else_is_encoded(encoder):
    texts = ["short", "a text of some more words than the others have", "hello there"]
    for text, together in zip(texts, encoder.encode(texts), strict=True):
        assert np.linalg.norm(together.vector) == pytest.approx(1, abs=1e-5)
        assert np.array_equal(encoder.encode([text])[0].features, together.features)


def test_what_is_read_of_a_long_text_is_bounded_and_has_both_ends(encoder):
    text = " ".join(f"word{n}" for n in range(5000))
    found = encoder.encode([excerpt(text)])[0]
    assert len(found.offsets) == MAX_TOKENS
    assert found.offsets[1][0] == 0
    assert found.offsets[-2][1] == len(excerpt(text))
    assert similarity(encoder, excerpt(f"{text} thank you"), excerpt(text)) < 0.9999


@pytest.mark.parametrize("length", [0, 1, 2, MAX_TOKENS - 1, MAX_TOKENS, MAX_TOKENS + 1, 1000])
def test_tokens_are_read_in_order_and_each_once(length):
    kept = kept_tokens(length).tolist()
    assert kept == sorted(set(kept))
    assert len(kept) == min(length, MAX_TOKENS)
    if length:
        assert (kept[0], kept[-1]) == (0, length - 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "\ud800 alone \udfff",
        "\x00\x01\x02",
        "🙂" * 300,
        "मैं ठीक हूँ 我很好 أنا بخير",
        "\u200b\u200b",
        "a" * 1400,
    ],
)
def test_any_text_has_a_finite_vector(encoder, text):
    found = encoder.encode([text])[0]
    assert np.isfinite(found.vector).all()
    assert np.isfinite(found.features).all()
    assert len(found.tags) == len(found.offsets)


def test_offsets_are_characters_of_the_passage(encoder):
    text = "Grüße an 東京, José \ud800!"
    found = encoder.encode([text])[0]
    assert any(text[start:end] == "José" for start, end in found.offsets)


def test_no_passages_no_encodings(encoder):
    assert encoder.encode([]) == []


@pytest.fixture
def copied(tmp_path):
    for name in ("encoder.onnx", "tokenizer.json", "heads.npz"):
        shutil.copy(SHIPPED / name, tmp_path / name)
    return tmp_path


def test_another_folder_with_the_same_model_gives_the_same(encoder, copied):
    ours, theirs = encoder.encode(["hello"])[0], OnnxEncoder(copied).encode(["hello"])[0]
    assert np.array_equal(ours.features, theirs.features)


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "heads.npz"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_a_damaged_file_is_named_with_what_to_do(copied, name, damage):
    path = copied / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 3], "other": b"something else"}[damage])
    with pytest.raises(EncoderError, match=name):
        OnnxEncoder(copied, copied / "heads.npz")


def test_the_shipped_one_asks_to_install_again(copied, monkeypatch):
    monkeypatch.setattr("pointsman.signals.encoder.onnx.SHIPPED", copied)
    (copied / "encoder.onnx").write_bytes(b"")
    with pytest.raises(EncoderError, match="install Pointsman again"):
        OnnxEncoder(copied)
