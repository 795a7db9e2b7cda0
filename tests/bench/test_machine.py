from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from pointsman import __version__
from pointsman.bench import machine
from pointsman.bench.children import Cores
from pointsman.bench.contenders import Rivals


def test_the_page_says_where_the_figures_come_from() -> None:
    described = machine.describe(Cores(0, 1, 1), Rivals(None, None))
    text = machine.lines(described, "pointsman bench overhead --rounds 5")
    assert f"Python {platform.python_version()}; pointsman {__version__}, uvicorn " in text
    assert "- Placement: gateway on core 0, upstream on core 1, load on core 1" in text
    assert text.endswith("- Command: `pointsman bench overhead --rounds 5`")
    assert described["processor"]


def test_an_unknown_version_is_no_reason_to_give_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described = machine.describe(Cores(None, None, None), Rivals(tmp_path / "bin" / "litellm", None))
    assert described["versions"]["LiteLLM"] == "?"
    assert "is unknown" in capsys.readouterr().err


def test_versions_of_others_come_from_their_own_installation(tmp_path: Path) -> None:
    (tmp_path / "python").write_text(f"#!{sys.executable}\nprint('1.2.3')\n")
    (tmp_path / "python").chmod(0o755)
    described = machine.describe(Cores(None, None, None), Rivals(tmp_path / "litellm", None))
    assert described["versions"]["LiteLLM"] == "1.2.3"
