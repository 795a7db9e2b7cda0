"""Categories that a signal names, request by request."""

import json

import pytest

from tests.gateway.caching.conftest import QUESTION
from tests.support.clients import call

TOPIC = {"topic": {"type": "header", "name": "x-topic"}}
FIELD = {"field": {"type": "embedding", "examples": {"math": ["nnnn"], "law": ["aaaa"]}, "threshold": 0.9}}
LAW = {"categories": {"law": {"semantic": False}}}


def sorted_by(signal, **cache):
    return [{"name": "all", "when": "true", "models": ["small"], "cache": {"by": signal, **cache}}]


async def category(one, text=QUESTION, topic=None):
    topics = {} if topic is None else {"x-topic": topic}
    answer = await one.ask(text, headers={"x-pointsman-debug": "1", **topics})
    assert answer.status == 200, answer.body
    return json.loads(answer.headers["x-pointsman-trace"])["cache_category"]


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("math", "math"),  # built in
        ("law", "law"),  # written
        ("Law", "law"),
        ("chess", "docs"),  # no category
        (None, "docs"),  # unknown
    ],
)
async def test_the_label_is_the_category_if_there_is_one_of_its_name(caches, topic, expected):
    async with caches(decisions=sorted_by("topic", default="docs"), signals=TOPIC, cache=LAW) as one:
        assert await category(one, topic=topic) == expected


async def test_a_signal_that_needs_the_encoder(caches):
    async with caches(decisions=sorted_by("field"), signals=FIELD, cache=LAW) as one:
        assert await category(one, "nnn nn") == "math"
        assert await category(one, "aa aaa") == "law"
        assert await category(one, "ooo uuu") == "general"


async def test_an_encoder_that_fails_leaves_the_default(caches, letters):
    async with caches(decisions=sorted_by("field", default="docs"), signals=FIELD, cache=LAW) as one:
        letters.error = ValueError("broken")
        assert await category(one, "nnn nn") == "docs"


async def test_a_request_is_cached_as_its_category_has_it_and_meets_none_of_another(caches):
    topics = ({"x-topic": "law"}, {"x-topic": "general"})
    async with caches(decisions=sorted_by("topic"), signals=TOPIC, cache=LAW) as one:
        for headers in topics:
            assert [await one.result(headers=headers) for _ in range(2)] == ["miss", "exact"]
        results = [await one.result("how do magnets work", headers=headers) for headers in topics]
        metrics = (await call("GET", f"{one.url}/metrics")).body.decode()
    assert results == ["miss", "hit"]  # law knows no similar texts
    assert 'pointsman_cache_lookups_total{category="law",result="exact"} 1.0' in metrics


async def test_an_operator_sees_the_category_and_can_name_another(caches):
    async with caches(decisions=sorted_by("field"), signals=FIELD, cache=LAW) as one:

        async def looked_up(**wanted):
            answer = await call("POST", f"{one.url}/admin/cache/lookup", json={"prompt": "nnn nn", **wanted})
            return answer.json["category"]

        assert await looked_up() == "math"
        assert await looked_up(decision="all") == "math"
        assert await looked_up(decision="all", category="law") == "law"
        assert await looked_up(category="general") == "general"
