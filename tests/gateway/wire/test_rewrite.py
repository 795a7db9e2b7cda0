"""The surgical rewrite: what is not named keeps its bytes."""

import json

import orjson
from hypothesis import assume, given
from hypothesis import strategies as st

from pointsman.gateway.wire.rewrite import drop_member, set_members, top_level_members

KEYS = st.sampled_from(["model", "stream_options", "messages", "a", 'q"uote', "mödel", "back\\slash", "tools"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS | st.sampled_from(['"model":"x"', "{,}", "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=5)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def encode(body: object, layout: dict) -> bytes:
    return json.dumps(body, **layout).encode("utf-8", "surrogatepass")


@given(BODIES, LAYOUTS)
def test_only_the_named_member_changes(body, layout):
    raw = encode(body, layout)
    new = set_members(raw, body, {"model": "served/name"})
    assert json.loads(new) == {**body, "model": "served/name"}
    assert list(json.loads(new)) == list(body) + ([] if "model" in body else ["model"])


@given(BODIES, LAYOUTS)
def test_members_are_found_where_they_stand(body, layout):
    raw = encode(body, layout)
    found = {m.key: json.loads(raw[m.start : m.end]) for m in top_level_members(raw)}
    assert found == body


@given(BODIES, LAYOUTS, KEYS)
def test_dropping_a_member_leaves_the_others(body, layout, key):
    assume(key in body)
    raw = encode(body, layout)
    assert json.loads(drop_member(raw, key)) == {k: v for k, v in body.items() if k != key}


def rewrite(raw: bytes, **members: object) -> bytes:
    return set_members(raw, orjson.loads(raw), members)


def test_numbers_spacing_and_order_keep_their_spelling():
    raw = b'{ "z": 1.50, "big": 123456789012345678901234567890,\n "model" : "auto", "e": 1E+2 }'
    assert rewrite(raw, model="m") == raw.replace(b'"auto"', b'"m"')


def test_every_duplicate_is_rewritten():
    assert rewrite(b'{"model":"a","x":1,"model":"b"}', model="m") == b'{"model":"m","x":1,"model":"m"}'


def test_a_key_inside_text_or_nested_is_not_touched():
    raw = b'{"messages":[{"content":"\\"model\\": \\"auto\\""}],"meta":{"model":"auto"},"model":"auto"}'
    assert rewrite(raw, model="m") == raw[: raw.rindex(b'"auto"')] + b'"m"}'


def test_an_escaped_key_is_found_although_a_nested_one_is_plain():
    raw = b'{"m\\u006fdel":"auto","meta":{"model":"auto"}}'
    assert rewrite(raw, model="m") == b'{"m\\u006fdel":"m","meta":{"model":"auto"}}'


def test_absent_members_are_appended():
    assert rewrite(b"{}", model="m") == b'{"model":"m"}'
    assert rewrite(b'{"a":1}\n', stream_options={"include_usage": True}) == (
        b'{"a":1,"stream_options":{"include_usage":true}}\n'
    )


def test_an_equal_value_leaves_the_bytes_alone():
    raw = b'{"model":"same"}'
    assert rewrite(raw, model="same") is raw


def test_dropping_duplicates_drops_all():
    assert drop_member(b'{"usage":null,"a":1,"usage":null}', "usage") == b'{"a":1}'
