from __future__ import annotations

import pytest

from pointsman.cache.store.redis.address import address_of, problem
from pointsman.cache.store.redis.store import RedisStore
from pointsman.cache.store.registry import open_store
from pointsman.cache.store.registry import problem as problem_of_any


def test_what_a_url_says() -> None:
    plain = address_of("redis://user:p%40ss@cache.local:6380/3")
    assert (plain.hosts, plain.kind) == ((("cache.local", 6380),), "")
    assert plain.options == {"username": "user", "password": "p@ss", "db": 3}
    assert plain.shown == "cache.local:6380"
    assert address_of("redis://[::1]").hosts == (("::1", 6379),)
    secured = address_of("rediss://h?ssl_ca_certs=/ca.pem")
    assert secured.options == {"ssl": True, "ssl_ca_certs": "/ca.pem"}
    several = address_of("valkey+sentinel://:x@a,b:1/main/2")
    assert several.hosts == (("a", 26379), ("b", 1))
    assert (several.kind, several.master, several.options) == ("sentinel", "main", {"password": "x", "db": 2})
    assert address_of("rediss+cluster://a,b").options == {"ssl": True}


@pytest.mark.parametrize(
    "place",
    [
        "redis://", "redis://:secret@", "redis://h:99999", "redis://h:secret", "redis://h/secret", "redis://a,b",
        "redis+sentinel://h", "redis+cluster://h/1", "redis://h?password=secret", "redis://h?ssl_ca_certs=x",
        "redis://h#secret", "redis:secret", "redis://h/1/2", "redis://[secret",
    ],
)  # fmt: skip
def test_what_is_none_is_refused_and_not_repeated(place: str) -> None:
    found = problem(place)
    assert found
    assert "secret" not in found
    assert problem_of_any(place) == found
    with pytest.raises(ValueError):
        open_store(place)


def test_the_registry_has_it() -> None:
    assert isinstance(open_store("valkeys://h"), RedisStore)
