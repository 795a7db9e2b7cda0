from __future__ import annotations

import pytest
from hypothesis import given

from pointsman.policies.expr import parse
from pointsman.policies.resolve import problems
from pointsman.signals.base import Shape
from pointsman.signals.pool import POOL_FIELDS
from tests.policies.trees import LABELS, SHAPES, Stub, expressions

SIGNALS = {
    "urgent": Stub("urgent", Shape.BOOL),
    "size": Stub("size", Shape.NUMBER),
    "domain": Stub("domain", Shape.LABEL, frozenset({"math", "law", "physics"})),
    "team": Stub("team", Shape.LABEL),
}
POOLS = ["small", "large"]


def found(text: str, signals=SIGNALS):
    return [(problem.column, problem.message) for problem in problems(parse(text), signals, POOLS)]


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "urgent and domain.math or not team.anything",
        "size > 3 and 4 <= size",
        "pool.small.healthy and pool.large.load < 0.9",
        *(f"pool.small.{field} > 0" for field, shape in POOL_FIELDS.items() if shape is Shape.NUMBER),
    ],
)
def test_what_fits_has_no_problems(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("urgnt", 1, "there is no signal `urgnt`; did you mean `urgent`?"),
        ("not domian.math", 5, "there is no signal `domian`; did you mean `domain`?"),
        ("siez > 3", 1, "there is no signal `siez`; did you mean `size`?"),
        ("zzzzz", 1, "there is no signal `zzzzz`; known are domain, size, team, urgent"),
        ("urgent or True", 11, "write `true` for `True`"),
        ("domain.maths", 1, "`domain` has no label `maths`; did you mean `math`?"),
        ("domain.Law", 1, "`domain` has no label `Law`; did you mean `law`?"),
        ("domain.zz", 1, "known are law, math, physics"),
        ("domain", 1, "`domain` is a label; say which one, as in `domain.law`"),
        ("team", 1, "`team` is a label; say which one, as in `team.label`"),
        ("domain > 3", 1, "`domain` is a label; say which one"),
        ("domain.math > 0.5", 1, "`domain.math` is true or false, not a number; write `domain.math` alone"),
        ("domain.maths > 0.5", 1, "did you mean `math`?"),
        ("size", 1, "`size` is a number; compare it, as in `size > 8000`"),
        ("size.large", 1, "`size` is a number; compare it, as in `size > 8000`"),
        ("size.large > 3", 1, "`size` is a number and has no labels; write `size > ...`"),
        ("urgent.math", 1, "`urgent` is true or false and has no labels; write `urgent` alone"),
        ("urgent == 1", 1, "`urgent` is true or false, not a number; write `urgent` alone"),
        ("urgent.very > 1", 1, "`urgent` is true or false and has no labels"),
        ("pool.smal.load > 1", 1, "there is no pool `smal`; did you mean `small`?"),
        ("pool.small.laod > 1", 1, "a pool's state has no `laod`; did you mean `load`?"),
        ("pool.small.load", 1, "`pool.small.load` is a number; compare it, as in `pool.small.load > 0.9`"),
        ("domain in [math, lwa]", 18, "`domain` has no label `lwa`; did you mean `law`?"),
        ("domian in [math, law]", 1, "there is no signal `domian`; did you mean `domain`?"),
        ("urgent not in [high, low]", 1, "`urgent` is true or false and has no labels"),
        ("domain in [3]", 1, "`domain` is a label, not a number; write `domain.3`"),
        ("size in [small]", 1, "`size` is a number; compare it"),
        ("pool.small.healthy > 0", 1, "`pool.small.healthy` is true or false, not a number"),
    ],
)
def test_a_problem_has_its_place_and_what_to_write(text, column, message):
    [(at, said)] = found(text)
    assert message in said
    assert at == column


def test_every_problem_is_found_from_left_to_right():
    assert [column for column, _ in found("urgnt and (size or not domain.maths) and pool.tiny.kv > 1")] == [
        1,
        12,
        24,
        42,
    ]


def test_without_any_signal_the_message_says_where_they_are_declared():
    assert found("urgent", signals={}) == [(1, "there is no signal `urgent`; declare it under `signals:`")]


@pytest.mark.parametrize("field", [f for f, shape in POOL_FIELDS.items() if shape is Shape.NUMBER])
def test_the_comparison_that_a_message_proposes_is_valid(field):
    [(_, message)] = found(f"pool.small.{field}")
    assert found(message.split("as in ")[1].strip("`")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("risky and not urgent", []),
        ("risky.high", [(1, "`risky` is a condition and has no labels; write `risky` alone")]),
        ("urgent or risky > 3", [(11, "`risky` is a condition, not a number; write `risky` alone")]),
        ("rsky", [(1, "there is no signal `rsky`; did you mean `risky`?")]),
    ],
)
def test_conditions_stand_alone(text, expected):
    assert [(p.column, p.message) for p in problems(parse(text), SIGNALS, POOLS, ["risky"])] == expected


@given(expressions)
def test_expressions_over_known_signals_fit(tree):
    signals = {name: Stub(name, shape, frozenset(LABELS)) for name, shape in SHAPES.items()}
    assert problems(tree, signals, {"small"}) == []
