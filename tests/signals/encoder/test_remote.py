"""An encoder behind an embeddings API, over real sockets."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from pointsman.signals.encoder import remote
from pointsman.signals.encoder.encoding import EncoderError
from pointsman.signals.encoder.onnx import OnnxEncoder
from pointsman.signals.encoder.remote import RemoteEncoder
from tests.support.embeddings import embeddings, letters, listed
from tests.support.encoders import DIMENSION, LetterEncoder


@pytest.fixture
def api():
    with embeddings() as api:
        yield api
        gc.collect()  # clients of the SDK close their connections when they go


@pytest.fixture
def encoder(api):
    return RemoteEncoder(api.url, "letters", None)


def test_vectors_are_those_of_the_api(encoder):
    texts = ["an oat", "sun", "east"]
    assert encoder.dimension == DIMENSION
    for found, wanted in zip(encoder.encode(texts), LetterEncoder().encode(texts), strict=True):
        assert found.vector == pytest.approx(wanted.vector, abs=1e-6)
        assert np.array_equal(found.features, found.vector)
        assert found.tags is None


def test_words_are_those_of_the_shipped_vocabulary(encoder):
    text = "It rains in Zürich \ud800"
    assert np.array_equal(encoder.encode([text])[0].words, OnnxEncoder().encode([text])[0].words)


def test_vectors_of_any_length_become_those_of_length_one(api, encoder):
    api.answer = lambda texts: (200, listed([[3, 4, 0, 0, 0, 0, 0, 0], [0] * 8][: len(texts)]))
    long, zero = encoder.encode(["a", "b"])
    assert long.vector == pytest.approx([0.6, 0.8, 0, 0, 0, 0, 0, 0])
    assert not zero.vector.any()


def test_the_order_is_that_of_the_index(api, encoder):
    def shuffled(texts):
        status, answer = letters(texts)
        answer["data"].reverse()
        return status, answer

    texts = ["an oat", "sun", "east"]
    wanted = encoder.encode(texts)
    api.answer = shuffled
    for found, expected in zip(encoder.encode(texts), wanted, strict=True):
        assert np.array_equal(found.vector, expected.vector)


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_url_with_and_without_v1(api, suffix):
    RemoteEncoder(api.url + suffix, "letters", "k-123")
    assert api.paths == ["/v1/embeddings"]
    assert api.asked[0]["model"] == "letters"
    assert api.headers[0]["authorization"] == "Bearer k-123"


@pytest.mark.parametrize("text", ["", "\ud800 alone \udfff", "\x00\x01", "🙂" * 300])
def test_any_text_can_be_asked_for(api, encoder, text):
    assert np.isfinite(encoder.encode([text])[0].vector).all()
    assert api.asked[-1]["input"][0]  # APIs refuse empty texts


def test_no_passages_are_not_asked_for(api, encoder):
    before = len(api.asked)
    assert encoder.encode([]) == []
    assert len(api.asked) == before


NO_EMBEDDINGS = {
    "too_few": (200, listed([])),
    "one_missing": (200, listed([[1.0] * DIMENSION])),
    "same_index": (200, {"data": [{"index": 0, "embedding": [1.0] * DIMENSION}] * 2}),
    "no_index": (200, {"data": [{"embedding": [1.0] * DIMENSION}] * 2}),
    "no_embedding": (200, {"data": [{"index": 0}, {"index": 1}]}),
    "text": (200, {"data": [{"index": n, "embedding": "abc"} for n in range(2)]}),
    "no_list": (200, {"data": 5}),
    "other_form": (200, {"embeddings": []}),
    "null": (200, None),
    "a_list": (200, [1, 2]),
    "no_json": (200, b"<html>"),
    "cut_json": (200, b'{"data": ['),
}


@pytest.mark.parametrize("answer", NO_EMBEDDINGS.values(), ids=NO_EMBEDDINGS)
def test_what_is_no_list_of_embeddings_is_one_clear_error(api, encoder, answer):
    api.answer = lambda _: answer
    with pytest.raises(EncoderError, match=r"with an embedding of each text|something that is no vector"):
        encoder.encode(["a", "b"])
    api.answer = letters
    assert encoder.encode(["a"])


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        ([[1.0] * 5], "other lengths than the 8"),
        ([[]], "no vector of finite numbers"),
        ([[float("nan")] * DIMENSION], "no vector of finite numbers"),
        ([[[1.0] * DIMENSION]], "no vector of finite numbers"),
    ],
)
def test_vectors_that_cannot_be_compared_are_errors(api, encoder, vectors, complaint):
    api.answer = lambda _: (200, listed(vectors))
    with pytest.raises(EncoderError, match=complaint):
        encoder.encode(["a"])


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_an_error_of_the_api_is_told_with_where_to_look(api, encoder, status):
    api.answer = lambda _: (status, {"error": {"message": "it is broken\nbadly", "type": "x"}})
    before = len(api.asked)
    with pytest.raises(EncoderError, match=rf"(?s){api.url}/v1 letters did not answer \(.*{status}.*`encoder.url`"):
        encoder.encode(["a"])
    assert len(api.asked) == before + 1  # a request's budget has no time for a second try


def test_an_api_that_repeats_the_key_does_not_make_us_tell_it(api):
    api.answer = lambda _: (401, {"error": {"message": "there is no key k-123"}})
    with pytest.raises(EncoderError) as caught:
        RemoteEncoder(api.url, "letters", "k-123")
    assert "k-123" not in str(caught.value)
    assert "there is no key" in str(caught.value)


def test_an_api_that_hangs_is_given_up(api, monkeypatch):
    monkeypatch.setattr(remote, "_TIMEOUT", 0.05)
    api.gate.clear()
    with pytest.raises(EncoderError, match="timed out"):
        RemoteEncoder(api.url, "letters", None)


def test_an_api_that_is_not_there_is_an_error_at_once(api):
    with pytest.raises(EncoderError, match=r"http://127.0.0.1:9/v1 default did not answer"):
        RemoteEncoder("http://127.0.0.1:9", None, None)


@pytest.mark.parametrize("name", sorted(NO_EMBEDDINGS.keys() - {"one_missing", "same_index"}))
def test_a_wrong_answer_while_it_is_loaded_is_an_error_too(api, name):
    api.answer = lambda _: NO_EMBEDDINGS[name]
    with pytest.raises(EncoderError):
        RemoteEncoder(api.url, None, None)


def test_heads_are_those_of_the_file_that_was_given(api, encoder, tmp_path):
    with pytest.raises(EncoderError, match="pointsman fit heads"):
        encoder.head("domain")
    path = tmp_path / "heads.npz"
    weights = np.eye(2, DIMENSION, dtype=np.float32)
    np.savez(
        path, **{"domain.labels": ["a", "b"], "domain.weights": weights * 20, "domain.bias": np.zeros(2, np.float32)}
    )
    fitted = RemoteEncoder(api.url, "letters", None, path)
    probabilities = fitted.head("domain").probabilities(fitted.encode(["eeee"])[0])
    assert probabilities["b"] > 0.9
    with pytest.raises(EncoderError, match=r"none\.npz cannot be read"):
        RemoteEncoder(api.url, "letters", None, tmp_path / "none.npz")
