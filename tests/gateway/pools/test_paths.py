import pytest

from pointsman.gateway.pools.paths import upstream_path
from pointsman.gateway.schema.pools import PoolConfig


def taking(*paths):
    return PoolConfig.model_validate({"model": "m", "endpoints": ["http://127.0.0.1:9"], "paths": list(paths)})


@pytest.mark.parametrize(
    ("listed", "asked", "upstream"),
    [
        ("/v1/images", "/images", "/v1/images"),
        ("/v1/images", "/images/edits", "/v1/images/edits"),
        ("/v1/images/", "/images/edits", "/v1/images/edits"),
        ("/v1/images", "/imagesque", None),
        ("/v1/images/edits", "/images", None),
        ("/tokenize", "/tokenize", "/tokenize"),
        ("/v1", "/anything/at/all", "/v1/anything/at/all"),
        ("/v10/x", "/x", None),
    ],
)
def test_what_is_listed_is_taken_with_all_below_it(listed, asked, upstream):
    assert upstream_path(taking(listed), asked) == upstream


def test_the_first_that_fits_counts_and_none_takes_nothing():
    assert upstream_path(taking("/score", "/v1/score"), "/score") == "/score"
    assert upstream_path(taking(), "/score") is None
