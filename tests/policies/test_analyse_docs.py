"""`docs/policies.md` says what `check` finds: each of its examples is checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pointsman.gateway.config import examine

DOCS = (Path(__file__).parents[2] / "docs" / "policies.md").read_text("utf-8")
SECTION = re.search(r"^## What `check` finds\n(.*?)(?=^## )", DOCS, re.DOTALL | re.MULTILINE)
assert SECTION
GIVEN = re.findall(r"^```yaml\n(pools:.*?)^```$", SECTION[1], re.DOTALL | re.MULTILINE)[0]
EXAMPLES = re.findall(r"^```yaml\n(decisions:.*?)^```\n```\n(.*?)^```$", SECTION[1], re.DOTALL | re.MULTILINE)
ABOUT_ALL = "is used by no decision", "is in no decision"  # true of most examples, which are short


def test_every_yaml_example_says_what_is_found():
    assert SECTION
    assert len(EXAMPLES) == SECTION[1].count("```yaml\ndecisions:") >= SECTION[1].count("\n### ")


@pytest.mark.parametrize(("decisions", "expected"), EXAMPLES, ids=[found.split("`")[1] for _, found in EXAMPLES])
def test_examples(tmp_path: Path, decisions: str, expected: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(f"version: 1\n{GIVEN}{decisions}", "utf-8")
    found = [f"{problem.severity}: {problem.message}" for problem in examine(path).problems]
    told = expected.splitlines()
    assert set(told) <= set(found)
    assert [finding for finding in found if not any(about in finding for about in ABOUT_ALL)] == [
        finding for finding in told if not any(about in finding for about in ABOUT_ALL)
    ]
