"""Where a Redis is, as its URL says: alone, behind Sentinels, or a Cluster. Nothing here repeats a URL: it may have a
password."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SCHEMES = frozenset(
    f"{engine}{kind}"
    for engine in ("redis", "rediss", "valkey", "valkeys")
    for kind in ("", "+sentinel", "+cluster")
)  # fmt: skip
FORM = "redis://[USER:PASSWORD@]HOST[:PORT][/DB]"

_PORT, _SENTINEL_PORT = 6379, 26379
_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"})


class Address(NamedTuple):
    hosts: tuple[tuple[str, int], ...]
    kind: str  # '', 'sentinel' or 'cluster'
    master: str  # the name that the Sentinels know it by
    options: dict[str, Any]  # of redis-py's connections

    @property
    def shown(self) -> str:
        """For logs."""
        return ",".join(f"{host}:{port}" for host, port in self.hosts)


def problem(place: str) -> str | None:
    try:
        address_of(place)
    except ValueError as error:
        return str(error)
    return None


def password_of(place: str) -> list[str]:
    """None in a place that is not a Redis's."""
    return [] if problem(place) else [str(told) for told in (address_of(place).options.get("password"),) if told]


def address_of(place: str) -> Address:
    """ValueError, without the URL."""
    try:
        url = urlsplit(place)
    except ValueError:
        raise ValueError(f"this is no URL of a Redis; write {FORM}") from None
    scheme, _, kind = url.scheme.partition("+")
    if url.scheme not in SCHEMES or url.fragment:
        raise ValueError(f"this is no URL of a Redis; write {FORM}")
    hosts = _hosts(url, _SENTINEL_PORT if kind == "sentinel" else _PORT)
    path = [part for part in url.path.split("/") if part]
    master = ""
    if kind == "sentinel":
        if not path:
            raise ValueError("behind Sentinels there is a name: redis+sentinel://HOST:26379,HOST:26379/NAME[/DB]")
        master = path.pop(0)
    elif len(hosts) > 1 and kind != "cluster":
        raise ValueError("several hosts are a redis+cluster:// or a redis+sentinel://")
    options = _secured(url, secure=scheme in ("rediss", "valkeys"))
    return Address(hosts, kind, master, options | _who(url) | _database(path, kind))


def _hosts(url: SplitResult, port: int) -> tuple[tuple[str, int], ...]:
    hosts = []
    for part in url.netloc.rpartition("@")[2].split(","):
        try:
            one = urlsplit(f"//{part}")
            host, number = one.hostname, one.port
        except ValueError:
            host = number = None
        if not host:
            raise ValueError(f"the URL of the Redis has no host, or a port that is none; write {FORM}")
        hosts.append((host, number or port))
    return tuple(hosts)


def _who(url: SplitResult) -> dict[str, str]:
    user, _, password = url.netloc.rpartition("@")[0].partition(":")
    found = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in found.items() if value}


def _database(path: list[str], kind: str) -> dict[str, int]:
    if not path:
        return {}
    if len(path) > 1 or not path[0].isdecimal() or (kind == "cluster" and int(path[0])):
        raise ValueError("after the host there is the number of a database, and in a Cluster only 0")
    return {} if kind == "cluster" else {"db": int(path[0])}


def _secured(url: SplitResult, *, secure: bool) -> dict[str, Any]:
    told = dict(parse_qsl(url.query, keep_blank_values=True))
    if told.keys() - _OPTIONS:
        raise ValueError(f"after the `?` there are only {', '.join(sorted(_OPTIONS))}")
    if told and not secure:
        raise ValueError("certificates need rediss://, with two s")
    return {"ssl": True, **told} if secure else {}
