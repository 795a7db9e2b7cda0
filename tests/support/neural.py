"""Asking neural signals, as the gateway does, with the shipped encoder."""

from __future__ import annotations

from functools import cache

from pointsman.signals.base import SignalValue
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.encoder.onnx import OnnxEncoder
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings


@cache
def shipped() -> OnnxEncoder:
    return OnnxEncoder()


def encode_for(readings: Readings, name: str, encoder: Encoder | None = None) -> SignalValue:
    """The signal's value, with all that it wants encoded."""
    while True:
        try:
            return readings[name]
        except NeedsEncoding as needed:
            encodings = (encoder or shipped()).encode(needed.passages)
            readings.encoded(dict(zip(needed.passages, encodings, strict=True)), 0.0)
