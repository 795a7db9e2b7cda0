"""What the parts of `pointsman fit` share: the encoder, the result's file, and errors as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pointsman.gateway.config import load
from pointsman.gateway.encoders import build_encoder
from pointsman.gateway.errors import PointsmanError
from pointsman.gateway.schema.running import EncoderConfig
from pointsman.signals.encoder.encoding import Encoder, EncoderError
from pointsman.signals.linear import Indices

__all__ = ["Indices", "Unfit", "accuracy", "check_out", "encoder_of", "macro_f1", "told"]


class Unfit(PointsmanError):
    """Nothing can be learned from what was given."""


@contextmanager
def told() -> Iterator[None]:
    """What is wrong with files and encoders, as errors of the command."""
    try:
        yield
    except EncoderError as error:
        raise Unfit(str(error)) from None
    except OSError as error:
        raise Unfit(f"cannot write {error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise Unfit(str(error)) from None


def encoder_of(config: Path | None) -> Encoder:
    return build_encoder(load(config).encoder if config is not None else EncoderConfig())


def check_out(out: Path) -> None:
    """Before minutes of work, not after."""
    if out.suffix != ".npz":
        raise Unfit(f"the result is a .npz file; write --out {out}.npz")
    if not out.parent.is_dir():
        raise Unfit(f"there is no folder {out.parent} to write {out.name} to")


def accuracy(truth: Indices, found: Indices) -> float:
    return float((truth == found).mean())


def macro_f1(truth: Indices, found: Indices) -> float:
    """Mean over the classes that occur."""
    scores = []
    for label in np.unique(truth):
        hits = int(((truth == label) & (found == label)).sum())
        scores.append(2 * hits / int((truth == label).sum() + (found == label).sum()))
    return float(np.mean(scores))
