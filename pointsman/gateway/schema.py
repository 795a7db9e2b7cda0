"""The YAML file as pydantic models. Loading and positions are in `config.py`.

A field's description is the one source of what its key means: a test compares it with the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    Strict,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from pointsman.gateway.access.origin import Origins
from pointsman.gateway.secrets import Secret
from pointsman.gateway.units import Duration, Share, Size
from pointsman.policies.select.registry import SelectConfig, StaticOptions
from pointsman.policies.types import EXPLICIT, Strategy
from pointsman.signals.registry import SignalConfig

VERSION = 1

MAX_ENDPOINTS = 1024
"""Of one pool: each has its own background checks and its own labels in the metrics."""

Int = Annotated[int, Strict()]
"""`true` and `"8080"` are not numbers."""
Float = Annotated[float, Strict()]
Interval = Annotated[Duration, Field(gt=0)]


def _of_form(pattern: str) -> WithJsonSchema:
    """For editors; what is wrong is said by the validator."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", name):
        raise ValueError("a name has letters, digits, _ and -, begins with a letter and is at most 64 long")
    return name


Name = Annotated[str, AfterValidator(_name), _of_form("^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
"""A name that expressions, headers and metric labels can carry as it is."""


def _signal_name(name: str) -> str:
    if not re.fullmatch(r'[^\s"]([^"]{0,62}[^\s"])?', name) or not name.isprintable():
        raise ValueError('a name has at most 64 printable characters, none of them ", and no space at its ends')
    return name


SignalName = Annotated[str, AfterValidator(_signal_name), _of_form(r'^[^\s"]([^"]{0,62}[^\s"])?$')]
"""A name that expressions can quote."""


def _path(path: str) -> str:
    if not re.fullmatch(r"/[!-~]*", path):
        raise ValueError("a path begins with / and has no spaces, such as /health")
    return path


HttpPath = Annotated[str, AfterValidator(_path), _of_form("^/[!-~]*$")]


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("this must not be empty")
    return text


Text = Annotated[str, AfterValidator(_text), _of_form(r"\S")]


def _kubernetes_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
        raise ValueError("a name in Kubernetes has lower-case letters, digits and -, and at most 63 of them")
    return name


KubernetesName = Annotated[str, AfterValidator(_kubernetes_name)]


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a name is listed twice here; list each once")
    return names


def _origin(origin: str) -> str:
    Origins([origin], has_auth=True)
    return origin


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


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
    host: Text = "127.0.0.1"
    """Address to listen on; anything but loopback needs `auth.keys`."""
    port: Int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    control_port: Int | None = Field(default=None, ge=0, le=65535)
    """A further port of this host for health, metrics and admin alone, which no rush of clients can keep busy."""
    max_body: Annotated[Size, Field(gt=0)] = 32 * 1024**2
    """Largest request body; a larger one is answered 413."""
    max_connections: Int = Field(default=10_000, ge=1)
    """Clients' connections at once, at most half of the files that the process may open; beyond them 503."""
    cors: list[Annotated[str, AfterValidator(_origin)]] = []
    """Origins of web pages that may call the gateway, such as `https://app.example.com`; `"*"` is any."""
    drain: Duration = 30.0
    """How long running requests may take to finish after SIGTERM."""
    debug_headers: bool = True
    """Whether `x-pointsman-debug: 1` adds signals and trace to an answer."""


def _own_keys(keys: list[SecretStr]) -> list[SecretStr]:
    if len(set(keys)) < len(keys):
        raise ValueError("two entries have the same key; give each its own")
    return keys


class KeyConfig(Section):
    key: Secret
    """The API key that a client sends, as a secret reference."""
    tenant: Name
    """Whose requests these are; the `tenant` signal and the metrics show it."""
    roles: list[Name] = []
    """What the `role` signal finds."""


class AuthConfig(Section):
    keys: list[KeyConfig] = Field(min_length=1)
    """The API keys that are accepted."""

    @field_validator("keys")
    @classmethod
    def _once(cls, keys: list[KeyConfig]) -> list[KeyConfig]:
        _own_keys([entry.key for entry in keys])
        return keys


class TenantConfig(Section):
    weight: Float = Field(default=1.0, ge=0.001, le=1000)
    """Share of a busy pool's places, relative to other tenants; one that is not listed has 1."""
    priority: Literal["high", "normal", "low"] = "high"
    """The highest `x-pointsman-priority` that it may ask for; a tenant of `low` has no other."""


class AdminConfig(Section):
    keys: Annotated[list[Secret], AfterValidator(_own_keys)] = []
    """Secret references of the keys for `/admin` and `/console`; without keys only loopback clients may."""


_URL_FORM = _of_form(r"^[hH][tT][tT][pP][sS]?://[^@?#\s]+$")


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


class RespondConfig(Section):
    status: Int = 200
    """HTTP status: 200 is an assistant message, 400 to 599 an error object."""
    message: Text
    """The text of the answer or of the error."""

    @field_validator("status")
    @classmethod
    def _answer_or_error(cls, status: int) -> int:
        if status != 200 and not 400 <= status <= 599:
            raise ValueError("a status is 200 (an assistant message) or from 400 to 599 (an error)")
        return status


class Slo(Section):
    first_token: Interval | None = None
    """From the request's arrival to a stream's first token; requests that are predicted to miss it go no further."""
    miss: Literal["next", "refuse"] = "next"
    """What then happens, and if a client's own deadline would be missed: the `next` model, or refuse at once."""


class Hedge(Section):
    after: Literal["p50", "p90", "p95", "p99"] | Interval = "p95"
    """How long a first token is waited for before a second endpoint of the pool is asked, too: as long as that share
    of the pool's recent first tokens took, or a duration."""
    budget: Share = 0.05
    """Hedges that may run, as a share of the pool's requests; one always may."""


def literal(when: object) -> object:
    """`when: true` is a boolean in YAML and a literal of the expression language."""
    return str(when).lower() if isinstance(when, bool) else when


Expression = Annotated[Text, BeforeValidator(literal), WithJsonSchema({"type": ["boolean", "string"]})]


class DecisionConfig(Section):
    name: Name
    """Shown in `x-pointsman-decision`, logs and metrics."""
    priority: Int = 0
    """Higher ones are asked first, equal ones in the file's order; may be negative."""
    when: Expression
    """The condition, an expression over signals; `true` always holds."""
    models: Annotated[list[str], AfterValidator(_distinct)] = []
    """Candidates: names of pools, best first."""
    select: SelectConfig = StaticOptions()
    """How one of the candidates is chosen."""
    slo: Slo | None = None
    """How soon an answer must begin, and what happens to a request that cannot have it so soon."""
    hedge: Hedge | None = None
    """Asks a second endpoint for a stream that is late; the first token wins, the other is cancelled."""
    respond: RespondConfig | None = None
    """An answer without a model, instead of `models`."""

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name == EXPLICIT:
            raise ValueError(f"'{EXPLICIT}' is the decision of requests that name a pool; choose another name")
        return name

    @model_validator(mode="after")
    def _one_outcome(self) -> DecisionConfig:
        if bool(self.models) == (self.respond is not None):
            raise ValueError("a decision needs either `models` (names of pools) or `respond`")
        return self


class VirtualModelConfig(Section):
    decisions: list[DecisionConfig] = Field(min_length=1)
    """Its own rules, as those of the main list."""
    strategy: Strategy = "priority"
    """Which of its decisions that hold wins: `priority` or `confidence`."""
    guards: bool = True
    """Whether the main list's own answers (`respond`) hold for it, too."""


class DecisionLogConfig(Section):
    path: Text
    """The file, one JSON object per request."""
    text: bool = False
    """Whether the text of messages is logged."""
    max_size: Annotated[Size, Field(gt=0)] = 64 * 1024**2
    """Size at which the file is rotated."""
    keep: Int = Field(default=5, ge=1)
    """Rotated files that are kept."""


class LogConfig(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged to stderr."""
    decisions: DecisionLogConfig | None = None
    """The decision log; without it none is written."""


class EncoderConfig(Section):
    model: Text | None = None
    """Instead of the shipped encoder: a folder with encoder.onnx and tokenizer.json, or a sentence-transformers one."""
    url: EndpointUrl | None = None
    """Instead of the shipped encoder: an OpenAI-style API with `/v1/embeddings`; `model` names the one to ask for."""
    api_key: Secret | None = None
    """The key of that API."""
    heads: Text | None = None
    """The heads that `pointsman fit heads` made for this encoder; without them only signals with examples work."""
    budget: Interval = 0.05
    """How long a request waits for the encoder; past it neural signals are unknown."""


class PoolState(Section):
    """What is not written is as in a pool that is idle."""

    load: Float | None = Field(default=None, ge=0)
    """Requests in flight relative to the pool's limit; 1 is full."""
    queue: Int | None = Field(default=None, ge=0)
    """Requests that wait."""
    inflight: Int = Field(default=0, ge=0)
    """Requests that this gateway has running in the pool."""
    kv: Float | None = Field(default=None, ge=0, le=1)
    """Highest use of the KV cache by an endpoint."""
    healthy: bool = True
    """Whether an endpoint can take a request."""


COMPARISON = re.compile(r"(<=|>=|==|!=|<|>) ?(-?[0-9]+(?:\.[0-9]+)?)")


def _comparison(text: str) -> str:
    if text[:1] in ("<", ">", "=", "!") and not COMPARISON.fullmatch(text):
        raise ValueError('a comparison is an operator and a number, such as "> 8000"')
    return text


def _time(text: object) -> datetime:
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None
    except ValueError:
        time = None
    if time is None:
        raise ValueError("a time is written as 2026-03-02T22:30, with +01:00 or another zone at its end if not UTC")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _listed(names: object) -> object:
    return [names] if isinstance(names, str) else names


_MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)

Flag = Annotated[bool, Strict()]
Assumed = Flag | Int | Float | Text | list[Text] | None
Wanted = Flag | Int | Float | Annotated[Text, AfterValidator(_comparison)] | list[Text] | None


class ExpectConfig(Section):
    decision: Text | None = None
    """Name of the decision; `explicit` if the request names a pool or a model."""
    not_decision: Annotated[list[Text], BeforeValidator(_listed, json_schema_input_type=Text | list[Text])] = []
    """A decision that it must not be, or a list of them."""
    models: list[Text] | None = None
    """The decision's candidates, in their order."""
    pool: Text | None = None
    """The pool that is asked first: of the chosen order the first healthy one."""
    status: Int | None = Field(default=None, ge=100, le=599)
    """HTTP status: 200 where a model answers, else of the decision's own answer or of the error."""
    signals: dict[str, Wanted] = {}
    """Values of signals: `true`, `false`, a number, a comparison such as `"> 8000"`, a label that is there, a list of
    exactly the labels that are there, or `null` for unknown."""

    @model_validator(mode="after")
    def _something(self) -> ExpectConfig:
        single = (self.decision, self.models, self.pool, self.status)
        if not self.not_decision and not self.signals and all(wanted is None for wanted in single):
            raise ValueError("a test needs something to expect, such as {decision: NAME}")
        return self


class CaseConfig(Section):
    name: Text | None = None
    """Stands in the report; without it the prompt does."""
    prompt: str | None = None
    """The last user message."""
    model: Text | None = None
    """The model that the request names; without it the decisions choose."""
    request: dict[str, Any] | Text | None = None
    """A whole chat completion request instead of `prompt` and `model`, or a JSON file with one, whose path begins where
    this file is."""
    headers: dict[str, str] = {}
    """Request headers."""
    tenant: Name | None = None
    """The client's tenant; no key is needed for it."""
    roles: list[Name] = []
    """The client's roles."""
    now: Annotated[datetime, BeforeValidator(_time), _of_form("^[0-9]{4}-?[0-9W]")] = _MONDAY
    """When the request comes, such as `2026-03-02T22:30+01:00`; UTC without a zone. By default a Monday at noon."""
    pools: dict[str, PoolState] = {}
    """The state of pools; those that are not listed are idle and healthy."""
    signals: dict[str, Assumed] = {}
    """Values of signals that are assumed and not evaluated: `true`, `false`, a label or a list of labels, a number, or
    `null` for unknown."""
    expect: ExpectConfig
    """What must come of it."""

    @model_validator(mode="after")
    def _one_request(self) -> CaseConfig:
        for key in ("prompt", "model"):
            if self.request is not None and getattr(self, key) is not None:
                raise ValueError(f"a test has either `{key}` or `request`; write it into the request")
        return self


def _version(version: object) -> object:
    if isinstance(version, bool) or version not in (VERSION, str(VERSION), f"{VERSION}.0"):
        raise ValueError(f"this pointsman reads version {VERSION} of the configuration; write version: {VERSION}")
    return VERSION


def _with_auto(aliases: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(["auto", *aliases]))


class Config(Section):
    version: Annotated[Literal[1], BeforeValidator(_version, json_schema_input_type=Literal[1, "1", "1.0"])]
    """Version of this file's form."""
    include: list[Text] = []
    """Further files that this one is made of; their paths begin where this file is."""
    server: ServerConfig = ServerConfig()
    """Where and how the gateway listens."""
    aliases: Annotated[list[Text], AfterValidator(_with_auto)] = ["auto"]
    """Names of models that mean "you choose"; `auto` always does."""
    auth: AuthConfig | None = None
    """API keys of clients; without it only loopback may be listened on."""
    tenants: dict[Name, TenantConfig] = {}
    """Shares and priorities of the tenants of `auth.keys`."""
    admin: AdminConfig = AdminConfig()
    """Who may use `/admin` and `/console`."""
    log: LogConfig = LogConfig()
    """What is logged, and where."""
    pools: dict[Name, PoolConfig] = Field(min_length=1)
    """Pools of servers by name, each with one model."""
    encoder: EncoderConfig = EncoderConfig()
    """What turns text into the vectors that neural signals read."""
    signals: dict[SignalName, SignalConfig] = {}
    """Signals by the name that conditions use."""
    conditions: dict[SignalName, Expression] = {}
    """Expressions by the name that other conditions use."""
    strategy: Strategy = "priority"
    """Which of the decisions that hold wins: the first (`priority`), or of the highest priority the surest
    (`confidence`)."""
    decisions: list[DecisionConfig] = []
    """Rules that route requests; the first that holds decides."""
    virtual_models: dict[Text, VirtualModelConfig] = {}
    """Names of models that have rules of their own."""
    tests: list[CaseConfig] = []
    """Requests and what is expected of them, for `pointsman test`."""

    @property
    def all_decisions(self) -> list[DecisionConfig]:
        """Those of the virtual models, too. Their names differ."""
        return [*self.decisions, *(d for virtual in self.virtual_models.values() for d in virtual.decisions)]
