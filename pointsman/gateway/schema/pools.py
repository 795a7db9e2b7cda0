"""Pools of servers."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from pointsman.gateway.schema.forms import Float, HttpPath, Int, Interval, KubernetesName, Name, Section, Text, of_form
from pointsman.gateway.secrets import Secret
from pointsman.gateway.units import Duration, Share

MAX_ENDPOINTS = 1024
"""Of one pool: each has its own background checks and its own labels in the metrics."""


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


_URL_FORM = of_form(r"^[hH][tT][tT][pP][sS]?://[^@?#\s]+$")


class EndpointConfig(Section):
    url: Annotated[str, _URL_FORM]
    """Scheme, host and port, without `/v1`; a longer path is kept as a prefix."""
    weight: Float = Field(default=1.0, gt=0)
    """Share of the requests that `balance: weighted` gives it, relative to the others."""

    @field_validator("url")
    @classmethod
    def _absolute(cls, url: str) -> str:
        return _endpoint_url(url)


def _endpoint_url(url: str) -> str:
    problem = _url_problem(url)
    if problem:
        raise ValueError(problem)
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _url_problem(url: str) -> str | None:
    """Never with the URL in it: it may hold credentials."""
    example = "such as http://127.0.0.1:8001"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if "@" in url:
        return "credentials do not belong into an endpoint's URL; use the pool's api_key"
    if not usable or not re.fullmatch(r"[!-~]+", url):
        return f"an endpoint is an absolute http or https URL, {example}"
    if "?" in url or "#" in url:
        return f"an endpoint's URL has no query and no fragment; write host, port and path prefix, {example}"
    return None


EndpointUrl = Annotated[str, AfterValidator(_endpoint_url), _URL_FORM]


def _endpoint(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class Kubernetes(Section):
    service: KubernetesName
    """Name of the service whose EndpointSlices are watched."""
    namespace: KubernetesName = "default"
    """The service's namespace."""
    port: Annotated[Int, Field(ge=1, le=65535)] | KubernetesName | None = None
    """The pods' port, by its name or number; may be left out if there is only one."""
    scheme: Literal["http", "https"] = "http"
    """How the pods are spoken to; with `https` their certificate is for `SERVICE.NAMESPACE.svc`."""
    kubeconfig: Text | None = None
    """File with access to the cluster; without it the own pod's service account, or else kubectl's file."""


class Discover(Section):
    dns: EndpointUrl | None = None
    """URL whose host name is resolved; each address is an endpoint with the URL's port and path."""
    interval: Interval = 5.0
    """Time between two lookups of `dns`."""
    kubernetes: Kubernetes | None = None
    """A Kubernetes service, whose pods are the endpoints."""

    @model_validator(mode="after")
    def _one_source(self) -> Discover:
        if (self.dns is None) == (self.kubernetes is None):
            raise ValueError("`discover` needs one of `dns` and `kubernetes`")
        return self


class Price(Section):
    """USD per million tokens."""

    input: Float = Field(default=0.0, ge=0)
    """USD per million tokens of the prompt."""
    output: Float = Field(default=0.0, ge=0)
    """USD per million tokens of the answer."""


class Speed(Section):
    """What is believed of a pool until its own answers show it."""

    ttft: Interval | None = None
    """Time to the first token, of a usual prompt at an idle endpoint."""
    tpot: Interval | None = None
    """Time for each further token at a full endpoint; one that is nearly idle is taken for twice as fast."""


class Limits(Section):
    inflight: Int = Field(default=1024, ge=1)
    """Requests that run in the pool at once; `pool.NAME.load` is relative to it."""
    queue: Int = Field(default=512, ge=0)
    """Requests that wait in the gateway for a place; beyond them the next candidate is tried, else 429."""
    queue_timeout: Duration = 5.0
    """How long a request waits for a place."""


class Timeouts(Section):
    connect: Interval = 1.0
    """Until the connection to an endpoint stands."""
    first_token: Interval = 60.0
    """Until a stream's first event."""
    idle: Interval = 30.0
    """Between two events of a stream."""
    total: Interval = 600.0
    """For the whole request, all attempts together."""


class Retry(Section):
    attempts: Int = Field(default=2, ge=1, le=10)
    """Tries in this pool before the next candidate; 1 is no retry."""
    budget: Share = 0.2
    """Retries as a share of the pool's requests; beyond it failures are not retried."""
    backoff: Duration = 0.05
    """Pause before the first retry; it doubles with each."""


class Eject(Section):
    failures: Int = Field(default=5, ge=1)
    """Failures in a row after which an endpoint gets no requests."""
    error_rate: Share = 0.5
    """Share of failed requests in `window` that ejects an endpoint, too; 0% never does."""
    requests: Int = Field(default=20, ge=1)
    """Requests in `window` below which there is no error rate."""
    slow: Float = Field(default=5.0, ge=0)
    """Ejects an endpoint whose first tokens take so many times as long as is usual in the pool; 0 never does."""
    window: Annotated[Duration, Field(ge=1, le=3600)] = 30.0
    """How far back error rate and first tokens are looked at."""
    duration: Interval = Field(default=10.0, alias="for")
    """How long an endpoint stays out before it is tried again."""
    max: Share = 0.5
    """Largest share of the pool's endpoints that may be out because of failures or slowness."""

    @field_validator("slow")
    @classmethod
    def _ratio(cls, slow: float) -> float:
        if 0 < slow <= 1:
            raise ValueError("this is a multiple of what is usual, above 1, such as 5; 0 switches it off")
        return slow


class Health(Section):
    path: HttpPath | None = None
    """What is asked with GET; without it the engine's own health path."""
    interval: Interval = 5.0
    """Time between two checks of an endpoint."""
    eject: Eject = Eject.model_validate({})
    """When failing or slow requests take an endpoint out."""


class Balance(StrEnum):
    LEAST_LOAD = "least_load"
    ROUND_ROBIN = "round_robin"
    WEIGHTED = "weighted"
    PEAK_EWMA = "peak_ewma"
    SESSION = "session"


class PoolConfig(Section):
    model: Text
    """Name of the model that is sent upstream."""
    endpoints: list[
        Annotated[EndpointConfig, BeforeValidator(_endpoint, json_schema_input_type=EndpointUrl | EndpointConfig)]
    ] = Field(default=[], max_length=MAX_ENDPOINTS)
    """URLs of the servers, or mappings of `url` and `weight`; required without `discover`."""
    discover: Discover | None = None
    """Where more endpoints are looked up, again and again."""
    engine: Engine = Engine.NONE
    """Whose load metrics the endpoints expose; with `none` only own requests count."""
    provider: Provider = Provider.OPENAI
    """Wire and way of authentication."""
    api_key: Secret | None = None
    """Secret reference of the key that is sent upstream; clients' own keys never are."""
    price: Price = Price()
    """USD per million tokens, for cost metrics and cost-aware selection."""
    context: Int | None = Field(default=None, ge=1)
    """Tokens that fit into the model's context."""
    quality: dict[Name, Annotated[Float, Field(ge=0, le=1)]] = {}
    """Prior quality in [0, 1]: `default`, and by label."""
    speed: Speed = Speed()
    """How fast answers come, until they show it themselves."""
    balance: Balance = Balance.LEAST_LOAD
    """How an endpoint is picked."""
    limits: Limits = Limits()
    """How many requests the pool takes."""
    timeouts: Timeouts = Timeouts()
    """How long things may take, per attempt."""
    retry: Retry = Retry()
    """What happens after a failure before the first byte."""
    health: Health = Health()
    """How endpoints are checked."""
    scrape: Interval = 1.0
    """Time between two readings of an endpoint's load metrics."""
    stale: Interval = 10.0
    """Age at which a reading no longer counts."""
    paths: list[HttpPath] = []
    """Other paths that the pool takes by bytes, such as `/v1/images`."""
    native: list[Literal["messages", "responses"]] = []
    """Wires that the pool speaks itself, so that they are not translated."""

    @field_validator("endpoints")
    @classmethod
    def _each_once(cls, endpoints: list[EndpointConfig]) -> list[EndpointConfig]:
        if len({e.url for e in endpoints}) < len(endpoints):
            raise ValueError("an endpoint is listed twice; give it a weight instead")
        return endpoints

    @model_validator(mode="after")
    def _some_endpoint(self) -> PoolConfig:
        if not self.endpoints and self.discover is None:
            raise ValueError("a pool needs `endpoints`, such as [http://127.0.0.1:8001], or `discover`")
        return self
