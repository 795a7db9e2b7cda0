"""What `check` says of signals that are made of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.gateway.config import examine

BASE = """\
version: 1
pools: {{small: {{model: s, endpoints: [http://127.0.0.1:8001]}}}}
signals:
  hot: {{type: keyword, any: [hot]}}
  size: {{type: context}}
  lang: {{type: language}}
  p: {signal}
{more}
decisions:
  - {{name: all, when: p > 1 or true, models: [small]}}
"""

Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    def problems(signal: str, more: str = "") -> list[str]:
        path = tmp_path / "p.yaml"
        path.write_text(BASE.format(signal=signal, more=more), "utf-8")
        found = [str(problem) for problem in examine(path).problems if problem.severity == "error"]
        return [problem.removeprefix(f"{path}:") for problem in found]

    return problems


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ("hott", "there is no signal `hott`; did you mean `hot`?"),
        ("pool.small.load", "there is no signal `pool`"),
        ("lang", "`lang` is a label; say which one, as in `lang."),
        ("lang.english", "`lang` has no label `english`"),
        ("size.big", "`size` is a number and has no labels; write `size` alone"),
        ("hot.very", "`hot` is true or false and has no labels; write `hot` alone"),
        ("p", "`p` depends on itself: `p` → `p`"),
    ],
)
def test_what_a_projection_cannot_name(problems: Problems, weight: str, expected: str) -> None:
    (found,) = problems(f"{{type: projection, weights: {{size: 1, {weight}: 2}}}}")
    assert found.startswith(f"7:44: error: {expected}")


def test_the_place_of_a_mistake_in_a_group(problems: Problems) -> None:
    (found,) = problems("{type: projection, group: {one: hot, two: hott}}")[:1]
    assert found == "7:48: error: there is no signal `hott`; did you mean `hot`?"


def test_a_longer_circle(problems: Problems) -> None:
    more = "  q: {type: projection, weights: {hot: 1, r: 1}}\n  r: {type: projection, weights: {p: 1}}"
    (found,) = problems("{type: projection, weights: {q: 1}}", more)
    assert "depends on itself" in found
    assert all(f"`{name}`" in found for name in "pqr")


def test_one_complaint_is_enough(problems: Problems) -> None:
    """What is made of a broken signal is not complained of, too."""
    found = problems("{type: projection, weights: {q: 1}}", "  q: {type: regex, pattern: '('}")
    assert len(found) == 1
    assert found[0].startswith("8:")


def test_a_part_of_a_used_projection_is_used(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(BASE.format(signal="{type: projection, weights: {hot: 1, size: 1}}", more=""), "utf-8")
    unused = [problem.message for problem in examine(path).problems if "no decision" in problem.message]
    assert unused == ["signal `lang` is used by no decision"]
