from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.gateway.secrets import MAX_BYTES, resolve_place, resolve_secret

VALUE = "sk-top-secret-value"


def refused(reference: object) -> str:
    with pytest.raises(ValueError) as caught:
        resolve_secret(reference)
    return str(caught.value)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALL_KEY", f"{VALUE}\n")
    secret = resolve_secret("env:SMALL_KEY")
    assert secret.get_secret_value() == VALUE
    assert VALUE not in f"{secret} {secret!r}"


def test_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"  {VALUE}\n")
    assert resolve_secret(f"file:{tmp_path}/key").get_secret_value() == VALUE


@pytest.mark.parametrize("reference", [VALUE, "", "env:", "file:", f"vault:{VALUE}", 12345, None, [VALUE], True])
def test_a_literal_is_refused_and_not_repeated(reference: object) -> None:
    message = refused(reference)
    assert "write env:NAME or file:PATH" in message
    assert VALUE not in message
    assert "12345" not in message


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMALL_KEY", raising=False)
    assert "environment variable SMALL_KEY is not set; export it" in refused("env:SMALL_KEY")
    monkeypatch.setenv("SMALL_KEY", "  ")
    assert "SMALL_KEY is not set" in refused("env:SMALL_KEY")


def test_what_could_be_the_secret_itself_is_not_repeated() -> None:
    assert VALUE not in refused(f"env:{VALUE}")
    assert VALUE not in refused(f"file:{VALUE}")


def test_bad_files(tmp_path: Path) -> None:
    assert "No such file" in refused(f"file:{tmp_path}/none")
    assert "directory" in refused(f"file:{tmp_path}")
    (tmp_path / "empty").write_text("\n")
    assert "is empty" in refused(f"file:{tmp_path}/empty")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refused(f"file:{tmp_path}/binary")
    (tmp_path / "large").write_text("x" * (MAX_BYTES + 1))
    assert "larger than 64 KB" in refused(f"file:{tmp_path}/large")
    assert "not a file name" in refused("file:a\0b")


def test_characters_that_no_header_carries(tmp_path: Path) -> None:
    for number, text in enumerate(["two\nlines", "schlüssel", "nul\0"]):
        (tmp_path / str(number)).write_text(text)
        message = refused(f"file:{tmp_path}/{number}")
        assert "no HTTP header can carry" in message
        assert text not in message


@pytest.mark.parametrize("place", ["memory:", "sqlite:a@b.db", "redis://cache:6379/1", "redis+cluster://a,b"])
def test_places_without_a_password_stay_as_they_are(place: str) -> None:
    assert resolve_place(place).get_secret_value() == place


def test_a_password_in_a_place_is_a_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CACHE_PASSWORD", "p@ss/wor:d")
    monkeypatch.setenv("CACHE_URL", "redis://:p%40ss@cache")
    (tmp_path / "password").write_text("from a file\n")
    assert (
        resolve_place("redis://me:env:CACHE_PASSWORD@cache").get_secret_value() == "redis://me:p%40ss%2Fwor%3Ad@cache"
    )
    assert resolve_place(f"redis://:file:{tmp_path}/password@c/1").get_secret_value() == "redis://:from%20a%20file@c/1"
    assert resolve_place("env:CACHE_URL").get_secret_value() == "redis://:p%40ss@cache"


@pytest.mark.parametrize(
    "place", [f"redis://:{VALUE}@cache", f"redis://{VALUE}@cache", f"rediss://me:{VALUE}@x@cache/0"]
)
def test_a_literal_password_in_a_place_is_refused_and_not_repeated(place: str) -> None:
    with pytest.raises(ValueError, match="passwords are never written") as caught:
        resolve_place(place)
    assert VALUE not in str(caught.value)
