"""`pointsman cache warm`, `export` and `import`, and gateways that serve what they leave."""

from __future__ import annotations

import asyncio
import json
import stat
import time

import pytest
import yaml

from pointsman.gateway.cli import run
from pointsman.gateway.commands import cache_warm
from tests.gateway.caching.conftest import QUESTION, caches, letters, settings
from tests.support.redis import RedisServer

__all__ = ["caches", "letters"]  # fixtures

ALIKE = "how do magnets work"
UPSTREAM = "http://127.0.0.1:9"  # a pool's address is in no scope


def said(text=QUESTION, answer="By spin.", **other):
    return {"prompt": text, "answer": answer} | other


@pytest.fixture
def files(letters, tmp_path):
    class Files:
        folder = tmp_path

        def config(self, place, name="policy.yaml", **options):
            path = tmp_path / name
            path.write_text(yaml.safe_dump(settings(UPSTREAM, cache={"store": place}, **options)))
            return path

        def lines(self, *lines, name="lines.jsonl"):
            path = tmp_path / name
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            return path

        def sqlite(self, name="cache.db"):
            return f"sqlite:{tmp_path}/{name}"

    return Files()


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


async def cli(*words):
    return await asyncio.to_thread(run, ["cache", *map(str, words)])


class TestWarm:
    async def test_into_a_file_that_a_gateway_has_afterwards(self, files, caches, capsys):
        lines = files.lines(said(), said("What is the weather today?"), said("Who wrote Faust?", "Goethe."))
        assert await cli("warm", files.config(files.sqlite()), lines) == 0
        assert capsys.readouterr().out == "kept 2 of 3 answers; not kept: volatile 1\n"
        async with caches(cache={"store": files.sqlite()}) as one:
            answer = await one.ask()
            assert (await one.result(ALIKE), one.asked) == ("hit", 0)
        assert answer.headers["x-pointsman-cache"] == "exact"
        assert answer.json["choices"][0]["message"]["content"] == "By spin."

    async def test_a_bad_line_is_named_by_its_number(self, files, capsys):
        lines = files.lines(said())
        lines.write_text("\n\n{\n" + lines.read_text())
        assert await cli("warm", files.config(files.sqlite()), lines) == 1
        told = capsys.readouterr()
        assert (told.out, f"{lines}:3: " in told.err) == ("kept 1 of 2 answers; 1 bad lines\n", True)

    async def test_into_redis(self, files, caches, redis):
        assert await cli("warm", files.config(redis.url), files.lines(said())) == 0
        async with caches(cache={"store": redis.url}) as one:
            async with asyncio.timeout(20):
                await one.caching.cache.store.follower.caught_up.wait()
            assert await one.result() == "exact"

    async def test_into_a_running_gateway_with_its_key(self, files, caches, monkeypatch, capsys):
        monkeypatch.setenv("ADMIN", "secret-admin")
        monkeypatch.setattr(cache_warm, "_LINES", 2)
        config = files.config("memory:", admin={"keys": ["env:ADMIN"]})
        lines = files.lines(*(said(text) for text in ("Why?", "Who?", "Which?")), {"prompt": "no answer"}, said())
        async with caches(admin={"keys": ["env:ADMIN"]}) as one:
            assert await cli("warm", config, lines, "--url", one.url) == 1
            assert await one.result() == "exact"
        told = capsys.readouterr()
        assert told.out == "kept 4 of 5 answers; 1 bad lines\n"
        assert f"{lines}:4: `answer`" in told.err

    async def test_of_a_large_file_nothing_is_given_up(self, files, caches, monkeypatch, capsys):
        monkeypatch.setattr("pointsman.cache.store.unsaved.MOST", 40_000)  # bytes that may wait to be written
        monkeypatch.setattr("pointsman.gateway.commands.cache_opened._UNSAVED", 20_000)
        lines = files.lines(*(said(f"Why is {n}?", f"{n} " * 1000) for n in range(20)))
        assert await cli("warm", files.config(files.sqlite(), category={"semantic": False}), lines) == 0
        out = files.folder / "out.jsonl"
        await cli("export", files.config(files.sqlite()), "--out", out)
        assert len(read(out)) == 1 + 20

    async def test_memory_has_no_store_to_put_them_in(self, files, capsys):
        assert await cli("warm", files.config("memory:"), files.lines(said())) == 1
        assert "memory:" in capsys.readouterr().err

    async def test_a_file_that_a_gateway_has_is_left_alone(self, files, caches, capsys):
        async with caches(cache={"store": files.sqlite()}):
            assert await cli("warm", files.config(files.sqlite()), files.lines(said())) == 1
        assert "another process" in capsys.readouterr().err

    async def test_a_gateway_that_is_not_there(self, files, capsys):
        words = "warm", files.config("memory:"), files.lines(said()), "--url", UPSTREAM
        assert await cli(*words) == 1
        assert "does not answer" in capsys.readouterr().err


class TestTransfer:
    async def test_a_cache_goes_to_another_file(self, files, caches, capsys):
        async with caches(cache={"store": files.sqlite()}) as one:
            await one.ask()
        out = files.folder / "out.jsonl"
        out.touch(0o644)
        assert await cli("export", files.config(files.sqlite()), "--out", out) == 0
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert "vector" not in out.read_text()
        assert await cli("import", files.config(files.sqlite("other.db")), out) == 0
        assert capsys.readouterr().out == "imported 1 of 1 entries\n"
        async with caches(cache={"store": files.sqlite("other.db")}) as other:
            assert [await other.result(), await other.result(ALIKE), other.asked] == ["exact", "hit", 0]

    async def test_a_cache_is_exported_while_a_gateway_has_it(self, files, caches, capfdbinary):
        async with caches(cache={"store": files.sqlite()}) as one:
            await one.ask()
            await one.caching.cache.store.flush()
            assert await cli("export", files.config(files.sqlite())) == 0
        head, entry = capfdbinary.readouterr().out.splitlines()
        assert json.loads(head)["pointsman_cache"] == 1
        assert json.loads(entry)["text"] == QUESTION

    async def test_from_a_file_to_redis_and_back(self, files, caches, redis):
        async with caches(cache={"store": files.sqlite()}) as one:
            await one.ask()
        out, back = files.folder / "out.jsonl", files.folder / "back.jsonl"
        await cli("export", files.config(files.sqlite()), "--out", out)
        assert await cli("import", files.config(redis.url), out) == 0
        assert await cli("export", files.config(redis.url), "--out", back) == 0
        assert read(back) == read(out)

    async def test_a_second_import_changes_nothing(self, files, caches, capsys):
        async with caches(cache={"store": files.sqlite()}) as one:
            await one.ask()
        out = files.folder / "out.jsonl"
        await cli("export", files.config(files.sqlite()), "--out", out)
        assert await cli("import", files.config(files.sqlite()), out) == 0
        assert capsys.readouterr().out.startswith("imported 0 of 1 entries")

    async def test_what_is_too_old_stays_behind(self, files, caches, capsys):
        async with caches(cache={"store": files.sqlite()}) as one:
            await one.ask()
        out = files.folder / "out.jsonl"
        await cli("export", files.config(files.sqlite()), "--out", out)
        head, entry = read(out)
        old = files.lines(head, entry | {"created": time.time() - 13 * 3600})  # general: 6 hours, twice that under load
        assert await cli("import", files.config(files.sqlite("other.db")), old) == 0
        assert capsys.readouterr().out.startswith("imported 0 of 1 entries")

    async def test_a_store_with_entries_keeps_its_key(self, files, caches, capsys):
        for name in ("cache.db", "other.db"):
            async with caches(cache={"store": files.sqlite(name)}) as one:
                await one.ask()
        out = files.folder / "out.jsonl"
        await cli("export", files.config(files.sqlite()), "--out", out)
        assert await cli("import", files.config(files.sqlite("other.db")), out) == 1
        assert "another key" in capsys.readouterr().err

    async def test_an_export_of_nothing_leaves_no_file(self, files, capsys):
        assert await cli("export", files.config(files.sqlite()), "--out", files.folder / "out.jsonl") == 1
        assert "there is no file" in capsys.readouterr().err
        assert not (files.folder / "out.jsonl").exists()

    @pytest.mark.parametrize("lines", [[], [{"prompt": "a"}], [{"pointsman_cache": 9}]])
    async def test_what_is_no_export(self, files, lines, capsys):
        assert await cli("import", files.config(files.sqlite()), files.lines(*lines)) == 1
        assert "no export" in capsys.readouterr().err
