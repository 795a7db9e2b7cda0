"""The YAML file as pydantic models. Loading and positions are in `config.py`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from pointsman.gateway.secrets import Secret
from pointsman.gateway.units import Duration, Share, Size
from pointsman.policies.select.registry import SelectConfig, StaticOptions
from pointsman.signals.registry import SignalConfig

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=64)]
"""A name that expressions, headers and metric labels can carry as it is."""

HttpPath = Annotated[str, Field(pattern=r"^/\S*$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Engine(StrEnum):
    """Whose load metrics an endpoint exposes (`gateway/pools/load.py`)."""

    VLLM = "vllm"
    SGLANG = "sglang"
    TRTLLM = "trtllm"
    TGI = "tgi"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    NONE = "none"


class Provider(StrEnum):
    """Wire and way of authentication of a pool."""

    OPENAI = "openai"  # Authorization: Bearer
    AZURE = "azure"  # OpenAI's wire, api-key header
    ANTHROPIC = "anthropic"  # x-api-key, anthropic-version, the messages wire


class ServerConfig(Section):
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    max_body: Size = 32 * 1024**2
    cors: list[str] = []
    drain: Duration = 30.0
    debug_headers: bool = True


class KeyConfig(Section):
    key: Secret
    tenant: Name
    roles: list[Name] = []


class AuthConfig(Section):
    keys: list[KeyConfig] = Field(min_length=1)


class AdminConfig(Section):
    keys: list[Secret] = []


class EndpointConfig(Section):
    url: str
    weight: float = Field(1.0, gt=0)

    @field_validator("url")
    @classmethod
    def _absolute(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an endpoint; write an absolute URL such as http://127.0.0.1:8001")
        if parts.username or parts.password:
            raise ValueError("credentials do not belong into an endpoint's URL; use the pool's api_key")
        if parts.query or parts.fragment:
            raise ValueError(f"{url!r} has a query or fragment; write only scheme, host, port and path prefix")
        return url.rstrip("/").removesuffix("/v1")


def _endpoint(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class Price(Section):
    """USD per million tokens."""

    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)


class Limits(Section):
    inflight: int = Field(1024, ge=1)
    queue: int = Field(512, ge=0)
    queue_timeout: Duration = 5.0


class Timeouts(Section):
    """Per attempt, `total` overall; `first_token` and `idle` concern streams."""

    connect: Duration = 1.0
    first_token: Duration = 60.0
    idle: Duration = 30.0
    total: Duration = 600.0


class Retry(Section):
    attempts: int = Field(2, ge=1, le=10)


class Eject(Section):
    failures: int = Field(5, ge=1)
    duration: Duration = Field(10.0, alias="for")
    max: Share = 0.5


class Health(Section):
    path: HttpPath | None = None  # the engine's own if absent
    interval: Duration = 5.0
    eject: Eject = Eject.model_validate({})


class Balance(StrEnum):
    LEAST_LOAD = "least_load"
    ROUND_ROBIN = "round_robin"
    WEIGHTED = "weighted"
    PEAK_EWMA = "peak_ewma"
    SESSION = "session"


class PoolConfig(Section):
    model: str = Field(min_length=1)
    endpoints: list[Annotated[EndpointConfig, BeforeValidator(_endpoint)]] = Field(min_length=1)
    engine: Engine = Engine.NONE
    provider: Provider = Provider.OPENAI
    api_key: Secret | None = None
    price: Price = Price()
    context: int | None = Field(None, ge=1)
    quality: dict[Name, Annotated[float, Field(ge=0, le=1)]] = {}
    balance: Balance = Balance.LEAST_LOAD
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    health: Health = Health()
    scrape: Duration = 1.0
    stale: Duration = 10.0
    paths: list[HttpPath] = []
    native: list[Literal["messages", "responses"]] = []

    @field_validator("endpoints")
    @classmethod
    def _distinct(cls, endpoints: list[EndpointConfig]) -> list[EndpointConfig]:
        urls = [e.url for e in endpoints]
        for url in urls:
            if urls.count(url) > 1:
                raise ValueError(f"endpoint {url} is listed twice; give it a weight instead")
        return endpoints


class RespondConfig(Section):
    status: int = Field(200, ge=200, le=599)
    message: str


class DecisionConfig(Section):
    name: Name
    priority: int = 0
    when: str
    models: list[str] = []
    select: SelectConfig = StaticOptions()
    respond: RespondConfig | None = None

    @field_validator("when", mode="before")
    @classmethod
    def _literal(cls, value: object) -> object:
        return str(value).lower() if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_outcome(self) -> DecisionConfig:
        if bool(self.models) == (self.respond is not None):
            raise ValueError("a decision needs exactly one of `models` (pool names) and `respond`")
        return self


class DecisionLogConfig(Section):
    path: str
    text: bool = False  # whether message text is logged
    max_size: Size = 64 * 1024**2  # a file is rotated at this size
    keep: int = Field(5, ge=1)  # rotated files


class LogConfig(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    decisions: DecisionLogConfig | None = None


class Config(Section):
    version: Literal[1]
    server: ServerConfig = ServerConfig()
    aliases: list[str] = ["auto"]
    auth: AuthConfig | None = None
    admin: AdminConfig = AdminConfig()
    log: LogConfig = LogConfig()
    pools: dict[Name, PoolConfig] = Field(min_length=1)
    signals: dict[Name, SignalConfig] = {}
    decisions: list[DecisionConfig] = []
    tests: list[dict[str, Any]] = []
