from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pointsman.signals import fitted
from pointsman.signals.base import Shape, SignalValue
from pointsman.signals.encoder.encoding import EncoderError
from pointsman.signals.exemplars import read_exemplars
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.readings import Readings
from tests.support.encoders import LetterEncoder
from tests.support.neural import encode_for, shipped

ROWS = [
    (letter * n + "xyz"[n % 3], label) for letter, label in (("a", "A kind"), ("o", "o_kind")) for n in range(1, 13)
]


class Shuffled(LetterEncoder):
    """Another encoder of the same size."""

    name = "shuffled"

    def encode(self, passages: Any) -> Any:
        return [e._replace(vector=np.roll(e.vector, 3)) for e in super().encode(passages)]


def write(path: Path, rows: list[tuple[str, str]]) -> str:
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> str:
    return write(tmp_path / "data.jsonl", ROWS)


@pytest.fixture
def model(tmp_path: Path, data: str) -> str:
    path, encoder, exemplars = tmp_path / "model.npz", LetterEncoder(), read_exemplars(Path(data))
    fitted.save(path, fitted.learn(fitted.encode(encoder, exemplars.texts), exemplars), encoder)
    return str(path)


def said(declare: Any, text: str, encoder: Any = None, **options: Any) -> SignalValue:
    signal, encoder = declare(type="classifier", **options), encoder or LetterEncoder()
    signal.prepare(encoder)
    facts = Facts(Route.CHAT, read_messages=lambda: (Message("user", text),))
    return encode_for(Readings({"s": signal}, facts), "s", encoder)


def test_it_learns_from_a_file(declare: Any, data: str):
    found = said(declare, "aaaaaaz", data=data)
    assert found.value == "a_kind"
    assert found.score == found.labels["a_kind"] > 0.6
    assert sum(found.labels.values()) == pytest.approx(1)
    assert said(declare, "ooooox", data=data).value == "o_kind"


def test_a_model_says_what_its_file_would(declare: Any, data: str, model: str):
    from_data, from_model = said(declare, "aaoa", data=data), said(declare, "aaoa", model=model)
    assert from_model.value == from_data.value
    assert from_model.score == pytest.approx(from_data.score)
    assert declare(type="classifier", model=model).known_labels == {"a_kind", "o_kind"}


def test_below_the_threshold_there_is_no_label(declare: Any, data: str):
    assert said(declare, "aaaoooz", data=data, threshold=0.999).value == ()


def test_one_label_as_a_boolean(declare: Any, data: str):
    signal = {"data": data, "is": "a_kind"}
    assert declare(type="classifier", **signal).shape is Shape.BOOL
    yes, no = said(declare, "aaaaa", **signal), said(declare, "ooooo", **signal)
    assert (yes.value, no.value) == (True, False)
    assert yes.score > 0.5 > no.score
    assert said(declare, "aaaaa", threshold=1, **signal).value is False
    with pytest.raises(ValueError, match="there is no label `b_kind`; there are a_kind, o_kind"):
        declare(type="classifier", data=data, **{"is": "b_kind"})


def test_no_text(declare: Any, data: str):
    assert said(declare, "", data=data).value is None
    assert said(declare, "", data=data, **{"is": "a_kind"}).value is False


def test_data_or_a_model_is_needed(declare: Any):
    with pytest.raises(ValueError, match="needs `data`"):
        declare(type="classifier")


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([("a", "x"), ("b", "x")], "one label only, `x`"),
        ([("a", "x"), ("b", "x"), ("c", "y")], "one text only for the label `y`"),
        ([(str(n), f"l{n % 2}") for n in range(2001)], "run `pointsman fit classifier .* --out FILE.npz`"),
    ],
)
def test_files_that_cannot_be_learned_from_at_a_start(
    declare: Any, tmp_path: Path, rows: list[tuple[str, str]], complaint: str
):
    with pytest.raises(ValueError, match=complaint):
        declare(type="classifier", data=write(tmp_path / "rows.jsonl", rows))


@pytest.mark.parametrize("encoder", [Shuffled(), shipped()], ids=["same size", "other size"])
def test_a_model_of_another_encoder_is_refused(declare: Any, model: str, encoder: Any):
    with pytest.raises(EncoderError, match=r"fitted for another encoder \(`letters`, 8 dimensions"):
        declare(type="classifier", model=model).prepare(encoder)


def test_a_damaged_model_is_refused(declare: Any, tmp_path: Path, model: str):
    with np.load(model) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(tmp_path / "cut.npz", **(arrays | {"bias": arrays["bias"][:1]}))
    (tmp_path / "text.npz").write_text("no model")
    for name, complaint in (("cut", "is damaged"), ("text", "cannot be read"), ("absent", "No such file")):
        with pytest.raises(ValueError, match=complaint):
            declare(type="classifier", model=str(tmp_path / f"{name}.npz"))
