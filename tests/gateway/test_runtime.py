import pytest
import yaml

from pointsman.gateway.app import build_runtime
from pointsman.gateway.config import load
from pointsman.gateway.errors import ModelNotFound, NotFound
from tests.support.gateway import config, pool

DEAD = "http://127.0.0.1:9"


@pytest.fixture
def runtime(tmp_path):
    pools = {
        "a": pool(DEAD, model="shared", paths=["/v1/files"]),
        "b": pool(DEAD, model="shared"),
        "shared-pool": pool(DEAD, model="a", paths=["/v1/files/special"]),
    }
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(config(pools, aliases=["any"])))
    return build_runtime(load(path))


def names(pools):
    return [pool.name for pool in pools]


def test_a_models_name_means_every_pool_that_serves_it(runtime):
    assert names(runtime.named("shared")) == ["a", "b"]


def test_a_pools_name_wins_over_an_equal_model(runtime):
    assert names(runtime.named("a")) == ["a"]
    assert names(runtime.named("shared-pool")) == ["shared-pool"]


def test_aliases_are_no_models(runtime):
    assert runtime.is_alias("any")
    assert runtime.is_alias("auto")
    assert runtime.is_alias(None)
    assert not runtime.is_alias("shared")


def test_long_names_are_cut_in_the_error(runtime):
    with pytest.raises(ModelNotFound) as caught:
        runtime.named("x" * 100_000)
    assert len(caught.value.message) < 500


def test_pools_that_list_a_path(runtime):
    assert names(runtime.listing("/files/1")) == ["a"]
    assert names(runtime.listing("/files/special/2")) == ["a", "shared-pool"]


@pytest.mark.parametrize(
    "path", ["/file", "/", "/files/../x", "/files/%2E%2e/x", "/files/a%2f..", "/files/..\\x", "/files/."]
)
def test_paths_that_nobody_lists_or_that_climb(runtime, path):
    with pytest.raises(NotFound, match="`paths`"):
        runtime.listing(path)
