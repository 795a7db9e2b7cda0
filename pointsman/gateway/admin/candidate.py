"""`/admin/candidate`: a policy that is compared with the one that serves, or serves a share of the requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.params import Depends

from pointsman.gateway.admin.forms import InvalidConfig, change, check_parameters, finding, flag
from pointsman.gateway.candidate import Candidate, Mode, Terms
from pointsman.gateway.config import Examined, examine, examine_text
from pointsman.gateway.document import MAX_BYTES
from pointsman.gateway.errors import BadRequest, ConfigError
from pointsman.gateway.policy_diff import policy_diff
from pointsman.gateway.trial import REPLACED
from pointsman.gateway.units import parse_share
from pointsman.gateway.wire.inbound import read_body

if TYPE_CHECKING:
    from pointsman.gateway.app import Gateway

_PARAMETERS = ("mode", "sample", "share", "neural", "path")


def add_candidate_routes(app: FastAPI, gateway: Gateway, guard: Sequence[Depends]) -> None:
    trial = gateway.trial

    @app.post("/admin/candidate", dependencies=guard)
    async def begin_or_adjust(request: Request) -> dict[str, Any]:
        given = request.query_params
        check_parameters(given, _PARAMETERS)
        path = given.get("path")
        raw = await read_body(request.receive, request.headers, MAX_BYTES)
        if path is None and not raw.strip():
            await trial.adjust(lambda terms: _terms(given, terms))
            return report(trial.there())
        if path is not None and raw.strip():
            raise BadRequest("Send either a body or `path`.", param="path")
        terms = _terms(given, None)
        try:
            await trial.begin(lambda: _read(gateway, path, raw), terms)
        except ConfigError as error:
            raise InvalidConfig(f"The candidate cannot be tried. {error}") from error
        return report(trial.there())

    @app.get("/admin/candidate", dependencies=guard)
    async def show() -> dict[str, Any]:
        return report(trial.there())

    @app.delete("/admin/candidate", dependencies=guard)
    async def drop() -> dict[str, Any]:
        last = report(trial.there())
        await trial.drop()
        return {"status": "dropped", **last}

    @app.post("/admin/candidate/promote", dependencies=guard)
    async def promote() -> dict[str, Any]:
        runtime, changes = await trial.promote()
        return {"status": "promoted", "config": runtime.digest, "changes": changes, "note": REPLACED}

    def report(candidate: Candidate) -> dict[str, Any]:
        changes = policy_diff(gateway.runtime.config, candidate.config)
        return {
            **candidate.report(),
            "changes": [change(each) for each in changes],
            "findings": [finding(each) for each in candidate.proposal.findings],
        }


def _terms(given: Mapping[str, str], now: Terms | None) -> Terms:
    """What is not given stays; of a new candidate as it usually is."""
    now = now or Terms()
    mode = _mode(given["mode"]) if "mode" in given else now.mode
    name, other = ("sample", "share") if mode is Mode.SHADOW else ("share", "sample")
    if other in given:
        raise BadRequest(f"mode={mode} takes `{name}`, not `{other}`.", param=other)
    if name in given:
        share = _share(name, given[name])
    elif mode is now.mode:
        share = now.share
    elif mode is Mode.SHADOW:
        share = Terms().share
    else:
        raise BadRequest("mode=canary needs the `share` of the requests, such as share=5%25.", param="share")
    return Terms(mode, share, flag(given, "neural", now.neural))


def _mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise BadRequest(f"`mode` must be one of: {', '.join(Mode)}.", param="mode") from None


def _share(name: str, text: str) -> float:
    try:
        return parse_share(text)
    except ValueError as error:
        raise BadRequest(f"`{name}`: {error}; in a URL % is written %25.", param=name) from None


def _read(gateway: Gateway, path: str | None, raw: bytes) -> Examined:
    if path is not None:
        return examine(_beside(gateway.path, path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8 text. Send the YAML file as it is.") from None
    return examine_text(text, "candidate")


def _beside(live: Path | None, name: str) -> Path:
    """Whoever may call this need not be allowed to read every file that the gateway can."""
    folder = None if live is None else live.parent
    try:
        if folder is not None and (folder / name).resolve().is_relative_to(folder.resolve()):
            return folder / name
    except (OSError, ValueError, RuntimeError):  # no file name
        pass
    raise BadRequest("`path` must name a file in the folder of the gateway's own file, or below it.", param="path")
