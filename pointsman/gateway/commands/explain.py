"""`pointsman explain`: how a request would be routed, and why. No backend is called."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from pointsman.gateway import rehearse
from pointsman.gateway.app import build_runtime
from pointsman.gateway.config import load
from pointsman.gateway.errors import NoRoute, PointsmanError, RequestError
from pointsman.gateway.explain import explain as explain_routed
from pointsman.gateway.learning.learner import Learner
from pointsman.gateway.learning.store import read
from pointsman.gateway.pools.discovery.finder import presume
from pointsman.gateway.reasons import Asked, no_route, reasons
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.schema.config import Config
from pointsman.gateway.wire.inbound import parse_json
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.readings import Readings

Form = dict[str, Any]
Identifier = str | int | float | None


class BadInput(PointsmanError):
    pass


def explain(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)],
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="The last user message.", show_default=False)
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A chat completion request (JSON) instead of a prompt.", show_default=False),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A request header; may be repeated.", show_default=False),
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help='JSON lines {"id", "text" | "request"}; one line of JSON each.', show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    all_signals: Annotated[
        bool, typer.Option("--all-signals", help="Also evaluate signals that the decision did not need.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(metavar="DECISION", help="Also say what would lead to this decision.", show_default=False),
    ] = None,
) -> None:
    """Show the decision that a request meets, why it does, what would change it, and the pool that is chosen.

    No backend is called: every pool counts as idle and healthy."""
    if sum(given is not None for given in (prompt, request, batch)) != 1:
        raise typer.BadParameter("give one of PROMPT, --request FILE and --batch FILE")
    if to is not None and batch is not None:
        raise typer.BadParameter("--to goes with PROMPT or --request FILE")
    headers = _headers(header or [])
    loaded = load(config)
    runtime = build_runtime(loaded, learner=_learner(loaded))
    presume(runtime.pools.values())
    explainer = Explainer(runtime, headers, all_signals)
    if batch is not None:
        for line in _lines(batch):
            sys.stdout.buffer.write(orjson.dumps(explainer.line(line)) + b"\n")
            sys.stdout.buffer.flush()
        return
    try:
        form = explainer.reasons("request", *_request(request, prompt or ""), to)
    except RequestError as error:
        raise BadInput(error.message) from None
    if as_json:
        typer.echo(orjson.dumps(form))
    else:
        _print(form)


def _learner(config: Config) -> Learner:
    """With what the gateway has learned, where that is kept."""
    learner = Learner()
    path = None if config.learning.path is None else Path(config.learning.path).expanduser()
    if path is not None and path.exists():
        try:
            learner.take_over(read(path))
        except (sqlite3.Error, ValueError) as error:
            typer.echo(f"pointsman explain: what was learned cannot be read from {path}: {error}", err=True)
    return learner


class Explainer:
    def __init__(self, runtime: Runtime, headers: Mapping[str, str], all_signals: bool) -> None:
        self._runtime = runtime
        self._headers = headers
        self._all = all_signals

    def line(self, line: bytes) -> Form:
        """The answer to one line of a batch; never raises on what the line says."""
        identifier = None
        try:
            entry = parse_json(line, {})
            identifier = _identifier(entry)
            return self.explain(identifier, _entry_body(entry), line)
        except PointsmanError as error:
            return {"id": identifier, "error": str(error)}

    def explain(self, identifier: Identifier, body: Mapping[str, Any], raw: bytes) -> Form:
        return self._form(identifier, Asked(self._runtime, body, self._headers, raw))

    def reasons(self, identifier: Identifier, body: Mapping[str, Any], raw: bytes, to: str | None) -> Form:
        asked = Asked(self._runtime, body, self._headers, raw)
        asked.check_target(to)
        try:
            form = self._form(identifier, asked)
        except NoRoute as error:
            self._read_all(asked.readings)
            raise no_route(error, asked) from None
        self._read_all(asked.readings)
        return form | reasons(asked, form["skipped"], to)

    def _form(self, identifier: Identifier, asked: Asked) -> Form:
        routed = rehearse.route(self._runtime, asked.request, asked.facts, asked.readings, self._encoder)
        overhead = asked.decided()
        if self._all:
            self._read_all(asked.readings)
        for name, failure in (routed.readings.failures | routed.readings.missed).items():
            typer.echo(f"pointsman explain: signal `{name}` failed: {failure}", err=True)
        return explain_routed(identifier, routed, asked.skipped(), overhead)

    def _read_all(self, readings: Readings) -> None:
        for name in self._runtime.signals:
            rehearse.read(name, readings, self._encoder)

    def _encoder(self) -> Encoder:
        assert self._runtime.encoder is not None
        return self._runtime.encoder.encoder


def _identifier(entry: Mapping[str, Any]) -> Identifier:
    identifier = entry.get("id")
    if not isinstance(identifier, str | int | float | None):
        raise BadInput('"id" must be a string or a number')
    return identifier


def _entry_body(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    text, request = entry.get("text"), entry.get("request")
    if isinstance(text, str):
        return rehearse.chat(text)
    if isinstance(request, dict):
        return request
    raise BadInput('a line needs "text" (a string) or "request" (a chat completion request)')


def _headers(pairs: list[str]) -> dict[str, str]:
    headers = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name.strip():
            raise typer.BadParameter(f"--header {pair!r}: write NAME=VALUE")
        headers[name.strip().lower()] = value.strip()
    return headers


def _request(path: Path | None, prompt: str) -> tuple[Mapping[str, Any], bytes]:
    if path is None:
        body = rehearse.chat(prompt)
        return body, orjson.dumps(body)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    return parse_json(raw, {}), raw


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.strip())
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None


def _print(form: Form) -> None:
    from rich.console import Console

    from pointsman.gateway.commands.explain_text import describe

    Console(highlight=False, soft_wrap=True).print(describe(form))
