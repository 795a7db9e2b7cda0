from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.expr import (
    MAX_LENGTH,
    And,
    Compare,
    Constant,
    Expr,
    ExprError,
    Not,
    Or,
    Place,
    PoolRef,
    SignalRef,
    parse,
    references,
)
from tests.policies.trees import expressions


def attempt(text: str) -> Expr | ExprError:
    try:
        return parse(text)
    except ExprError as error:
        return error


A, B, C = SignalRef("a"), SignalRef("b"), SignalRef("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("true", Constant(True)),
        ("false", Constant(False)),
        ("a", A),
        ("  a\n", A),
        ("(a)", A),
        ("((a))", A),
        ("domain.computer_science", SignalRef("domain", "computer_science")),
        ("lang.zh-Hant", SignalRef("lang", "zh-Hant")),
        ("version.2024-01", SignalRef("version", "2024-01")),
        ("a.and", SignalRef("a", "and")),
        ("日本語 and é_1", And((SignalRef("日本語"), SignalRef("é_1")))),
        ("team-a", SignalRef("team-a")),
        ("android or order", Or((SignalRef("android"), SignalRef("order")))),
        ("nothing and true_story", And((SignalRef("nothing"), SignalRef("true_story")))),
        ("not-a", SignalRef("not-a")),
        ("pool.small.load > 0.9", Compare(PoolRef("small", "load"), ">", 0.9)),
        ("pool.small-eu.healthy", PoolRef("small-eu", "healthy")),
        ("pool . small . load>1", Compare(PoolRef("small", "load"), ">", 1)),
        ("size <= -3", Compare(SignalRef("size"), "<=", -3)),
        ("size>=1.5e3", Compare(SignalRef("size"), ">=", 1500)),
        ("size == 8000", Compare(SignalRef("size"), "==", 8000)),
        ("8000 < size", Compare(SignalRef("size"), ">", 8000)),
        ("8000 >= size", Compare(SignalRef("size"), "<=", 8000)),
        ("3 != size", Compare(SignalRef("size"), "!=", 3)),
        ("a and b and c", And((A, B, C))),
        ("a or b and c", Or((A, And((B, C))))),
        ("(a or b) and c", And((Or((A, B)), C))),
        ("a and (b and c)", And((A, And((B, C))))),
        ("not a and b", And((Not(A), B))),
        ("not (a and b)", Not(And((A, B)))),
        ("not not a", Not(Not(A))),
        ("not size > 3", Not(Compare(SignalRef("size"), ">", 3))),
        ("domain in [math, law]", Or((SignalRef("domain", "math"), SignalRef("domain", "law")))),
        ("domain in[math]", SignalRef("domain", "math")),
        ("domain not in [math, law,]", Not(Or((SignalRef("domain", "math"), SignalRef("domain", "law"))))),
        ("not domain in [math]", Not(SignalRef("domain", "math"))),
        ("domain in [math, and, in]", parse("domain.math or domain.and or domain.in")),
        ("version in [2024-01, v2]", Or((SignalRef("version", "2024-01"), SignalRef("version", "v2")))),
        ('version in ["2024"]', SignalRef("version", "2024")),
        ("size in [1, -2.5]", Or((Compare(SignalRef("size"), "==", 1), Compare(SignalRef("size"), "==", -2.5)))),
        ("pool.small.queue in [0]", Compare(PoolRef("small", "queue"), "==", 0)),
        ("a and domain not in [law] or b", Or((And((A, Not(SignalRef("domain", "law")))), B))),
        ("indigo or inner", Or((SignalRef("indigo"), SignalRef("inner")))),
        ('"my signal" and b', And((SignalRef("my signal"), B))),
        ('"my signal"."a label"', SignalRef("my signal", "a label")),
        ('lang."zh Hant" or "size of it" > 3', parse('"lang"."zh Hant" or 3 < "size of it"')),
        ('"and" or "pool"', Or((SignalRef("and"), SignalRef("pool")))),
        ('pool."small".load > 1', Compare(PoolRef("small", "load"), ">", 1)),
        ('a."(b or c)"', SignalRef("a", "(b or c)")),
    ],
)
def test_text_becomes_a_tree(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("((a)) and((b or c))", "a and (b or c)"),
        ("9 < size", "size > 9"),
        ("size > 9.0", "size > 9"),
        ("(a and b) or c", "a and b or c"),
        ("not (not (a))", "not not a"),
        ("domain in [math, law] and a", "(domain.math or domain.law) and a"),
        ("size not in [3]", "not size == 3"),
        ('"a"."b" and "a b"."c.d"', 'a.b and "a b"."c.d"'),
        ('"in"."in"', '"in".in'),
        ("pool . x . kv>.5".replace(">.5", ">0.50"), "pool.x.kv > 0.5"),
    ],
)
def test_a_tree_has_one_text(text, canonical):
    assert str(parse(text)) == canonical


@given(expressions)
def test_the_text_of_a_tree_parses_to_that_tree(tree):
    assert parse(str(tree)) == tree


@given(st.text(alphabet="ab. ()<>=!&|'5-\ndnotiré中\x00[],\"", max_size=30) | st.text(max_size=30))
def test_any_text_is_a_tree_or_a_clear_error(text):
    result = attempt(text)
    if isinstance(result, ExprError):
        assert result.message
        assert 1 <= result.line <= text.count("\n") + 1
        assert 1 <= result.column <= len(text.split("\n")[result.line - 1]) + 1
    else:
        assert parse(str(result)) == result


def test_nodes_know_their_place():
    tree = parse("a and\n  not domain.math\n  or 3 < size")
    assert [ref.place for ref in references(tree)] == [Place(1, 1), Place(2, 7), Place(3, 10)]
    assert tree.operands[0].operands[1].place == Place(2, 3)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "a" + ")" * 10_000,
        "not " * 10_000 + "a",
        "a and (" * 9_000 + "a",
        "(" * 10_000,
        "not (a or " * 5_000 + "a",
    ],
)
def test_deep_nesting_is_an_error_not_a_crash(text):
    with pytest.raises(ExprError, match="nested too deeply"):
        parse(text)


def test_the_deepest_tree_that_parses_can_be_used():
    def nested(levels: int) -> str:
        return "not (b or c and " * levels + "a" + ")" * levels

    deepest = next(levels for levels in range(1, 1000) if isinstance(attempt(nested(levels + 1)), ExprError))
    tree = parse(nested(deepest))
    assert deepest > 10
    assert len(list(references(tree))) == 2 * deepest + 1
    assert parse(str(tree)) == tree
    assert len({tree, parse(str(tree))}) == 1


def test_a_long_flat_expression_is_read():
    assert len(parse(" or ".join(["a"] * 5_000)).operands) == 5_000


def test_a_long_list_is_read():
    assert len(parse(f"a in [{', '.join(['b'] * 5_000)}]").operands) == 5_000


def test_each_label_of_a_list_has_its_place():
    tree = parse("a or domain in [math,\n law]")
    math, law = tree.operands[1].operands
    assert [math.place, math.label_place, law.label_place] == [Place(1, 6), Place(1, 17), Place(2, 2)]


names = st.text(st.characters(exclude_characters='"', exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)


@given(names.filter(str.strip).map(lambda name: name[:128]), names.filter(str.strip).map(lambda name: name[:128]))
def test_any_name_can_be_quoted(name, label):
    tree = And((SignalRef(name, label), SignalRef(name))) if name.strip() and label.strip() else A
    assert parse(str(tree)) == tree


def test_length_is_bounded():
    with pytest.raises(ExprError, match=f"at most {MAX_LENGTH}"):
        parse("a" * (MAX_LENGTH + 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pool.small", "write `pool.small.load`"),
        ("pool", "write `pool.NAME.load`"),
        ("pool.small.load.now > 1", "three parts"),
        ("a.b.c", "`a.b.c` has too many parts; write `signal.label`"),
        ("a" + ".b" * 500, "`a.b.b` has too many parts"),
        ("a" * 500, "at most 128 characters"),
        ("a." + "b" * 500, "at most 128 characters"),
        ("size > 1e999", "too large"),
        ("size > " + "9" * 5_000, "too large"),
    ],
)
def test_what_the_grammar_allows_but_has_no_meaning(text, message):
    with pytest.raises(ExprError) as caught:
        parse(text)
    assert message in caught.value.message
    assert len(caught.value.message) < 200


def test_an_error_names_its_line_only_if_there_are_several():
    with pytest.raises(ExprError, match=r"^column 3: "):
        parse("a b")
    with pytest.raises(ExprError, match=r"^line 2, column 3: "):
        parse("a or\nb c")
