"""The shipped files are those that the card describes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pointsman.signals.encoder.heads import Heads
from pointsman.signals.encoder.onnx import SHIPPED

FILES = ("encoder.onnx", "heads.npz", "tokenizer.json")


def test_checksums_are_right() -> None:
    listed = dict(reversed(line.split("  ")) for line in (SHIPPED / "SHA256SUMS").read_text().splitlines())
    assert listed == {name: hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() for name in FILES}


def test_they_are_small() -> None:
    assert sum((SHIPPED / name).stat().st_size for name in FILES) < 30e6


def test_every_head_that_a_signal_needs_is_there() -> None:
    heads = Heads(SHIPPED / "heads.npz")
    for name in ("domain", "complexity", "fact_check", "feedback", "modality", "jailbreak"):
        assert heads[name].labels
    assert heads.matrix("tools") is not None


def test_origin_and_licences_are_told() -> None:
    notice = (SHIPPED / "NOTICE").read_text("utf-8")
    assert "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" in notice
    card = Path(SHIPPED / "README.md").read_text("utf-8")
    assert all(name in card for name in FILES)
