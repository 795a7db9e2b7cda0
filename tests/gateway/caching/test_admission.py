"""What may be answered from the cache, and what is kept."""

import pytest

from pointsman.cache.categories import Category
from pointsman.gateway.access.keys import ANONYMOUS
from pointsman.gateway.caching.admission import LONGEST, admit, refuse
from pointsman.gateway.caching.said import read_said
from pointsman.gateway.observe.outcome import PanelEnding, Step, Uncached
from pointsman.gateway.wire.answer import Answer, Call
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reading import build_facts
from pointsman.policies.cascade import Verdict
from pointsman.signals.base import FALSE, TRUE
from pointsman.signals.encoder.encoding import MAX_CHARS
from pointsman.signals.facts import PoolLoad, Route
from pointsman.signals.jailbreak.signal import Jailbreak, JailbreakOptions
from pointsman.signals.keyword import Keyword, KeywordOptions
from pointsman.signals.pii.signal import Pii, PiiOptions

GENERAL = Category("general", 0.85, 60.0, 1.0)
SIGNALS = {
    "attack": Jailbreak("attack", JailbreakOptions(type="jailbreak")),
    "private": Pii("private", PiiOptions(type="pii")),
    "word": Keyword("word", KeywordOptions(type="keyword", any=["x"])),
}
TOOLS = {"tools": [{"type": "function", "function": {"name": "f"}}]}
IMAGE = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "http://x"}}]


def ask(text="How do magnets work?", category=GENERAL, headers=None, route=Route.CHAT, values=None, size=0, **body):
    given = {"messages": [{"role": "user", "content": text}], **body}
    inbound = Inbound(route, "POST", f"/{route.value}", b"", headers or {}, b"x" * size, given)
    facts = build_facts(inbound, ANONYMOUS, lambda name: PoolLoad())
    return admit(inbound, facts, read_said(inbound), category, SIGNALS, values or {})


def test_a_plain_question_may_have_all():
    assert ask() == (True, True, True, None)


@pytest.mark.parametrize(
    ("why", "options"),
    [
        (Uncached.ROUTE, {"route": Route.EMBEDDINGS, "input": "x"}),
        (Uncached.CHOICES, {"n": 2}),
        (Uncached.TOOLS, TOOLS),
        (Uncached.TOOLS, {"functions": [{"name": "f"}]}),
        (Uncached.MODALITY, {"text": IMAGE}),
        (Uncached.MODALITY, {"messages": [{"role": "user", "content": IMAGE}, {"role": "user", "content": "x"}]}),
        (Uncached.MODALITY, {"modalities": ["text", "audio"], "audio": {}}),
        (Uncached.ALONE, {"logprobs": True}),
        (Uncached.ALONE, {"include": ["message.output_text.logprobs"]}),
        (Uncached.STATE, {"previous_response_id": "resp_1"}),
        (Uncached.TEMPERATURE, {"temperature": 1.2}),
        (Uncached.LONG, {"size": LONGEST + 1}),
        (Uncached.NO_TEXT, {"messages": [{"role": "assistant", "content": "Well,"}]}),
        (Uncached.NO_TEXT, {"text": "  "}),
        (Uncached.FLAGGED, {"values": {"word": FALSE, "attack": TRUE}}),
        (Uncached.FLAGGED, {"values": {"private": TRUE}}),
        (Uncached.PERSONAL, {"text": "Write to ann.smith@gmail.com for me"}),
        (Uncached.VOLATILE, {"text": "What is the weather in Paris?"}),
        (Uncached.NO_STORE, {"headers": {"x-pointsman-cache": "no-store"}}),
        (Uncached.NO_STORE, {"headers": {"cache-control": "private, No-Store"}}),
        (Uncached.NO_STORE, {"headers": {"x-pointsman-cache": "no-cache", "cache-control": "no-store"}}),
    ],
)
def test_neither_looked_up_nor_kept(why, options):
    assert ask(**options) == (False, False, False, why)


@pytest.mark.parametrize("headers", [{"x-pointsman-cache": "no-cache"}, {"cache-control": "no-cache"}])
def test_no_cache_wants_a_new_answer_that_may_be_kept(headers):
    assert ask(headers=headers) == (False, True, True, Uncached.NO_CACHE)


@pytest.mark.parametrize("options", [{"temperature": 1}, {"n": 1}, {"tools": []}, {"values": {"word": TRUE}}])
def test_what_does_not_matter(options):
    assert ask(**options).why is None


def test_only_equal_texts_where_similar_ones_say_too_little():
    assert ask("x" * (MAX_CHARS + 1)) == (True, True, False, None)
    assert ask(category=Category("general", None, 60.0, 1.0)) == (True, True, False, None)
    with_tools = Category("general", 0.85, 60.0, 1.0, tools=True)
    assert ask(category=with_tools, **TOOLS) == (True, True, False, None)


def test_categories_may_allow_more():
    assert ask("Mail ann@gmail.com", Category("mine", 0.85, 60.0, 1.0, private=True)).why is None
    assert ask("What is the weather?", Category("news", 0.85, 60.0, 1.0, volatile=True)).why is None


# Answers


def answer(text="Iron has domains.", finish="stop", **more):
    return Answer(text, finish, **more)


@pytest.mark.parametrize(
    ("why", "given"),
    [
        (None, answer()),
        (Uncached.TRUNCATED, answer(finish="length")),
        (Uncached.TRUNCATED, answer(finish=None)),
        (Uncached.REFUSED, answer(finish="content_filter")),
        (Uncached.REFUSED, answer(refusal="I will not.")),
        (Uncached.REFUSED, answer("I'm sorry, but I can't help with that.")),
        (Uncached.REFUSED, answer("Es tut mir leid, aber dabei kann ich nicht helfen.")),
        (Uncached.REFUSED, answer("很抱歉，我无法回答这个问题。")),
        (None, answer("You cannot divide by zero. I'm afraid that is all.")),
        (Uncached.EMPTY, answer(" \n")),
        (Uncached.TOOL_CALL, answer("", "tool_calls", calls=[Call("f", "{}")])),
        (Uncached.TOOL_CALL, answer(calls=[Call("f", "{}")])),
        (Uncached.PERSONAL, answer("Her address is ann.smith@gmail.com.")),
        (None, answer("Write to someone@example.com, or ping 192.168.0.1.")),
    ],
)
def test_answers(why, given):
    assert refuse(given, GENERAL, "small") is why


def test_tool_calls_are_kept_where_the_category_says_so():
    assert (
        refuse(answer("", "tool_calls", calls=[Call("f", "{}")]), Category("x", 0.8, 1.0, 1.0, tools=True), "") is None
    )


@pytest.mark.parametrize(("verdict", "why"), [(Verdict.ACCEPTED, None), (Verdict.REJECTED, Uncached.UNACCEPTED)])
def test_of_a_cascade_only_what_it_accepted(verdict, why):
    assert refuse(answer(), GENERAL, "small", [Step("small", verdict), Step("large", Verdict.FAILED)]) is why


@pytest.mark.parametrize(("ending", "why"), [("picked", None), ("partial", Uncached.UNACCEPTED), ("unfit", None)])
def test_of_a_panel_only_what_it_agreed_on(ending, why):
    steps = [Step("small", Verdict.REJECTED)]
    assert refuse(answer(), GENERAL, "small", steps, PanelEnding(ending)) is why
