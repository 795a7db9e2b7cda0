"""Offered tools, as a gateway's requests bring them. Similar words lie close in the encoder of these tests, too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.decide import Policy
from pointsman.policies.expr import parse
from pointsman.policies.resolve import problems
from pointsman.policies.types import Decision
from pointsman.signals.encoder.encoding import Encoding, Vector
from pointsman.signals.facts import Facts, Message, PoolLoad, Route, Tool
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings
from pointsman.signals.tools import CLOSEST, MAX_NAME, Tools, ToolsOptions
from tests.support.encoders import LetterEncoder
from tests.support.neural import encode_for

WEATHER = Tool("get_weather", "Tells the weather forecast of a city.")
STOCKS = Tool("stockPrice", "Latest share price of a company by its ticker symbol.")
MAIL = Tool("send-mail", "Sends an e-mail to a person.")
OFFERED = (STOCKS, WEATHER, MAIL)


class Topics(LetterEncoder):
    """A text's vector says which of these topics it is about."""

    topics = (("weather", "rain", "umbrella"), ("stock", "share", "shares"), ("mail", "letter"))
    dimension = len(topics) + 1

    def encode(self, passages: Sequence[str]) -> list[Encoding]:
        self.asked.append(list(passages))
        return [_about(passage) for passage in passages]


def _about(passage: str) -> Encoding:
    words = passage.lower().replace("?", " ").replace(":", " ").split()
    counts = [sum(word in topic for word in words) for topic in Topics.topics]
    vector = np.asarray([*counts, 0.1], np.float32)
    vector /= np.linalg.norm(vector)
    return Encoding(vector, vector, np.zeros(1, np.int32))


def tools(encoder: Any = None, **options: Any) -> Tools:
    signal = Tools("tools", ToolsOptions.model_validate({"type": "tools", **options}))
    signal.prepare(encoder or Topics())
    return signal


def reads(signal: Tools, text: str, offered: Sequence[Tool] = OFFERED) -> Readings:
    facts = Facts(Route.CHAT, read_messages=lambda: (Message("user", text),), read_offered=lambda: offered)
    return Readings({"tools": signal}, facts)


def ask(signal: Tools, text: str, offered: Sequence[Tool] = OFFERED) -> Any:
    found = reads(signal, text, offered)
    value = encode_for(found, "tools", Topics())
    assert found.failures == {}
    return value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What is the weather in Paris?", "get_weather"),
        ("Do I need an umbrella in Paris?", "get_weather"),
        ("How much is one share of Apple?", "stockPrice"),
        ("Forecasting for cities", "get_weather"),
        ("STOCKPRICES", "stockPrice"),
    ],
    ids=["both", "meaning", "both again", "inflected words", "a part of the name"],
)
def test_the_best_tool_stands_first(text: str, name: str) -> None:
    found = ask(tools(threshold=0), text)
    assert found.value[0] == name
    assert next(iter(found.labels)) == name
    assert found.score == max(found.labels.values()) == found.labels[name]
    assert all(0 <= score <= 1 for score in found.labels.values())


def test_no_tool_is_needed() -> None:
    signal = tools()
    assert ask(signal, "What is the weather in Paris?").value == ("get_weather",)
    found = ask(signal, "Who wrote Hamlet?")
    assert found.value == ()
    assert len(found.labels) == 3
    assert ask(tools(threshold=0), "Who wrote Hamlet?").value != ()


@pytest.mark.parametrize(("text", "offered"), [("", OFFERED), ("weather", ()), ("  \n", OFFERED)])
def test_without_a_question_or_tools_none_fits_and_nothing_is_encoded(text: str, offered: Sequence[Tool]) -> None:
    assert reads(tools(), text, offered)["tools"].value == ()


def test_conditions_name_a_tool_as_the_client_does() -> None:
    signal = tools()
    names = {"get_weather": "any weather?", "stockPrice": "the stock price?", "send-mail": "send mail?"}
    for name, text in names.items():
        when = parse(f"tools.{name}")
        assert problems(when, {"tools": signal}, ()) == []
        policy = Policy([Decision("yes", when)], {"tools": signal})
        for asked in names.values():
            found = reads(signal, asked)
            encode_for(found, "tools", Topics())
            assert (policy.decide(found, lambda pool: PoolLoad()).decision is not None) == (asked == text)


def test_top_is_the_most_that_are_shown() -> None:
    many = [Tool(f"weather_{n}", "weather of a city") for n in range(20)]
    found = ask(tools(top=3), "weather?", many)
    assert (len(found.value), list(found.labels)) == (3, ["weather_0", "weather_1", "weather_2"])


def test_past_calls_teach_what_descriptions_do_not_say(tmp_path: Path) -> None:
    query = "Will my letter get wet rain?"
    assert ask(tools(threshold=0), query).value[0] != "stockPrice"
    past = ["Will the letter be wet rain?", "Is my letter wet rain today?"]
    assert ask(tools(threshold=0, examples={"stockPrice": past}), query).value[0] == "stockPrice"
    calls = tmp_path / "calls.jsonl"
    calls.write_text("".join(json.dumps({"query": text, "tool": "stockPrice"}) + "\n" for text in past), "utf-8")
    assert ask(tools(threshold=0, calls=str(calls)), query).value[0] == "stockPrice"


def test_past_calls_of_tools_that_are_not_offered_do_nothing() -> None:
    signal = tools(examples={"gone": ["weather?"]})
    assert ask(signal, "weather?") == ask(tools(), "weather?")


@pytest.mark.parametrize(
    "line", ['{"query": "x"}', '{"query": " ", "tool": "t"}', '{"query": "x", "tool": 3}', "[]", "{"]
)
def test_a_bad_file_of_calls_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text('{"query": "x", "tool": "t"}\n' + line, "utf-8")
    with pytest.raises(ValueError, match=r"calls\.jsonl:2: "):
        tools(calls=str(calls))


def test_descriptions_are_encoded_once() -> None:
    signal = tools()
    many = [Tool(f"tool_{n}", f"Number {n}. " + "Looks up what is known of some thing. " * 6) for n in range(12)]
    asked: list[str] = []
    for request in range(3):
        found = reads(signal, f"thing {request}", many)
        with pytest.raises(NeedsEncoding) as needed:
            found["tools"]
        asked += needed.value.passages[1:]
        encode_for(found, "tools", Topics())
    assert len(asked) == len(set(asked)) == 12


def test_if_the_encoder_is_late_the_words_decide() -> None:
    found = reads(tools(), "What is the weather forecast for the city of Paris?")
    with pytest.raises(NeedsEncoding) as needed:
        found["tools"]
    found.unencoded(needed.value.passages, "late", 0.05)
    assert found["tools"].value == ("get_weather",)
    assert (found.missed, found.failures) == ({"tools": "late"}, {})


def test_a_fitted_projection_compares_queries_with_descriptions() -> None:
    class Fitted(Topics):
        def matrix(self, name: str) -> Vector | None:
            """Takes rain for a matter of shares."""
            return np.asarray([[1, 1, 0, 0], [0, 0, 1, 0]], np.float32) if name == "tools" else None

    plain, fitted = (ask(tools(encoder, threshold=0), "rain?", (STOCKS, MAIL)) for encoder in (Topics(), Fitted()))
    assert fitted.labels["stockPrice"] > plain.labels["stockPrice"]
    assert fitted.value[0] == "stockPrice"


def test_thousands_of_tools() -> None:
    many = [Tool(f"tool_{n}", "Does a thing of no interest.") for n in range(5000)]
    many[4321] = WEATHER
    found = reads(tools(), "weather forecast for a city?", many)
    assert encode_for(found, "tools", Topics()).value == ("get_weather",)
    assert len(found.values["tools"].labels) == 5
    assert len(many) > CLOSEST


def test_what_no_provider_takes_is_left_out_and_of_equal_names_the_first_counts() -> None:
    offered = (Tool("x" * (MAX_NAME + 1), "weather"), Tool("", "weather"), WEATHER, Tool("get_weather", "stock"))
    labels = ask(tools(), "weather?", offered).labels
    assert set(labels) == {"get_weather"}
    assert labels["get_weather"] > 0.5


@given(st.lists(st.builds(Tool, st.text(max_size=20), st.text(max_size=60)), max_size=8), st.text(max_size=60))
def test_nothing_that_is_offered_or_asked_breaks_it(offered: list[Tool], text: str) -> None:
    found = ask(SIGNAL, text, offered)
    assert set(found.value) <= set(found.labels) <= {tool.name for tool in offered}
    assert list(found.labels.values()) == sorted(found.labels.values(), reverse=True)


SIGNAL = tools()
