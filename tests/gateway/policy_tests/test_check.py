from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.gateway.config import examine

BASE = """\
version: 1
pools: {small: {model: s, endpoints: [http://127.0.0.1:9]}, large: {model: l, endpoints: [http://127.0.0.1:9]}}
signals:
  urgent: {type: keyword, any: [urgent]}
  size:   {type: context}
  domain: {type: domain}
  lang:   {type: language}
  broken: {type: regex, pattern: "(["}
decisions:
  - {name: hurry, when: urgent or size > 9 or domain.math or lang.zh, models: [small]}
  - {name: all, when: true, models: [large]}
tests:
"""


def problems(tmp_path: Path, test: str) -> list[str]:
    path = tmp_path / "p.yaml"
    path.write_text(f"{BASE}  - {test}\n", "utf-8")
    found = (p for p in examine(path).problems if p.line == 13)
    return [f"{p.column}: {p.severity}: {p.message}" for p in found]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("{expect: {decision: §hury}}", "there is no decision `hury`; did you mean `hurry`?"),
        ("{expect: {not_decision: [all, §hury]}}", "there is no decision `hury`; did you mean `hurry`?"),
        ("{expect: {models: [large, §smal]}}", "there is no pool `smal`; did you mean `small`?"),
        ("{expect: {pool: §smal}}", "there is no pool `smal`; did you mean `small`?"),
        ("{pools: {§smal: {load: 1}}, expect: {pool: small}}", "there is no pool `smal`; did you mean `small`?"),
        ("{signals: {§urgnt: true}, expect: {pool: small}}", "there is no signal `urgnt`; did you mean `urgent`?"),
        ("{expect: {signals: {§urgnt: true}}}", "there is no signal `urgnt`; did you mean `urgent`?"),
        ("{expect: {signals: {urgent: §high}}}", "`urgent` is true or false; write one of them, or null for unknown"),
        ("{signals: {size: §true}, expect: {pool: small}}", "`size` is a number; write one"),
        ("{expect: {signals: {size: §big}}}", '`size` is a number; write one, or a comparison such as "> 8000"'),
        ('{signals: {size: §"> 8000"}, expect: {pool: small}}', "`size` is a number; write one"),
        ("{signals: {domain: §3}, expect: {pool: small}}", "`domain` is a label; write one, such as biology"),
        ("{signals: {domain: §maths}, expect: {pool: small}}", "`domain` has no label `maths`; did you mean `math`?"),
        ("{expect: {signals: {domain: §[law, maths]}}}", "`domain` has no label `maths`; did you mean `math`?"),
        ("§{prompt: a}", "the key `expect` is missing here"),
        ("{expect: §{}}", "a test needs something to expect, such as {decision: NAME}"),
        ("{expect: {§decison: all}}", "unknown key `decison`; did you mean `decision`?"),
        ("{§promt: a, expect: {decision: all}}", "unknown key `promt`; did you mean `prompt`?"),
        ("§{prompt: a, request: {}, expect: {decision: all}}", "a test has either `prompt` or `request`"),
        ("§{model: small, request: {}, expect: {decision: all}}", "a test has either `model` or `request`"),
        ("{request: §3, expect: {decision: all}}", "this must be a mapping of keys such as {a: 1} or text"),
        ("{now: §soon, expect: {decision: all}}", "a time is written as 2026-03-02T22:30"),
        ("{now: §2026-03-02, expect: {decision: all}}", "a time is written as 2026-03-02T22:30"),
        ("{expect: {signals: {size: §'> 3x'}}}", 'a comparison is an operator and a number, such as "> 8000"'),
        ("{pools: {small: {load: §-1}}, expect: {pool: small}}", "this must be at least 0"),
        ("{pools: {small: {§lod: 1}}, expect: {pool: small}}", "unknown key `lod`; did you mean `load`?"),
        ("{headers: {x-a: §1}, expect: {pool: small}}", "this must be text; put it in quotes"),
    ],
)
def test_what_nothing_answers_to(tmp_path: Path, test: str, expected: str) -> None:
    """The sign § stands before the place of the error."""
    before, _, after = test.partition("§")
    (found,) = problems(tmp_path, before + after)
    assert found.startswith(f"{len(before) + 5}: error: {expected}")


@pytest.mark.parametrize(
    "test",
    [
        "{expect: {decision: explicit}}",
        "{model: small, expect: {decision: explicit}}",
        "{signals: {urgent: null, size: 3, domain: computer_science, lang: [zh]}, expect: {decision: all}}",
        "{expect: {signals: {size: '>= 3.5', domain: [], lang: zh, urgent: null}}}",
        "{expect: {signals: {domain: Computer-Science}}}",
        "{signals: {broken: true}, expect: {decision: all}}",  # one complaint about the signal is enough
        "{expect: {not_decision: all}}",
        "{expect: {models: []}}",
    ],
)
def test_what_is_right(tmp_path: Path, test: str) -> None:
    assert problems(tmp_path, test) == []
