"""The control plane: health, metrics and the admin API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pointsman.gateway.access.origin import is_loopback
from pointsman.gateway.admin.cache import add_cache_routes
from pointsman.gateway.admin.candidate import add_candidate_routes
from pointsman.gateway.admin.explain import add_explain_route
from pointsman.gateway.admin.forms import InvalidConfig, change, check_parameters, finding, flag
from pointsman.gateway.admin.learning import add_learning_routes
from pointsman.gateway.admin.pools import add_pool_routes
from pointsman.gateway.errors import (
    BadRequest,
    ConfigError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    RequestError,
)

if TYPE_CHECKING:
    from pointsman.gateway.app import Gateway


def control_plane(gateway: Gateway) -> FastAPI:
    app = FastAPI(title="Pointsman", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_exception_handler(RequestError, _render)
    app.add_exception_handler(HTTPException, _render_http)
    app.add_exception_handler(RequestValidationError, _render_validation)
    app.add_exception_handler(Exception, _render_failure)

    @app.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.api_route("/readyz", methods=["GET", "HEAD"])
    async def readyz(response: Response) -> dict[str, Any]:
        pools = {name: pool.live for name, pool in gateway.runtime.pools.items()}
        ready = any(pools.values()) and not gateway.draining
        response.status_code = 200 if ready else 503
        status = "ready" if ready else "draining" if gateway.draining else "no live endpoint"
        return {"status": status, "pools": {name: "up" if up else "down" for name, up in pools.items()}}

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        body, media_type = await gateway.metrics.scrape(request.headers.get("accept", ""))
        return Response(body, media_type=media_type)

    _add_admin(app, gateway)
    return app


def _add_admin(app: FastAPI, gateway: Gateway) -> None:
    async def admin(request: Request) -> None:
        """An admin key; without `admin.keys` in the file, a caller on this machine."""
        runtime = gateway.runtime
        refused = runtime.admin_origins.check(request.headers.get("origin"), request.headers.get("host"))
        if refused is not None:
            raise refused
        if runtime.admin is not None:
            runtime.admin.authenticate(request.headers)
        elif request.client is None or not is_loopback(request.client.host) or _is_forwarded(request):
            raise Forbidden("Without admin.keys the admin API answers callers on its own machine only.")

    guard = [Depends(admin)]

    @app.post("/admin/reload", dependencies=guard)
    async def reload(request: Request) -> dict[str, Any]:
        check_parameters(request.query_params, ("dry_run",))
        dry = flag(request.query_params, "dry_run", False)
        try:
            proposal = await (gateway.check() if dry else gateway.reload())
        except ConfigError as error:
            raise InvalidConfig(f"The old configuration goes on serving. {error}") from error
        config = proposal.config
        return {
            "status": "checked" if dry else "reloaded",
            "pools": list(config.pools),
            "decisions": len(config.all_decisions),
            "config": proposal.digest,
            "changes": [change(each) for each in proposal.changes],
            "findings": [finding(each) for each in proposal.findings],
        }

    add_pool_routes(app, gateway, guard)
    add_candidate_routes(app, gateway, guard)
    add_explain_route(app, gateway, guard)
    add_learning_routes(app, gateway, guard)
    add_cache_routes(app, gateway, guard)


def _is_forwarded(request: Request) -> bool:
    """A proxy on this machine speaks for somebody who need not be on it."""
    return any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))


async def _render(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return Response(error.body(), error.status, {**error.headers()}, "application/json")


async def _render_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "")
        return await _render(request, MethodNotAllowed(f"{request.method} is not allowed here. Use {allow}.", allow))
    return await _render(request, NotFound(f"There is nothing at {request.url.path[:128]}."))


async def _render_failure(request: Request, error: Exception) -> Response:
    """The error goes on to the server, which logs it."""
    return await _render(request, RequestError("The gateway failed; its log has the details."))


async def _render_validation(request: Request, error: Exception) -> Response:
    return await _render(request, BadRequest("The request does not have the form that this path expects."))
