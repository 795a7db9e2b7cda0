"""Where money goes that perhaps should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pointsman.policies.analyse.constant import constant
from pointsman.policies.analyse.finding import Finding, code
from pointsman.policies.analyse.model import Model
from pointsman.policies.select.static import Static
from pointsman.policies.types import Decision


@dataclass(frozen=True, slots=True)
class Rates:
    """What is known of a pool: USD per million tokens, and its prior quality."""

    price: tuple[float, float] | None = None  # of input, of output
    quality: float | None = None


Pools = Mapping[str, Rates]


def surprises(model: Model, pools: Pools) -> Iterator[Finding]:
    """Where `select` is left out: whoever writes `by: static` knows that the first model gets everything."""
    for decision, is_reached in zip(model.decisions, model.is_reached, strict=True):
        if not _is_default(decision) or not is_reached:
            continue
        first, *others = decision.models
        worse = next((other for other in others if _is_dearer_and_no_better(pools[first], pools[other])), None)
        if constant(decision.when) and _is_dearest(first, pools):
            message = f"sends all requests that are left over to {code(first)}, the dearest pool"
            yield Finding("info", f"decision {code(decision.name)} {message}", decision.name)
        elif worse is not None:
            message = f"tries {code(first)} first, which costs more than {code(worse)} and has no better `quality`"
            yield Finding("info", f"decision {code(decision.name)} {message}", decision.name)


def _is_default(decision: Decision) -> bool:
    selector = decision.selector
    return isinstance(selector, Static) and not selector.options.model_fields_set and bool(decision.models)


def _is_dearer(one: Rates, other: Rates) -> bool:
    if one.price is None or other.price is None:
        return False
    return one.price != other.price and all(a >= b for a, b in zip(one.price, other.price, strict=True))


def _is_dearer_and_no_better(one: Rates, other: Rates) -> bool:
    if one.quality is None or other.quality is None:
        return False  # dearer models are mostly better, and stand first for that
    return _is_dearer(one, other) and one.quality <= other.quality


def _is_dearest(name: str, pools: Pools) -> bool:
    others = [rates for other, rates in pools.items() if other != name]
    return bool(others) and all(_is_dearer(pools[name], rates) for rates in others)
