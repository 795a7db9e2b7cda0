"""The shipped examples, and the keys that some of them want from the environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("examples/*.yaml"))


def invent_secrets(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"^[^#\n]*\benv:([A-Z_]+)", path.read_text("utf-8"), re.MULTILINE):
        monkeypatch.setenv(name, f"of-{name}")
