"""How a pool's own key goes upstream."""

from __future__ import annotations

from pointsman.gateway.schema.pools import PoolConfig, Provider

_ANTHROPIC_VERSION = "2023-06-01"


def credentials(config: PoolConfig) -> dict[str, str]:
    headers = {"anthropic-version": _ANTHROPIC_VERSION} if config.provider is Provider.ANTHROPIC else {}
    if config.api_key is None:
        return headers
    key = config.api_key.get_secret_value()
    match config.provider:
        case Provider.ANTHROPIC:
            return {**headers, "x-api-key": key}
        case Provider.AZURE:
            return {"api-key": key}
        case Provider.OPENAI:
            return {"authorization": f"Bearer {key}"}
