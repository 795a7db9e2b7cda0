from __future__ import annotations

import pytest

from pointsman.policies.expr import ExprError, parse


def error(text: str) -> ExprError:
    with pytest.raises(ExprError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "the expression is empty; write `true`"),
        ("  ", 1, "the expression is empty"),
        ("a && b", 3, "`&&` is no operator; write `and`"),
        ("a & b", 3, "write `and`"),
        ("a || b", 3, "`||` is no operator; write `or`"),
        ("a | b", 3, "write `or`"),
        ("!a", 1, "write `not`"),
        ("a and !b", 7, "write `not`"),
        ("~a", 1, "write `not`"),
        ("size = 3", 6, "`=` is no operator; write `==`"),
        ("size => 3", 6, "write `>=`"),
        ("size =< 3", 6, "write `<=`"),
        ("size <> 3", 7, "`<>` is no operator; write `!=`"),
        ("size ≥ 3", 6, "write `>=`"),
        ("（a)", 1, "write `(`"),
        ("a AND b", 3, "keywords are in lower case; write `and` for `AND`"),
        ("a Or b", 3, "write `or` for `Or`"),
        ("NOT a", 5, "write `not` for `NOT`"),
        ("a == TRUE", 6, "write `true` for `TRUE`"),
        ("(a or b", 1, "this `(` is never closed; add `)`"),
        ("(a and (b or c)", 1, "this `(` is never closed"),
        ("a and (b or c", 7, "this `(` is never closed"),
        ("a)", 2, "this `)` closes nothing"),
        ("(a))", 4, "this `)` closes nothing"),
        ("a and", 6, "ends too early: a signal, `not` or `(` is expected after `and`"),
        ("a or not ", 9, "is expected after `not`"),
        ("a and )", 7, "found `)`, but a signal"),
        ("()", 2, "found `)`, but a signal"),
        ("and a", 1, "found `and`, but a signal, `not` or `(` is expected"),
        ("a and or b", 7, "found `or`, but a signal"),
        ("a b", 3, "found `b`, but `and`, `or` or the end is expected after `a`"),
        ("(a b)", 4, "found `b`, but `and`, `or` or `)` is expected after `a`"),
        ("a android", 3, "found `android`"),
        ("a order", 3, "found `order`"),
        ("nota b", 6, "found `b`"),
        ("domain.", 8, "a label is expected after `.`"),
        ("domain.?", 8, "found `?`, but a label is expected"),
        ("size >", 7, "a number is expected after `>`"),
        ("size > other", 8, "found `other`, but a number is expected after `>`"),
        ("size > 8k", 8, "`8k` is not a number; write it in plain digits"),
        ("size > 8_000", 8, "`8_000` is not a number"),
        ("size > .5", 8, "`.5` is not a number"),
        ("size > 1.2.3", 8, "`1.2.3` is not a number"),
        ("8000", 5, "the number 8000 must be compared with a signal"),
        ("8000 and a", 6, "the number 8000 must be compared"),
        ("3 > 4", 5, "a comparison has a number on one side only"),
        ("1 < size < 5", 10, "comparisons do not chain"),
        ("size < 5 > 3", 10, "comparisons do not chain"),
        ("domain == math", 11, "only numbers are compared; write `domain.math`"),
        ("domain != math", 11, "write `not domain.math`"),
        ('domain == "math"', 11, "only numbers are compared; write `domain.math`"),
        ('domain != "pure math"', 11, 'write `not domain."pure math"`'),
        ("domain == 'math'", 11, "write `domain.math`"),
        ("'math'", 1, "`'` quotes nothing here; names and labels stand without quotes, or in double ones"),
        ("a in ['b']", 7, "`'` quotes nothing here"),
        ('a and "b', 7, 'this `"` is never closed'),
        ('a "b"', 3, 'found `"b"`, but `and`, `or` or the end is expected'),
        ('"" and a', 1, "a name or label is missing between these quotes"),
        ('("a)" or b', 1, "this `(` is never closed"),
        ("hard == true", 9, "write `hard`"),
        ("hard == false", 9, "write `not hard`"),
        ("hard != true", 9, "write `not hard`"),
        ("hard != false", 9, "write `hard`"),
        ("domain in", 10, "ends too early: a list is expected after `in`, as in `domain in [math, physics]`"),
        ("domain in math", 11, "found `math`, but a list is expected after `in`"),
        ("domain in (math, law)", 11, "`(` has no meaning here; a list of labels or numbers follows `in`"),
        ("domain in {math}", 11, "`{` has no meaning here; a list of labels"),
        ("domain in [math", 11, "this `[` is never closed; add `]`"),
        ("domain in [math law]", 17, "found `law`, but `,` or `]` is expected after `math`"),
        ("domain in [math,,law]", 17, "found `,`, but a label or a number is expected after `,`"),
        ("domain in []", 1, "nothing is in an empty list; write `domain in [one, other]`"),
        ("domain IN [math]", 8, "keywords are in lower case; write `in` for `IN`"),
        ("domain not math", 12, "`in` and a list are expected after `not`, as in `domain not in [math, physics]`"),
        ("domain.math in [a]", 1, "`domain.math` is one label already; write `domain in [...]`"),
        ("pool.small.load in [a]", 21, "a pool's state has no labels; list numbers"),
        ("in or a", 1, "found `in`, but a signal, `not` or `(` is expected"),
        ("3 in [a]", 3, "the number 3 must be compared with a signal"),
        ("domain.[math]", 8, "`[` has no meaning here"),
        ("a, b", 2, "`,` has no meaning here"),
        ("a % 2", 3, "found `%`"),
        ("a\x00b", 2, "found `U+0000`"),
        ("a " + "x" * 500, 3, f"found `{'x' * 40}`"),
    ],
)
def test_a_mistake_is_named_with_what_to_write(text, column, message):
    found = error(text)
    assert message in found.message
    assert (found.line, found.column) == (1, column)


def test_places_in_later_lines():
    found = error("a\n  and (b\n  or c")
    assert (found.line, found.column) == (2, 7)


@pytest.mark.parametrize(
    "filler", ["a" * 60_000, " " * 60_000, "a " * 30_000, "a." * 30_000, "=" * 60_000, "'" * 60_000]
)
def test_long_mistakes_are_explained_at_once_and_in_few_words(filler):
    assert len(error(f"{filler} and ) {filler}").message) < 200
