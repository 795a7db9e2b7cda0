from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from pointsman.gateway.document import MAX_BYTES, Keys, parse_document, read_document
from pointsman.gateway.errors import ConfigError


def read(text: str) -> object:
    return parse_document(dedent(text), "f.yaml").data


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_document(dedent(text), "f.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = """
        words: [no, yes, on, off, y, 09:00, 1_000, 2001-01-01, 0b1, '', "true", !!str 1, =]
        booleans: [true, False, TRUE]
        numbers: [010, 0o10, 0x1F, -3, +4, 1.5, 1e3, -.5]
        nothing: [~, null, ]
        no: norwegian
        1: a key is text
        on:
    """
    assert read(text) == {
        "words": ["no", "yes", "on", "off", "y", "09:00", "1_000", "2001-01-01", "0b1", "", "true", "1", "="],
        "booleans": [True, False, True],
        "numbers": [10, 8, 31, -3, 4, 1.5, 1000.0, -0.5],
        "nothing": [None, None],
        "no": "norwegian",
        "1": "a key is text",
        "on": None,
    }


def test_aliases_and_merge_keys() -> None:
    text = """
        base: &base {a: 1, b: 2}
        other: {<<: *base, b: 3}
        both: {<<: [*base, {b: 9, c: 9}], a: 0}
        list: &list [1, 2]
        again: *list
    """
    assert read(text) == {
        "base": {"a": 1, "b": 2},
        "other": {"b": 3, "a": 1},
        "both": {"a": 0, "b": 2, "c": 9},
        "list": [1, 2],
        "again": [1, 2],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: error: the file is empty; it begins with version: 1"),
        ("# only this\n", "1:1: error: the file is empty"),
        ("- a\n", "1:1: error: the file is not a mapping of keys"),
        ("a:\n\t- b", "2:1: error: a tab cannot indent YAML; use spaces"),
        ("a:\n  b: 1\n c: 2", "3:2: error: this line is not indented like the ones that it belongs to"),
        ("a: b: c", "1:5: error: a second ': ' on one line"),
        ("a: 'x", "1:6: error: a quote is not closed"),
        ("a: [1\nb: 3", "2:2: error: a ',' or ']' is missing"),
        ("a: {b: 1", "1:9: error: a ',' or '}' is missing"),
        ("a: @x", "1:4: error: text that begins with @ must be in quotes"),
        ("a: *nope", "1:4: error: there is no such anchor before this"),
        ("a: &x 1\nb: &x 2", "2:4: error: an anchor is a name that is there once"),
        ("a: ]", "1:4: error: a value is missing here"),
        ("a: - b", "1:4: error: a list cannot begin here"),
        ("{a: b}\nc: d", "2:1: error: what is above has ended here"),
        ("a: 1\n---\nb: 2", "2:1: error: a second '---' begins"),
        ("a: 1\nb: \x01", "2:4: error: the character U+0001 is not allowed"),
        ("a: !!python/object:os.system x", "1:4: error: tags are not supported"),
        ("a: !mine {}", "1:4: error: tags are not supported"),
        ("a: !!set {x}", "1:4: error: tags are not supported"),
        ("a: !!int x", "1:4: error: this is not a number"),
        (f"a: {'9' * 5000}", "1:4: error: this is not a number"),
        ("? [a]\n: b", "1:3: error: a key must be plain text"),
        ("a: {<<: 3}", "1:9: error: << takes an alias of a mapping"),
        ("a: &x [*x]", "1:4: error: this value contains itself"),
        ("a: &x {<<: *x}", "1:4: error: this value contains itself"),
        ("a: " + "[" * 10_000, "1:67: error: values are nested more than 64 levels deep"),
    ],
)
def test_what_is_wrong_and_where(text: str, expected: str) -> None:
    assert problems(text)[0].startswith(f"f.yaml:{expected}")


@pytest.mark.parametrize("start", ["*", "&a *", "!", "!!", "!<", "!a!", "@", "%", "&", "|", "{"])
def test_text_that_was_not_quoted_is_not_repeated(start: str) -> None:
    text = f"a: {start}s3cr3t\nb: {start}s3cr3t"
    assert "s3cr3t" not in str(problems(text))


def test_a_key_that_is_there_twice_names_the_first() -> None:
    assert problems("a: 1\nb: {c: 1, c: 2}\na: 3\n") == [
        "f.yaml:3:1: error: the key `a` is there twice; it was first in line 1",
        "f.yaml:2:11: error: the key `c` is there twice; it was first in line 2",
    ]


@pytest.mark.parametrize("line", ["[{0}]", "{{<<: [{0}], k{1}: {0}}}"])
def test_aliases_that_expand_to_billions_are_refused(line: str) -> None:
    lines = ["a0: &a0 {x: y}"]
    for level in range(1, 30):
        aliases = ", ".join([f"*a{level - 1}"] * (9 if line[0] == "[" else 1))
        lines.append(f"a{level}: &a{level} " + line.format(aliases, level))
    assert "values once its aliases are expanded" in problems("\n".join(lines))[-1]


def test_chains_of_aliases_are_not_too_deep_for_us() -> None:
    lines = ["a0: &a0 {x: y}", *(f"a{n}: &a{n} {{<<: *a{n - 1}}}" for n in range(1, 2000))]
    assert "nested more than 64 levels" in problems("\n".join(lines))[0]


def at(text: str, keys: Keys, offset: int = 0, *, at_key: bool = False) -> tuple[int, int]:
    problem = parse_document(dedent(text), "f").problem("m", keys, offset=offset, at_key=at_key)
    return problem.line, problem.column


def test_places() -> None:
    text = "a:\n  - {b: c}\n  - d: 'e'\n"
    assert at(text, ("a", 0, "b")) == (2, 9)
    assert at(text, ("a", 0, "b"), at_key=True) == (2, 6)
    assert at(text, ("a", 1)) == (3, 5)
    assert at(text, ("a", 1, "missing")) == (3, 5)
    assert at(text, ("missing",)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("when: ab and cd", (1, 14)),
        ("when:   'ab and cd'", (1, 17)),
        ('{when: "ab and cd"}', (1, 16)),
        ("when: 中文 and cd", (1, 14)),
        ("when:\n  ab\n  and\n  cd", (4, 3)),
        ("when: >-  # folded\n  ab\n  and cd", (3, 7)),
        ("when: |\n  ab and\n    cd\n", (3, 5)),
        ("x: 1\r\nwhen: |\r\n  ab and\r\n  cd\r\n", (4, 3)),
        ('when: "ab\\x20and cd"', (1, 7)),
    ],
)
def test_places_within_text(text: str, place: tuple[int, int]) -> None:
    document = parse_document(text, "f")
    offset = document.data["when"].index("cd")
    problem = document.problem("m", ("when",), offset=offset)
    assert (problem.line, problem.column) == place


def test_the_place_after_the_end_of_text() -> None:
    assert at("when: ab and ", ("when",), len("ab and")) == (1, 13)


def test_files(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            read_document(path)
        return str(caught.value)

    assert refused(tmp_path / "none.yaml") == f"{tmp_path}/none.yaml: error: there is no such file"
    assert "this is a directory; name the YAML file in it" in refused(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: 1\nb: é".encode("latin-1"))
    assert refused(latin) == f"{latin}:2:4: error: the file is not UTF-8 text; save it as UTF-8"
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    assert "larger than 4 MB" in refused(large)
    assert "not a file name" in refused(Path("a\0b"))


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1")
    document = read_document(path)
    assert document.data == {"a": 1}
    assert document.problem("m", ("a",)).column == 4
