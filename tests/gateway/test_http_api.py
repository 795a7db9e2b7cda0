"""docs/http-api.md and the code agree."""

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

import pointsman.gateway
from pointsman.gateway.admin import control  # noqa: F401  defines an error
from pointsman.gateway.app import CONTROL, Gateway
from pointsman.gateway.config import load
from pointsman.gateway.errors import ClientDisconnected, PolicyResponse, RequestError
from pointsman.gateway.explain import MAX_HEADER
from pointsman.gateway.relay import relay  # noqa: F401  defines errors
from pointsman.gateway.wire.inbound import ROUTES

SOURCE = Path(pointsman.gateway.__file__).parent
PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
HEADERS = re.compile(
    r"""["'](x-[a-z-]*[a-z]|retry-after|www-authenticate|allow|vary|anthropic-version|forwarded|api-key)["']"""
)
NOT_OURS = {"x-goog-api-key"}  # hidden in logs, never read


def errors(kind=RequestError):
    yield kind
    for each in kind.__subclasses__():
        yield from errors(each)


def test_every_route_of_the_data_plane_is_there():
    for path in ROUTES:
        assert f"`POST /v1{path}`" in PAGE
    assert "`GET /v1/models`" in PAGE
    assert "`GET /v1/models/{id}`" in PAGE


def test_every_route_of_the_control_plane_is_there_and_no_other(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\npools: {a: {model: m, endpoints: ['http://127.0.0.1:9']}}\n")
    routes = Gateway(load(path))._control.routes
    found = ((m, r.path.replace(":path}", "}")) for r in routes if isinstance(r, APIRoute) for m in r.methods)
    there = {f"{method} {path}" for method, path in found if method != "HEAD"}
    prefixes = "|".join(CONTROL)
    assert there == set(re.findall(rf"`((?:GET|POST|DELETE) /(?:{prefixes})[^`]*)`", PAGE))


def code_headers():
    files = (f for f in SOURCE.rglob("*.py") if not {"sim", "commands"} & set(f.relative_to(SOURCE).parts))
    return {name for file in files for name in HEADERS.findall(file.read_text("utf-8"))} - NOT_OURS


def test_every_header_that_the_code_names_is_there():
    names = code_headers()
    assert {"x-request-id", "x-pointsman-decision", "x-session-id", "retry-after"} <= names
    for name in names:
        assert re.search(rf"`{name}[`:]", PAGE), name


def test_every_header_of_ours_on_the_page_is_in_the_code():
    named = set(re.findall(r"`(x-pointsman-[a-z-]*[a-z])", PAGE))
    assert named <= code_headers()


@pytest.mark.parametrize("kind", sorted(set(errors()), key=lambda kind: kind.__name__))
def test_every_error_is_there_with_code_status_and_type(kind):
    status = "`respond.status`" if kind is PolicyResponse else kind.status
    assert f"| `{kind.code}` | {status} | `{kind.type}` |" in PAGE


def test_there_is_no_code_on_the_page_that_the_code_does_not_have():
    table = re.findall(r"^\| `([a-z_]+)` \| [0-9`]", PAGE, re.MULTILINE)
    assert ClientDisconnected.code in table
    assert set(table) <= {kind.code for kind in errors()}


def test_the_size_of_debug_headers():
    assert f"at most {MAX_HEADER // 1024} KB" in PAGE
