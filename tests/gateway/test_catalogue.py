"""GET /v1/models through both SDKs."""

import anthropic
import openai
import pytest

from tests.support.clients import anthropic_sdk, call, openai_sdk
from tests.support.gateway import config, pool, serving

DEAD = "http://127.0.0.1:9"
POOLS = {"small": pool(DEAD), "large": pool(DEAD, model="org/large-72b"), "more": pool(DEAD, model="org/large-72b")}
NAMES = {"auto", "gpt-4o", "small", "large", "more", "org/small-7b", "org/large-72b"}


def settings():
    return config(POOLS, aliases=["auto", "gpt-4o"])


async def test_everything_that_model_may_be_is_listed_once():
    async with serving(settings()) as gateway, openai_sdk(gateway.v1) as client:
        page = await client.models.list()
    assert {model.id for model in page.data} == NAMES
    assert len(page.data) == len(NAMES)
    assert {model.object for model in page.data} == {"model"}
    owners = {model.id: model.owned_by for model in page.data}
    assert (owners["auto"], owners["org/small-7b"]) == ("pointsman", "small")


async def test_the_anthropic_sdk_reads_the_same_list():
    async with serving(settings()) as gateway, anthropic_sdk(gateway.url) as client:
        listed = [model async for model in client.models.list()]
        one = await client.models.retrieve("gpt-4o")
    assert {model.id for model in listed} == NAMES
    assert (one.id, one.type, one.display_name, one.created_at.year) == ("gpt-4o", "model", "gpt-4o", 2023)


@pytest.mark.parametrize("name", ["org/small-7b", "small", "auto"])
async def test_one_model_by_its_name_with_slashes_or_without(name):
    async with serving(settings()) as gateway, openai_sdk(gateway.v1) as client:
        model = await client.models.retrieve(name)
        raw = await call("GET", f"{gateway.url}/models/{name}")
    assert (model.id, model.object) == (name, "model")
    assert raw.json["id"] == name


async def test_an_unknown_model_is_a_404_with_a_suggestion():
    async with serving(settings()) as gateway, openai_sdk(gateway.v1) as client:
        with pytest.raises(openai.NotFoundError, match="org/small-7b") as caught:
            await client.models.retrieve("org/small-7")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/", "/models/"])
async def test_the_list_is_there_with_and_without_v1_and_slash(path):
    async with serving(settings()) as gateway:
        answer = await call("GET", gateway.url + path)
    assert answer.status == 200
    assert {model["id"] for model in answer.json["data"]} == NAMES


async def test_head_has_the_headers_only():
    async with serving(settings()) as gateway:
        answer = await call("HEAD", f"{gateway.v1}/models")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_other_methods_are_a_405_that_names_the_right_ones():
    async with serving(settings()) as gateway:
        answer = await call("DELETE", f"{gateway.v1}/models/small")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.error["code"] == "method_not_allowed"


async def test_a_reload_changes_the_list():
    async with serving(settings()) as gateway, openai_sdk(gateway.v1) as client:
        gateway.rewrite(config({"tiny": pool(DEAD, model="org/tiny")}))
        await gateway.gateway.reload()
        assert {model.id for model in (await client.models.list()).data} == {"auto", "tiny", "org/tiny"}


async def test_the_anthropic_sdk_raises_on_an_unknown_model():
    async with serving(settings()) as gateway, anthropic_sdk(gateway.url) as client:
        with pytest.raises(anthropic.NotFoundError, match="does not exist here"):
            await client.models.retrieve("claude")
