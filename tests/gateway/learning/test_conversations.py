"""Which requests are turns of one conversation, and what shows of an answer in the turn after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pointsman.gateway.learning.conversations import Conversations, Place
from pointsman.gateway.learning.implicit import implied, measured
from pointsman.gateway.observe.outcome import Attempt, ErrorSource, Outcome, Phase, Result, Timings
from pointsman.policies.outcome import REASKED, REGENERATED, TURNS, Source, evidence
from pointsman.policies.select.context import Previous
from pointsman.signals.facts import Facts, Message, Route
from tests.support.learning import Clock


def facts(*said: str, session: str | None = None, tenant: str | None = None, **given: Any) -> Facts:
    """Of user and assistant in turn; `system:…`, `tool:…` say who they are of."""
    messages = []
    for number, text in enumerate(said):
        role, _, rest = text.rpartition(":")
        messages.append(Message(role or ("user", "assistant")[number % 2], rest))
    headers = {} if session is None else {"x-session-id": session}
    return Facts(Route.CHAT, read_messages=lambda: messages, headers=headers, tenant=tenant, **given)


class Talk:
    def __init__(self) -> None:
        self.clock = Clock()
        self.all = Conversations(most=3, clock=self.clock)

    def answered(self, of: Facts, request: str = "r", pool: str = "small", vector: Any = None) -> None:
        place = self.all.place(of)
        assert place is not None
        self.all.answered(place, (None, request), pool, 100, vector)

    def implied(self, of: Facts, vector: Any = None, **feedback: float) -> Any:
        place = self.all.place(of)
        assert place is not None
        before = self.all.latest(place) if place.goes_on else None
        return None if before is None else implied(of, place, before, vector, feedback)


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_the_second_turn_finds_the_first(talk: Talk) -> None:
    assert talk.all.previous(facts("hi")) is None
    talk.answered(facts("hi"))
    talk.clock.now = 7.0
    assert talk.all.previous(facts("hi", "hello", "and now?")) == Previous("small", 1, 100, 7.0)


def test_turns_in_a_row_are_those_of_one_pool(talk: Talk) -> None:
    talk.answered(facts("hi"))
    talk.answered(facts("hi", "hello", "more"))
    found = talk.all.previous(facts("hi", "hello", "more", "so", "again"))
    assert found is not None
    assert found.turns == 2
    talk.answered(facts("hi", "hello", "more", "so", "again"), pool="large")
    found = talk.all.previous(facts("hi", "hello", "more", "so", "again", "ok", "end"))
    assert found is not None
    assert (found.pool, found.turns) == ("large", 1)


@pytest.mark.parametrize(
    "other",
    [
        facts("hi", "hello", "other", "so", "next"),  # it went another way
        facts("hi"),  # somebody else's beginning
        facts("hi", "hello", "more", tenant="team"),
        facts("system:be brief", "user:hi", "assistant:hello", "user:more"),
        facts("hi", "hello", "more", session="s"),
        Facts(Route.CHAT),
    ],
)
def test_another_conversation(talk: Talk, other: Facts) -> None:
    talk.answered(facts("hi"))
    talk.answered(facts("hi", "hello", "more"))
    assert talk.all.previous(other) is None


def test_a_session_needs_no_earlier_turns(talk: Talk) -> None:
    talk.answered(facts("hi", session="s"))
    found = talk.all.previous(facts("and now?", session="s"))
    assert found is not None
    assert found.pool == "small"
    assert talk.all.previous(facts("and now?", session="other")) is None


def test_in_the_midst_of_a_tools_use(talk: Talk) -> None:
    talk.answered(facts("what time?"))
    found = talk.all.previous(facts("user:what time?", "assistant:", "tool:noon"))
    assert found is not None
    assert found.tool_loop


def test_the_least_recent_makes_room(talk: Talk) -> None:
    for text in "abcd":
        talk.answered(facts(text))
    assert len(talk.all) == 3
    assert talk.all.previous(facts("a", "x", "y")) is None
    assert talk.all.previous(facts("b", "x", "y")) is not None


def test_odd_texts(talk: Talk) -> None:
    talk.answered(facts("\ud800"))
    assert talk.all.previous(facts("\ud800", "x", "y")) is not None


A, B = np.array([1, 0], np.float16), np.array([0, 1], np.float32)


def test_what_the_user_says_next(talk: Talk) -> None:
    talk.answered(facts("hi"), vector=A)
    turn = facts("hi", "hello", "that is wrong")
    assert talk.implied(turn, B, none=0.2, dissatisfied=0.8) == evidence(Source.IMPLICIT, TURNS["dissatisfied"], 0.8)
    assert talk.implied(turn, B, none=0.8, dissatisfied=0.2) is None
    assert talk.implied(turn) is None


def test_the_same_question_once_more(talk: Talk) -> None:
    talk.answered(facts("how do I boil an egg"), vector=A)
    turn = facts("how do I boil an egg", "hello", "please tell me how to boil an egg")
    assert talk.implied(turn, A.astype(np.float32)) == evidence(Source.IMPLICIT, REASKED)
    assert talk.implied(turn, B) is None
    other = facts("how do I boil an egg", "hello", "how do I boil 12 eggs")
    assert talk.implied(facts("how do I boil an egg", "hello", "how do I boil a shoe"), A.astype(np.float32)) is None
    assert talk.implied(other, np.ones(3, np.float32)) is None  # of another encoder


def test_the_same_messages_once_more(talk: Talk) -> None:
    talk.answered(facts("hi", "hello", "more"))
    assert talk.implied(facts("hi", "hello", "more")) == evidence(Source.IMPLICIT, REGENERATED)
    talk.answered(facts("do it", session="s"))
    assert talk.implied(facts("do it", session="s")) == evidence(Source.IMPLICIT, REGENERATED)


def test_whoever_begins_with_the_same_words_says_nothing_of_others_answers(talk: Talk) -> None:
    talk.answered(facts("hi"))
    assert talk.implied(facts("hi")) is None


def test_a_tools_result_says_nothing(talk: Talk) -> None:
    talk.answered(facts("what time?"))
    assert talk.implied(facts("user:what time?", "assistant:", "tool:noon"), None, satisfied=1.0) is None


def outcome(**given: Any) -> Outcome:
    usual: dict[str, Any] = {"status": 200, "facts": facts("hi"), "finish": "stop"}
    return Outcome("r", Route.CHAT, timings=Timings(1, 1), **(usual | given))


def failed(result: Result, **given: Any) -> Outcome:
    attempts = (Attempt("small", "a", result, 1.0),)
    return outcome(status=502, error_source=ErrorSource.UPSTREAM, attempts=attempts, finish=None, **given)


def test_what_an_answer_shows_of_itself() -> None:
    assert measured(outcome()) is None
    for how in ("length", "max_tokens", "incomplete"):
        cut = measured(outcome(finish=how))
        assert cut is not None
        assert 0 < cut.quality < 0.5
    assert measured(outcome(finish="length", facts=facts("hi", max_tokens=5))) is None


def test_whose_failure_it_is() -> None:
    for result in (Result.ERROR, Result.RESET, Result.INVALID, Result.TIMEOUT):
        found = measured(failed(result))
        assert found is not None
        assert found.quality == 0
    for result in (Result.CONNECT, Result.LIMITED, Result.AUTH, Result.REJECTED):
        assert measured(failed(result)) is None


def test_that_a_client_left_is_nobodys_failure() -> None:
    assert measured(outcome(status=499, disconnect=Phase.STREAM, finish="length")) is None
    assert measured(failed(Result.RESET, disconnect=Phase.BODY)) is None


def test_a_place_is_found_once(talk: Talk) -> None:
    of = facts("hi", "hello", "more")
    first = talk.all.place(of)
    assert isinstance(first, Place)
    assert talk.all.place(of) is first
