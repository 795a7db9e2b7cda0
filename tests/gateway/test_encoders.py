"""The encoders that a configuration may ask for: shipped, from a folder, behind a URL; and what cannot be loaded."""

from __future__ import annotations

import gc
import json
import shutil
from io import BytesIO

import numpy as np
import pytest
import yaml

from pointsman.gateway.app import Gateway
from pointsman.gateway.config import load
from pointsman.gateway.errors import ConfigError
from pointsman.signals.encoder.onnx import SHIPPED
from tests.support.clients import call, chat
from tests.support.embeddings import embeddings
from tests.support.encoders import DIMENSION
from tests.support.gateway import config, pool, serving
from tests.support.process import environment, pointsman, started
from tests.support.upstream import answer_hello, scripted

PATIENT = {"budget": "1m"}
SIGNALS = {name: {"type": name} for name in ("domain", "complexity", "fact_check", "feedback", "modality")}
DECISIONS = [
    {"name": f"by-{name}", "when": when, "models": ["small"]}
    for name, when in (
        ("domain", "domain.law"),
        ("complexity", "complexity.easy"),
        ("facts", "fact_check"),
        ("feedback", "feedback.satisfied"),
        ("modality", "modality.image"),
        ("rest", "true"),
    )
]


def settings(url="http://127.0.0.1:9", encoder=PATIENT, signals=SIGNALS, decisions=DECISIONS):
    return config({"small": pool(url)}, decisions, signals=signals, encoder=encoder)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A copy, as users make it to change something."""
    folder = tmp_path_factory.mktemp("encoder")
    for name in ("encoder.onnx", "tokenizer.json", "heads.npz"):
        shutil.copy(SHIPPED / name, folder / name)
    return folder


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.yaml"


async def signals_of(gateway, text):
    messages = [{"role": "user", "content": text}]
    answer = await chat(gateway.url, messages=messages, headers={"x-pointsman-debug": "1"})
    assert answer.status == 200, answer.body
    return json.loads(answer.headers["x-pointsman-signals"])


# From a folder


@pytest.mark.parametrize("heads", [False, True])
async def test_a_folder_with_the_shipped_files_says_the_same_as_the_shipped_encoder(shipped, heads):
    said = []
    theirs = {"model": str(shipped)} | ({"heads": str(shipped / "heads.npz")} if heads else {})
    async with scripted(answer_hello) as up:
        for encoder in (PATIENT, PATIENT | theirs):
            async with serving(settings(up.url, encoder)) as gateway:
                found = await signals_of(gateway, "Who wrote the law of torts?")
                said.append({name: (told["value"], told["score"]) for name, told in found.items()})
    assert said[0] == said[1]
    assert said[0]["domain"][0] is not None


def broken(folder, name, damage):
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"something else" if damage == "other" else b"")


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        ("encoder.onnx", "missing", "no encoder.onnx"),
        ("encoder.onnx", "other", "encoder.onnx cannot be loaded"),
        ("tokenizer.json", "missing", "tokenizer.json cannot be read"),
        ("tokenizer.json", "empty", "tokenizer.json cannot be read"),
        ("heads.npz", "missing", "`pointsman fit heads`"),
        ("heads.npz", "other", "heads.npz cannot be read"),
    ],
)
def test_an_encoder_that_is_not_whole_ends_the_start_with_one_message(shipped, tmp_path, path, name, damage, told):
    folder = tmp_path / "copy"
    shutil.copytree(shipped, folder)
    broken(folder, name, damage)
    only = {"domain": SIGNALS["domain"]}
    path.write_text(yaml.safe_dump(settings(encoder={"model": str(folder)}, signals=only, decisions=DECISIONS[::5])))
    done = pointsman("serve", path, "--port", 0)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "heads.npz"])
def test_a_broken_installation_asks_to_install_again(shipped, tmp_path, path, monkeypatch, name):
    folder = tmp_path / "copy"
    shutil.copytree(shipped, folder)
    broken(folder, name, "missing")
    monkeypatch.setattr("pointsman.signals.encoder.onnx.SHIPPED", folder)
    path.write_text(yaml.safe_dump(settings()))
    with pytest.raises(ConfigError, match=r"(?i)install Pointsman again"):
        Gateway(load(path))


def test_without_neural_signals_the_encoder_is_not_even_looked_for(path):
    path.write_text(
        yaml.safe_dump(settings(encoder={"model": "/no/such/folder"}, signals={}, decisions=DECISIONS[-1:]))
    )
    assert Gateway(load(path)).runtime.encoder is None


def test_every_signal_without_a_head_is_named(path):
    path.write_text(yaml.safe_dump(settings(encoder={"heads": "/no/such/heads.npz"})))
    with pytest.raises(ConfigError, match=r"heads\.npz cannot be read"):
        Gateway(load(path))
    with embeddings() as api:
        path.write_text(yaml.safe_dump(settings(encoder={"url": api.url})))
        with pytest.raises(ConfigError) as caught:
            Gateway(load(path))
        gc.collect()
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(SIGNALS)
    assert all(any(f"signal `{name}`: No head" in line for line in told) for name in SIGNALS)


# Behind a URL


@pytest.fixture
def api():
    with embeddings() as api:
        yield api
        gc.collect()  # clients of the SDK close their connections when they go


@pytest.fixture
def fitted(tmp_path):
    """Heads for the vectors of the API: the more e, the more law."""
    path = tmp_path / "fitted.npz"
    weights = np.eye(2, DIMENSION, dtype=np.float32) * 20
    np.savez(
        path, **{"domain.labels": ["math", "law"], "domain.weights": weights, "domain.bias": np.zeros(2, np.float32)}
    )
    return str(path)


def remote(url, api, heads, **extra):
    encoder = {"url": api.url, "model": "letters", "heads": heads, **PATIENT, **extra}
    return settings(url, encoder, {"domain": SIGNALS["domain"]}, DECISIONS[::5])


def decision(answer):
    return answer.status, answer.headers["x-pointsman-decision"]


async def test_an_embeddings_api_is_asked_once_for_a_text(api, fitted):
    async with scripted(answer_hello) as up, serving(remote(up.url, api, fitted)) as gateway:
        found = [(await signals_of(gateway, text))["domain"]["value"] for text in ("a data", "eleven trees", "a data")]
    assert found == ["math", "law", "math"]
    assert [body["input"] for body in api.asked] == [["load"], ["a data"], ["eleven trees"]]
    assert {body["model"] for body in api.asked} == {"letters"}


async def test_its_key_comes_from_the_environment_and_is_told_to_nobody_else(api, fitted, path):
    async with scripted(answer_hello) as up:
        path.write_text(yaml.safe_dump(remote(up.url, api, fitted, api_key="env:EMBEDDINGS_KEY")))
        async with started("serve", path, "--port", 0, EMBEDDINGS_KEY="s3cr3t-of-the-api") as process:
            url = (await process.event("listening"))["url"]
            assert decision(await chat(url, messages=[{"role": "user", "content": "eleven"}])) == (200, "by-domain")
            api.answer = lambda _: (401, {"error": {"message": "no such key: s3cr3t-of-the-api"}})
            assert decision(await chat(url)) == (200, "by-rest")
            assert "s3cr3t" not in str(await process.event("encoder_failed"))
    assert {headers["authorization"] for headers in api.headers} == {"Bearer s3cr3t-of-the-api"}
    assert "s3cr3t" not in str(up.last.headers)
    done = pointsman("serve", path, env=environment(EMBEDDINGS_KEY=""))
    assert done.returncode == 2
    assert "EMBEDDINGS_KEY" in done.stderr


@pytest.mark.parametrize(
    "answer",
    [(500, {"error": {"message": "broken"}}), (200, b"<html>"), (200, {"data": []})],
    ids=["500", "no_json", "too_few"],
)
async def test_an_api_that_answers_wrongly_fails_no_request(api, fitted, answer):
    async with scripted(answer_hello) as up, serving(remote(up.url, api, fitted)) as gateway:
        good, api.answer = api.answer, lambda _: answer
        assert decision(await chat(gateway.url)) == (200, "by-rest")
        api.answer = good
        assert decision(await chat(gateway.url, messages=[{"role": "user", "content": "eee"}])) == (200, "by-domain")


async def test_an_api_that_hangs_costs_a_request_its_budget_and_no_more(api, fitted):
    async with scripted(answer_hello) as up, serving(remote(up.url, api, fitted, budget="20ms")) as gateway:
        api.gate.clear()
        answer = await chat(gateway.url)
        page = (await call("GET", f"{gateway.url}/metrics")).body.decode()
        api.gate.set()
    assert decision(answer) == (200, "by-rest")
    assert 'pointsman_encoder_unknown_total{reason="late"} 1.0' in page


@pytest.mark.parametrize("answer", [(401, {"error": {"message": "no"}}), (200, b"<html>"), None])
def test_an_api_that_cannot_be_used_ends_the_start_with_one_message(api, path, answer):
    api.answer = lambda _: answer
    url = api.url if answer else "http://127.0.0.1:9"
    path.write_text(yaml.safe_dump(settings(encoder={"url": url})))
    done = pointsman("serve", path, "--port", 0)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"The encoder at {url}/v1 default did not answer" in done.stderr


# What clients may send


def as_json(text):
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]})


ODD = {
    "empty": "",
    "blank": " \n\t\u3000",
    "control": "".join(map(chr, range(32))) * 100,
    "binary": bytes(range(256)).decode("latin-1") * 400,
    "emoji": "🙂👩‍👩‍👧‍👦🏳️‍🌈" * 2000,
    "scripts": "Привет мир, 我很好 أنا بخير मैं ठीक हूँ ทดสอบ こんにちは " * 300,
    "marks": "a" + "\u0301" * 50_000,
    "invisible": "\u200b\u202e\ufeff" * 1000,
    "one_word": "a" * 300_000,
    "ten_megabytes": "Is this true? " * 750_000,
}


@pytest.mark.parametrize("name", ODD)
async def test_no_text_is_an_error(name):
    """Through the shipped encoder: a value or unknown, and the upstream's answer in any case."""
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        answer = await call(
            "POST",
            f"{gateway.v1}/chat/completions",
            data=BytesIO(as_json(ODD[name]).encode()),
            headers={"content-type": "application/json", "x-pointsman-debug": "1"},
        )
        assert answer.status == 200, answer.body
        assert answer.json["choices"][0]["message"]["content"] == "hello"
        page = (await call("GET", f"{gateway.url}/metrics")).body.decode()
    assert json.loads(answer.headers["x-pointsman-signals"])["domain"].keys() >= {"value", "score"}
    assert 'reason="failed"' not in page


@pytest.mark.parametrize("text", ["\ud800 alone \udfff", "cut \ud83d"])
async def test_half_a_character_is_no_json_and_told_so(text):
    """JSON has escapes for it, but it cannot be sent on in UTF-8."""
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        answer = await call(
            "POST",
            f"{gateway.v1}/chat/completions",
            data=as_json(text).encode(),
            headers={"content-type": "application/json"},
        )
    assert (answer.status, answer.error["code"]) == (400, "invalid_json")
