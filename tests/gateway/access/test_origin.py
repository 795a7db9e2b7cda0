from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.access.origin import Origins, is_loopback, is_preflight
from pointsman.gateway.errors import Forbidden

APP = "https://app.example.com"
LOCAL = "127.0.0.1:8080"
OPEN = Origins([APP, "http://localhost:3000"], has_auth=False)
KEYED = Origins([APP], has_auth=True)
CLOSED = Origins([], has_auth=False)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("console.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evillocalhost", False),
        ("127.1", False),
        ("2130706433", False),
    ],
)
def test_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@given(st.ip_addresses(network="127.0.0.0/8") | st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_is_loopback_knows_every_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = getattr(address, "ipv4_mapped", None) or address
    assert is_loopback(str(address)) is mapped.is_loopback


@given(st.text())
def test_any_host_is_loopback_or_not(host: str) -> None:
    assert is_loopback(host) in (True, False)


@pytest.mark.parametrize("host", [LOCAL, "localhost:8080", "localhost", "[::1]:8080", None])
def test_without_keys_programs_call_by_loopback_names(host: str | None) -> None:
    assert CLOSED.check(None, host) is None


@pytest.mark.parametrize("host", ["rebound.example:8080", "gateway.lan", "192.168.1.5:8080", "0.0.0.0:8080", "::1"])
def test_without_keys_another_name_may_be_a_rebound_one(host: str) -> None:
    error = CLOSED.check(None, host)
    assert isinstance(error, Forbidden)
    assert "auth.keys" in error.message
    assert OPEN.check(APP, host) is not None


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://localhost:3001", "http://127.0.0.1:8081"]
)
def test_without_keys_an_unlisted_page_is_refused(origin: str) -> None:
    error = OPEN.check(origin, LOCAL)
    assert isinstance(error, Forbidden)
    assert error.status == 403
    assert "server.cors" in error.message


def test_without_keys_listed_pages_and_our_own_are_served() -> None:
    assert OPEN.check(APP, LOCAL) is None
    assert OPEN.check("http://localhost:3000", "localhost:8080") is None
    assert CLOSED.check("http://127.0.0.1:8080", LOCAL) is None
    assert CLOSED.check("http://localhost:8080", "LocalHost:8080") is None


def test_with_keys_the_key_decides() -> None:
    assert KEYED.check("https://evil.example", "gateway.example.com") is None


@pytest.mark.parametrize("origins", [KEYED, CLOSED])
@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
def test_a_page_that_is_not_listed_cannot_read_answers(origins: Origins, origin: str | None) -> None:
    assert b"access-control-allow-origin" not in dict(origins.headers(origin))


def test_a_listed_page_can_read_answers_and_our_headers() -> None:
    headers = dict(KEYED.headers(APP))
    assert headers[b"access-control-allow-origin"] == APP.encode()
    assert headers[b"vary"] == b"origin"
    exposed = headers[b"access-control-expose-headers"].decode().split(", ")
    assert {"x-request-id", "retry-after", "x-pointsman-decision", "x-ratelimit-remaining-tokens"} <= set(exposed)
    assert dict(KEYED.headers("https://evil.example")) == {b"vary": b"origin"}  # so that no cache mixes them up
    assert CLOSED.headers(APP) == []


def test_any_origin_needs_keys() -> None:
    assert dict(Origins(["*"], has_auth=True).headers("https://who.example"))[b"access-control-allow-origin"] == b"*"
    with pytest.raises(ValueError, match=r"auth\.keys"):
        Origins(["*"], has_auth=False)


def test_preflight_of_the_sdks_in_a_browser() -> None:
    asked = (
        "authorization,content-type,x-stainless-os,x-stainless-retry-count,anthropic-version,x-pointsman-debug,x-evil"
    )
    answer = KEYED.preflight(APP, "gateway.example.com", asked)
    assert isinstance(answer, list)
    headers = dict(answer)
    assert headers[b"access-control-allow-origin"] == APP.encode()
    allowed = headers[b"access-control-allow-headers"].decode().split(", ")
    assert set(asked.split(",")) - set(allowed) == {"x-evil"}
    assert b"POST" in headers[b"access-control-allow-methods"]
    assert int(headers[b"access-control-max-age"]) > 0


@given(st.text())
def test_preflight_never_reflects_what_it_does_not_know(asked: str) -> None:
    answer = KEYED.preflight(APP, None, asked)
    assert isinstance(answer, list)
    value = dict(answer)[b"access-control-allow-headers"]
    assert value.isascii()
    assert b"\n" not in value
    assert len(value) < 8192


@pytest.mark.parametrize(
    ("origins", "origin", "host"),
    [
        (KEYED, "https://evil.example", None),
        (OPEN, "null", LOCAL),
        (CLOSED, APP, LOCAL),
        (OPEN, APP, "rebound.example"),
    ],
)
def test_preflight_of_others_is_refused(origins: Origins, origin: str, host: str | None) -> None:
    assert isinstance(origins.preflight(origin, host, "authorization"), Forbidden)


def test_is_preflight() -> None:
    assert is_preflight("OPTIONS", APP, "POST")
    assert not is_preflight("OPTIONS", None, "POST")
    assert not is_preflight("OPTIONS", APP, None)
    assert not is_preflight("POST", APP, "POST")


@pytest.mark.parametrize(
    "written", ["HTTPS://App.Example.com", "https://app.example.com:443", "https://app.example.com/"]
)
def test_origins_are_compared_as_browsers_write_them(written: str) -> None:
    assert Origins([written], has_auth=False).check(APP, LOCAL) is None


@pytest.mark.parametrize(
    "written",
    [
        "app.example.com",
        "https://",
        "https://a.example/path",
        "https://a:b",
        "https://u@a.example",
        "https://ä.example",
    ],
)
def test_what_is_no_origin_is_an_error_at_the_start(written: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        Origins([written], has_auth=True)
