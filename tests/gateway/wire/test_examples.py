import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.wire.examples import Examples, turns_of, with_examples
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Route

SHOWN = Examples("small", turns_of("q", "a"))
Q, A = SHOWN.turns
ROUTES = {"messages": Route.CHAT, "input": Route.RESPONSES}


def put(raw, route=Route.CHAT):
    found = with_examples(Inbound(route, "POST", "/x", b"", {}, raw, json.loads(raw), examples=SHOWN), SHOWN)
    assert json.loads(found.raw) == found.body
    assert found.examples is None
    return found


def test_they_stand_after_the_system_prompt_and_before_the_question():
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}
    found = put(json.dumps({"messages": [system, user], "model": "auto"}).encode())
    assert found.body == {"messages": [system, Q, A, user], "model": "auto"}


@pytest.mark.parametrize("said", ['"Why?"', '[{"role":"user","content":"Why?"}]'])
def test_a_response_may_have_its_question_as_a_text(said):
    found = put(f'{{"input": {said}, "model": "auto"}}'.encode(), Route.RESPONSES)
    assert found.body["input"] == [Q, A, {"role": "user", "content": "Why?"}]


def test_the_clients_own_messages_keep_their_bytes():
    raw = (
        rb'{"big": 12345678901234567890123, "messages" : [ {"role":"user", "content":"a, [b] \u00e9 \"messages\""} ] }'
    )
    found = put(raw).raw
    assert found.startswith(rb'{"big": 12345678901234567890123, "messages" : [')
    assert found.endswith(rb', {"role":"user", "content":"a, [b] \u00e9 \"messages\""} ] }'.lstrip(b", "))


def test_of_two_members_the_last_counts():
    found = put(b'{"messages": [1], "messages": [{"role": "user", "content": "Why?"}]}')
    assert found.raw.startswith(b'{"messages": [1], ')


texts = st.text(max_size=20)
messages = st.lists(st.fixed_dictionaries({"role": texts, "content": texts | st.lists(texts)}), min_size=1, max_size=4)


@given(messages, st.sampled_from(sorted(ROUTES)), st.sampled_from([None, 1]), st.booleans())
def test_whatever_is_said(said, key, indent, escaped):
    raw = json.dumps({"a": {"messages": 1}, key: said, "b": "input"}, indent=indent, ensure_ascii=escaped)
    found = put(raw.encode("utf-8", "surrogatepass"), ROUTES[key])
    assert found.body[key] == [*said[:-1], Q, A, said[-1]]
