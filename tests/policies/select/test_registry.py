from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from pydantic import TypeAdapter, ValidationError

from pointsman.policies.select.registry import SELECTORS, SelectConfig, StaticOptions, build
from pointsman.policies.select.weighted import WeightedOptions
from tests.support.past import two_kinds
from tests.support.select import candidates, context, fresh

PAGE = (Path(__file__).parents[3] / "docs" / "policies.md").read_text("utf-8")
REQUIRED = {
    "weighted": {"weights": {"a": 2}},
    "parallel": {"max_cost": 0.1},
    "threshold": {"strong_share": 0.3},
    "hybrid": {"parts": [{"by": "linucb", "share": 2}, {"by": "elo", "share": 1}]},
}
read = TypeAdapter(SelectConfig).validate_python


@pytest.mark.parametrize("name", SELECTORS)
@pytest.mark.parametrize("random", [Random(0), None])
def test_the_yaml_of_every_selector_builds_it(name, random, tmp_path):
    required = REQUIRED.get(name, {})
    if name in ("knn", "clusters"):
        required = {"data": two_kinds(tmp_path / "past.npz", ("a", "c"))}
    selector = build(read({"by": name, **required}), candidates("a", "b", "c"))
    assert type(selector) is SELECTORS[name]
    choice = selector.choose(context(), fresh(selector), random)
    assert sorted(choice.pools) == ["a", "b", "c"]
    assert choice.by == name
    assert 0 < choice.propensity <= 1
    assert choice.reason
    assert set(choice.shares) <= {"a", "b", "c"}
    assert not choice.shares or sum(choice.shares.values()) == pytest.approx(1)
    assert choice.propensity == pytest.approx(choice.shares.get(choice.pools[0], 1.0))


def test_the_default_is_static():
    assert build(StaticOptions(), candidates("a")).choose(context(), None, Random(0)).by == "static"


@pytest.mark.parametrize("bad", [{"by": "best"}, {}, {"by": "static", "weights": {"a": 1}}, {"by": "weighted"}])
def test_what_is_no_selector_is_refused(bad):
    with pytest.raises(ValidationError):
        read(bad)


def test_options_that_do_not_fit_the_models_are_refused():
    with pytest.raises(ValueError, match="not in `models`"):
        build(WeightedOptions(by="weighted", weights={"x": 1}), candidates("a"))


@pytest.mark.parametrize("name", SELECTORS)
def test_every_selector_and_its_options_are_in_the_docs(name):
    section = PAGE.partition(f"\n### `{name}`\n")[2].partition("\n##")[0]
    assert section, f"docs/policies.md has no section on {name}"
    for option, field in SELECTORS[name].Options.model_fields.items():
        assert option == "by" or f"| `{option}` |" in section
        assert field.description
