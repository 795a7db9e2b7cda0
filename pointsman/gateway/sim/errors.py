"""Error objects as vLLM words them: `type` is a class of errors and `code` repeats the status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pointsman.gateway.errors import PointsmanError

_TYPES = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError"}


class EndedError(PointsmanError):
    """Nobody is left to answer: the client went away, or a fault took the connection."""


class SimError(PointsmanError):
    def __init__(
        self, status: int, message: str, param: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.headers = status, param, headers

    def body(self) -> dict[str, Any]:
        kind = _TYPES.get(self.status, "InternalServerError" if self.status >= 500 else "BadRequestError")
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.status}
        return {"error": error}


def unknown_model(model: str) -> SimError:
    return SimError(404, f"The model `{model}` does not exist.", "model")


def too_long(limit: int, prompt: int, output: int) -> SimError:
    message = (
        f"This model's maximum context length is {limit} tokens. However, you requested {output} output tokens "
        f"and your prompt contains at least {prompt} input tokens, for a total of at least {prompt + output} "
        "tokens. Please reduce the length of the input prompt or the number of requested output tokens."
    )
    return SimError(400, message, "input_tokens")
