from __future__ import annotations

import pytest

from pointsman.gateway.pools.credentials import credentials
from pointsman.gateway.schema.pools import PoolConfig

VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("provider", "key", "headers"),
    [
        ("openai", True, {"authorization": "Bearer sk-pool"}),
        ("azure", True, {"api-key": "sk-pool"}),
        ("anthropic", True, {"x-api-key": "sk-pool", **VERSION}),
        ("openai", False, {}),
        ("anthropic", False, VERSION),
    ],
)
def test_each_provider_has_its_header(
    provider: str, key: bool, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOL_KEY", "sk-pool")
    given = {"model": "m", "endpoints": ["http://a:1"], "provider": provider}
    config = PoolConfig.model_validate({**given, "api_key": "env:POOL_KEY"} if key else given)
    assert credentials(config) == headers
