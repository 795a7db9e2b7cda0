from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from pointsman.bench import canned, policy
from pointsman.bench.contenders import BARE, BASES, OWN, POINTSMAN, Contender, Rivals
from pointsman.gateway.config import load

UPSTREAM = "http://127.0.0.1:9001"


@pytest.mark.parametrize("contender", POINTSMAN, ids=lambda contender: contender.name)
def test_the_gateway_gets_a_file_that_it_accepts(
    contender: Contender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = contender.launch(UPSTREAM, 8123, tmp_path)
    for name, value in launch.env.items():
        monkeypatch.setenv(name, value)
    config = load(Path(launch.argv[launch.argv.index("serve") + 1]))
    assert [[endpoint.url for endpoint in pool.endpoints] for pool in config.pools.values()] == [[UPSTREAM], [UPSTREAM]]
    assert launch.argv[-2:] == ["--port", "8123"]
    assert launch.headers == policy.CLIENT


@pytest.mark.parametrize(("contender", "name"), [(BARE, "relay"), (OWN, "own_relay")])
def test_the_bare_relays_are_programs_of_their_own(contender: Contender, name: str, tmp_path: Path) -> None:
    launch = contender.launch(UPSTREAM, 8123, tmp_path)
    assert launch.argv[1:] == ["-m", f"pointsman.bench.{name}", "--upstream", UPSTREAM, "--port", "8123"]


def test_both_bare_relays_are_bases() -> None:
    assert list(BASES.values()) == [BARE.name, OWN.name]


def test_what_is_not_installed_is_skipped_with_a_line_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    rivals = Rivals.find(None, None)
    assert rivals.contenders() == []
    litellm, portkey = rivals.missing()
    assert "--litellm PATH" in litellm
    assert "--portkey PATH" in portkey


def test_litellm_on_the_path_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/{name}")
    assert Rivals.find(None, None) == Rivals(Path("/opt/litellm"), None)
    assert Rivals.find(Path("/mine/litellm"), None).litellm == Path("/mine/litellm")


def test_how_the_others_are_started(tmp_path: Path) -> None:
    rivals = Rivals(Path("/opt/litellm"), Path("/opt/start-server.js"))
    assert rivals.missing() == []
    litellm, portkey = (contender.launch(UPSTREAM, 8123, tmp_path) for contender in rivals.contenders())

    assert litellm.argv[0] == "/opt/litellm"
    config = yaml.safe_load(Path(litellm.argv[litellm.argv.index("--config") + 1]).read_text())
    (model,) = config["model_list"]
    assert model["litellm_params"]["api_base"] == f"{UPSTREAM}/v1"
    assert model["model_name"] == "auto"  # what canned requests ask for
    assert b'"model":"auto"' in canned.request_body()
    assert litellm.headers["authorization"] == f"Bearer {litellm.env['LITELLM_MASTER_KEY']}"

    assert portkey.argv[:2] == ["node", "/opt/start-server.js"]
    assert "--port=8123" in portkey.argv
    assert portkey.headers["x-portkey-custom-host"] == f"{UPSTREAM}/v1"
