"""The cache and its categories."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
)

from pointsman.cache.categories import Category, Evict, Loosen, Verify, default, quotas
from pointsman.cache.store.registry import problem
from pointsman.gateway.schema.forms import Float, Int, Interval, Name, Section, distinct
from pointsman.gateway.secrets import Place
from pointsman.gateway.units import Share, Size


class LoosenConfig(Section):
    threshold: Annotated[Float, Field(ge=0, le=0.2)] | None = None
    """By how much the threshold falls at most."""
    ttl: Annotated[Float, Field(ge=1, le=10)] | None = None
    """By what the `ttl` is multiplied at most."""


class VerifyConfig(Section):
    error: Annotated[Float, Field(gt=0, le=0.5)] | Annotated[Share, Field(gt=0, le=0.5)] = 0.02
    """Share of the similar texts' hits that may be wrong."""
    judge: Name | None = None
    """The pool whose model says whether two questions have the same answer, where that is in doubt."""
    mode: Literal["async", "inline"] = "async"
    """Whether it is asked after the client has the model's own answer, or `inline`, while the client waits."""
    timeout: Interval = 2.0
    """How long the judge may take."""


class CategoryConfig(Section):
    """What is not written is as in the built-in category of the name, or else of `general`."""

    threshold: Annotated[Float, Field(ge=0.5, le=1)] | None = None
    """Cosine of two texts from which the one's answer may stand for the other's."""
    semantic: bool = True
    """Whether similar texts are answered, too; if not, only equal ones."""
    ttl: Interval | None = None
    """How long an answer can be used."""
    quota: Annotated[Share, Field(gt=0)] | None = None
    """Share of the cache's entries and bytes; categories without one divide what is left."""
    evict: Evict | None = None
    """What goes first when there is no room: of the least `value`, or unused for longest (`lru`)."""
    loosen: LoosenConfig = LoosenConfig()
    """What is given up while the models are busy."""
    guard: bool = True
    """Whether similar texts are compared word by word for what turns their meaning: negation, numbers, names."""
    askers: Int = Field(default=1, ge=1, le=16)
    """Independent clients that must have asked before others get an answer that was made for one of them."""
    verify: VerifyConfig | None = None
    """Keeps the share of wrong hits below a bound, by asking the model again now and then."""
    auto: bool = False
    """Whether the category is switched off while it does not save the time that it takes."""
    private: bool = False
    """Whether every user has his own answers; then those with personal data are kept, too."""
    volatile: bool = False
    """Whether questions about now are cached, such as those with "today"."""
    tools: bool = False
    """Whether requests that offer tools are cached, for equal texts only."""


def _verify(config: VerifyConfig) -> Verify:
    return Verify(config.error, config.judge, config.mode == "inline", config.timeout)


def _store(place: SecretStr) -> SecretStr:
    if found := problem(place.get_secret_value()):
        raise ValueError(found)
    return place


class CacheConfig(Section):
    store: Annotated[Place, AfterValidator(_store)] = Field(
        default=SecretStr("memory:"), json_schema_extra={"default": "memory:"}
    )
    """Where answers are kept: `memory:`, `sqlite:PATH`, or `redis://HOST` for several gateways; its password is a
    secret reference, as in `redis://:env:NAME@HOST`."""
    entries: Int = Field(default=100_000, ge=1, le=10_000_000)
    """Answers that are kept at most."""
    bytes: Annotated[Size, Field(gt=0)] = 256 * 1024**2
    """Size of them all."""
    categories: dict[Name, CategoryConfig] = {}
    """How each kind of question is cached, by the name that decisions use."""
    share: list[Annotated[list[Name], AfterValidator(distinct)]] = []
    """Groups of tenants that may have each other's answers."""

    def categories_of(self, used: Collection[str]) -> dict[str, Category]:
        told = {name: self.categories[name].quota for name in used if name in self.categories}
        shares = quotas(used, {name: quota for name, quota in told.items() if quota is not None})
        return {name: self._category(name, shares[name]) for name in used}

    def _category(self, name: str, quota: float) -> Category:
        usual, own = default(name), self.categories.get(name, CategoryConfig())
        threshold = own.threshold if own.threshold is not None else usual.threshold
        loosen = Loosen(
            own.loosen.threshold if own.loosen.threshold is not None else usual.loosen.threshold,
            own.loosen.ttl if own.loosen.ttl is not None else usual.loosen.ttl,
        )
        return Category(
            name=name,
            threshold=threshold if own.semantic else None,
            ttl=own.ttl or usual.ttl,
            quota=quota,
            evict=own.evict or usual.evict,
            loosen=loosen,
            guard=own.guard,
            askers=own.askers,
            verify=None if own.verify is None else _verify(own.verify),
            auto=own.auto,
            private=own.private,
            volatile=own.volatile,
            tools=own.tools,
        )
