"""The shipped JSON Schema, the code and the documentation say the same."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

import pointsman
from pointsman.gateway import cli
from pointsman.gateway.config import examine
from pointsman.gateway.document import parse_document
from pointsman.gateway.json_schema import json_schema
from pointsman.gateway.schema.config import Config
from pointsman.signals.registry import SIGNALS

ROOT = Path(__file__).parents[2]
FILE = Path(pointsman.__file__).with_name("schema.json")
SCHEMA: dict[str, Any] = json.loads(FILE.read_bytes())
EXAMPLES = [*sorted(ROOT.glob("examples/**/*.yaml")), ROOT / "pointsman/gateway/commands/demo.yaml"]
FOREIGN = ("scrape_configs:", "containers:", "apiVersion:")
"""First keys of YAML in the documentation that is of Prometheus or Kubernetes."""


def problems(data: Any, definition: str | None = None) -> list[str]:
    """`definition` without the keys that it requires, as the documentation shows parts."""
    schema = copy.deepcopy(SCHEMA)
    if definition is not None:
        schema["$defs"][definition].pop("required", None)
        schema = {"$defs": schema["$defs"], "$ref": f"#/$defs/{definition}"}
    return [error.message for error in Draft202012Validator(schema).iter_errors(data)]


def data(text: str) -> Any:
    return parse_document(text, "file").data


def test_the_file_is_what_the_code_makes() -> None:
    assert FILE.read_bytes() == json_schema(), "run: pointsman schema > pointsman/schema.json"


def test_the_command_prints_it(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.run(["schema"]) == 0
    assert capsysbinary.readouterr().out == FILE.read_bytes()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_no_section_takes_unknown_keys() -> None:
    found = list(objects(SCHEMA))
    assert len(found) > 40
    assert all(each["additionalProperties"] is False for each in found)


def test_keys_say_what_they_mean() -> None:
    names = {"PoolConfig", "DecisionConfig", "Timeouts", "CaseConfig", "ExpectConfig", "WeightedOptions"}
    for name in names:
        for key, value in SCHEMA["$defs"][name]["properties"].items():
            assert key == "by" or value["description"], f"{name}.{key}"


def test_defaults_are_written_as_in_a_file() -> None:
    timeouts = SCHEMA["$defs"]["Timeouts"]["properties"]
    assert {key: value["default"] for key, value in timeouts.items()} == {
        "connect": "1s", "first_token": "1m", "idle": "30s", "total": "10m"
    }  # fmt: skip
    assert SCHEMA["$defs"]["Retry"]["properties"]["budget"]["default"] == "20%"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples(path: Path) -> None:
    assert problems(data(path.read_text("utf-8"))) == []


def snippets() -> Iterator[Any]:
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
        for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S), 1):
            if not text.startswith(FOREIGN):
                yield pytest.param(text, id=f"{page.name}-{number}")


def whole(text: str) -> Any:
    """A snippet as a file, or the name of what it is a part of."""
    if text.lstrip().startswith("-"):
        key = "tests" if "expect:" in text else "decisions"
        text = f"{key}:\n{re.sub('^', '  ', text, flags=re.M)}"
    found = data(text)
    if all(isinstance(value, dict) and "type" in value for value in found.values()):
        found = {"signals": found}
    return found


@pytest.mark.parametrize("text", [*snippets()])
def test_the_documentation(text: str) -> None:
    found = whole(text)
    part = None if found.keys() <= SCHEMA["properties"].keys() else "DecisionConfig"
    assert problems(found, part) == []


def test_files_name_it_for_editors() -> None:
    for path in ROOT.glob("examples/*.yaml"):
        first = path.read_text("utf-8").splitlines()[0]
        found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert found, path
        assert (path.parent / found[1]).resolve() == FILE.resolve()


GOOD = """\
version: 1
server: {{port: 8080}}
pools:
  small: {{model: m, endpoints: [http://127.0.0.1:1, {{url: "http://a", weight: 2}}], timeouts: {{idle: 30s}}}}
signals:
  urgent: {{type: keyword, any: [urgent]}}
decisions:
  - {{name: all, when: true, models: [small], select: {{by: weighted, weights: {{small: 1}}}}}}
tests:
  - {{prompt: a, pools: {{small: {{load: 0.5}}}}, expect: {{decision: all, signals: {{urgent: false}}}}}}
{more}
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("server:", "sever:"),
        ("port:", "prot:"),
        ("model: m", "modle: m"),
        ("weight: 2", "wieght: 2"),
        ("idle: 30s", "idel: 30s"),
        ("idle: 30s", "idle: 30"),
        ("idle: 30s", "idle: 30 parsecs"),
        ("type: keyword", "type: keywrd"),
        ("any: [urgent]", "anny: [urgent]"),
        ("name: all", "nmae: all"),
        ("name: all", "name: al l"),
        ("by: weighted", "by: wieghted"),
        ("weights:", "wieghts:"),
        ("prompt: a", "promt: a"),
        ("load: 0.5", "lod: 0.5"),
        ("decision: all", "decison: all"),
        ("http://127.0.0.1:1", "127.0.0.1:1"),
        ("  small: {", "  my pool: {"),
    ],
)
def test_what_is_misspelt_is_wrong_for_both(tmp_path: Path, right: str, wrong: str) -> None:
    text = GOOD.format(more="")
    assert problems(data(text)) == []
    assert right in text
    bad = text.replace(right, wrong, 1)
    assert problems(data(bad))
    (tmp_path / "p.yaml").write_text(bad)
    assert examine(tmp_path / "p.yaml").config is None


@pytest.mark.parametrize(
    "more",
    [
        "log: {decisions: {path: a, max_size: 1.5 GB}}",
        "encoder: {budget: 0.5s}",
        "admin: {keys: ['env:POINTSMAN_SCHEMA_KEY']}",
        "server: {cors: ['*'], control_port: null}",
        "version: '1.0'",
        "conditions: {always: true, often: urgent}",
        "virtual_models: {gpt-4o-mini: {decisions: [{name: own, when: false, models: [small]}]}}",
        "tests: [{now: 2026-03-02T10:00, request: {messages: []}, expect: {not_decision: all, status: 200}}]",
        "tests: [{request: a.json, signals: {urgent: null}, expect: {not_decision: [all], models: []}}]",
    ],
)
def test_what_the_code_takes_is_not_refused(more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTSMAN_SCHEMA_KEY", "k")
    found = data(GOOD.format(more="")) | data(more)
    try:
        Config.model_validate(found)
    except ValidationError as error:
        pytest.fail(str(error))
    assert problems(found) == []


@pytest.mark.parametrize("kind", SIGNALS)
def test_every_signal_is_in_it(kind: str) -> None:
    (unknown,) = problems({"signals": {"a": {"type": kind, "no_such_key": 1}}})
    assert "is not valid under any of the given schemas" in unknown
    schema = next(d for d in SCHEMA["$defs"].values() if d.get("properties", {}).get("type", {}).get("const") == kind)
    keys = {field.alias or name for name, field in SIGNALS[kind].Options.model_fields.items()}
    assert schema["properties"].keys() == keys
