"""`pointsman demo --config`: somebody's own policy over simulated servers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pointsman.gateway.commands.demo_policy import Demonstration, demonstration
from pointsman.gateway.errors import BadRequest, ConfigError
from tests.support.examples import EXAMPLES, ROOT
from tests.support.process import pointsman

POLICY = """\
version: 1
server: {host: 0.0.0.0, port: 1, control_port: 2}
auth:
  keys:
    - {key: env:SHOP_KEY, tenant: shop, roles: [premium, b2b]}
    - {key: file:/nowhere/batch, tenant: batch}
admin: {keys: [env:NO_SUCH_ADMIN]}
log: {decisions: {path: must-not-be-written.jsonl}}
pools:
  small: {model: small-7b, endpoints: [https://gpu-1.example.com], api_key: env:NO_SUCH_KEY, provider: anthropic}
  large: {model: large-72b, endpoints: [http://127.0.0.1:8001], context: 131072}
signals:
  urgent: {type: keyword, any: [urgent]}
  premium: {type: role, any: [premium]}
decisions:
  - {name: hurry, when: urgent or premium, models: [large]}
  - {name: everything, when: true, models: [small]}
tests:
"""
TESTS = """\
  - {prompt: Hello, expect: {decision: everything}}
  - {name: busy, prompt: Hello, pools: {small: {load: 1}}, expect: {decision: everything}}
  - {prompt: Hello, tenant: shop, roles: [b2b, premium], expect: {decision: hurry}}
  - {prompt: Hello, model: large, headers: {x-session-id: s1}, expect: {decision: explicit}}
  - {name: assumed, signals: {urgent: true}, expect: {decision: hurry}}
  - name: long
    request:
      messages: [{role: user, content: urgent}]
      max_completion_tokens: 9000
      stream: false
      top_k: 5
    expect: {decision: hurry}
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NO_SUCH_ADMIN", "NO_SUCH_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOP_KEY", "the-real-one")
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY + TESTS)
    return path


@pytest.fixture
def shown(path: Path) -> Demonstration:
    return demonstration(path)


def test_no_secret_is_needed_and_none_is_used(shown: Demonstration) -> None:
    assert shown.keys == ["demo.shop.b2b.premium", "demo.batch", "demo.guest"]
    assert "the-real-one" not in str(shown)
    assert shown.config.admin.keys == []
    assert shown.config.auth is not None
    keys = {key.key.get_secret_value(): (key.tenant, key.roles) for key in shown.config.auth.keys}
    assert keys["demo.shop.b2b.premium"] == ("shop", ["b2b", "premium"])


def test_it_stays_on_this_machine_and_writes_nothing(shown: Demonstration) -> None:
    assert (shown.config.server.host, shown.config.server.control_port) == ("127.0.0.1", None)
    assert shown.config.log.decisions is None


def test_the_requests_are_those_of_the_policys_tests(shown: Demonstration) -> None:
    bodies = [prompt.body for prompt in shown.prompts]
    assert [body["model"] for body in bodies] == ["auto", "auto", "large", "auto"]  # each once
    assert [body["messages"][-1]["content"] for body in bodies] == ["Hello", "Hello", "Hello", "urgent"]
    senders = [prompt.headers["Authorization"].removeprefix("Bearer demo.") for prompt in shown.prompts]
    assert senders == ["guest", "shop.b2b.premium", "guest", "guest"]
    assert shown.prompts[2].headers["x-session-id"] == "s1"


def test_answers_are_short(shown: Demonstration) -> None:
    last = shown.prompts[-1]
    assert last.body == {"model": "auto", "messages": last.body["messages"], "top_k": 5, "max_tokens": 24}
    assert not last.stream


def test_without_keys_nobody_needs_one(path: Path) -> None:
    path.write_text(re.sub(r"^(server|auth|  keys|    - \{key).*\n", "", POLICY, flags=re.MULTILINE) + TESTS)
    shown = demonstration(path)
    assert (shown.keys, shown.config.auth) == ([], None)
    assert not shown.prompts[0].headers


def test_a_request_in_a_file_beside_the_policy(path: Path) -> None:
    path.write_text(f"{POLICY}  - {{request: body.json, expect: {{decision: everything}}}}\n")
    (path.parent / "body.json").write_text(json.dumps({"messages": [{"role": "user", "content": "from a file"}]}))
    (prompt,) = demonstration(path).prompts
    assert prompt.body["messages"][0]["content"] == "from a file"
    (path.parent / "body.json").unlink()
    with pytest.raises(BadRequest, match=r"cannot read .*body\.json"):
        demonstration(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("env:SHOP_KEY", "sk-literal", "5:13: error: secrets are never written into this file"),
        ("131072", "9000000", ":11:74: error: the demo simulates no context of more than 2097152 tokens"),
        (
            "[https://gpu-1.example.com]",
            str([f"http://gpu-{n}" for n in range(80)]),
            ":9:1: error: these pools have 81 endpoints, and the demo simulates at most 64",
        ),
        ("urgent or", "urgnt or", "there is no signal `urgnt`"),
        ("auth:\n  keys:", "auth:\n  keis:", "unknown key `keis`"),
    ],
)
def test_what_cannot_be_run_is_said_with_its_place(path: Path, old: str, new: str, said: str) -> None:
    path.write_text(POLICY.replace(old, new) + TESTS)
    with pytest.raises(ConfigError) as error:
        demonstration(path)
    assert said in str(error.value)


def test_a_policy_without_tests_has_no_traffic(path: Path) -> None:
    path.write_text(POLICY.replace("tests:\n", ""))
    assert not demonstration(path).prompts


def test_a_file_that_is_not_there() -> None:
    done = pointsman("demo", "--once", "--config", "/nowhere/policy.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "/nowhere/policy.yaml: error: there is no such file\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_can_be_shown(example: Path) -> None:
    assert demonstration(example).prompts


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("agents", {"everything": "chat", "tools": "caller", "final": "planner", "next-step": "caller"}),
        ("safety-first", {"everything": "main", "doubtful": "careful", "staff": "main", "block-secrets": "error 422"}),
    ],
)
def test_an_example_from_end_to_end(name: str, rows: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yaml"
    example = (ROOT / "examples" / path.name).read_text("utf-8")
    path.write_text(f"{example}encoder: {{budget: 20s}}\n", "utf-8")  # however busy this machine is
    done = pointsman("demo", "--once", "--port", "0", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert re.match(r"\d+ requests with the OpenAI SDK to http://127\.0\.0\.1:\d+", head)
    cells = [re.split(r" {2,}", line.strip()) for line in lines]
    went = {row[2]: row[3] for row in cells if len(row) == 8}
    assert rows.items() <= went.items()
