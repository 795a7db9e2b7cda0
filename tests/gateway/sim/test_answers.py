from __future__ import annotations

from random import Random
from typing import Any

import pytest

from pointsman.gateway.sim.answers import (
    Call,
    Length,
    answer_calls,
    answer_text,
    fill_schema,
    logprobs,
    shorten,
    write_text,
)

LONG = Length(1000)


def test_a_text_names_the_model_and_what_was_asked() -> None:
    text = write_text("org/model", "Why is\nthe sky blue?", Random(1), LONG)
    assert text.startswith('org/model here. You wrote: "Why is the sky blue?".')


def test_a_long_question_is_shortened() -> None:
    assert shorten("word " * 1000).endswith("…")
    assert len(shorten("word " * 1000)) <= 61


def test_an_answer_that_ends_by_itself_has_a_last_token_without_text() -> None:
    answer = answer_text("one two", LONG)
    assert [delta.text for delta in answer.deltas] == ["one", " two", ""]
    assert answer.reason == "stop"


def test_the_limit_cuts_an_answer() -> None:
    answer = answer_text("one two three", Length(2))
    assert (answer.text, answer.reason, len(answer.deltas)) == ("one two", "length", 2)


def test_the_first_stop_string_ends_an_answer() -> None:
    answer = answer_text("one two three four", LONG, ["four", " three"])
    assert (answer.text, answer.reason, answer.stop) == ("one two", "stop", " three")


def test_a_stop_string_beyond_the_limit_does_not_count() -> None:
    assert answer_text("one two three", Length(1), ["three"]).reason == "length"


def test_an_answer_is_as_long_as_the_least_that_is_asked_for() -> None:
    text = write_text("m", "hi", Random(1), Length(500, 500))
    assert len(answer_text(text, Length(500, 500)).deltas) == 500


def test_calls_open_once_and_then_give_their_arguments() -> None:
    calls = [Call("1", "f", '{"a":1}'), Call("2", "g", "{}")]
    answer = answer_calls(calls, LONG)
    assert [(delta.call, delta.opens) for delta in answer.deltas if delta.opens] == [(0, True), (1, True)]
    assert "".join(delta.text for delta in answer.deltas if delta.call == 0) == '{"a":1}'
    assert (answer.text, answer.reason) == ("", "tool_calls")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "hi"),
        ({"type": ["integer", "null"], "minimum": 5}, 5),
        ({"enum": ["celsius", "kelvin"]}, "celsius"),
        ({"const": 7}, 7),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
        ({"type": "array", "items": {"type": "number"}, "minItems": 2}, [1, 1]),
        ({"type": "object", "properties": {"a": {"type": "object"}}}, {"a": {}}),
        ({}, {}),
        ({"type": "no such type"}, None),
        ({"type": "array", "items": 5}, [None]),
    ],
)
def test_a_schema_is_filled_with_a_value_of_its_shape(schema: dict[str, Any], value: object) -> None:
    assert fill_schema(schema, "hi") == value


def test_a_schema_without_end_is_cut() -> None:
    endless: dict[str, Any] = {"type": "object", "properties": {}}
    endless["properties"]["again"] = endless
    assert fill_schema(endless, "hi")


def test_logprobs_are_logarithms_of_probabilities_the_chosen_first() -> None:
    own, *top = logprobs("word", 3)
    assert top[0] == own
    values = [value for _, value in top]
    assert values == sorted(values, reverse=True)
    assert all(value <= 0 for value in values)
