"""What the README and the documentation say to do, done."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES
from tests.support.gateway import config, pool, serving
from tests.support.process import pointsman
from tests.support.upstream import answer_hello, scripted

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in links:
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


def test_every_page_is_in_the_readme() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in README


def test_every_example_is_in_the_readme() -> None:
    assert EXAMPLES
    for path in EXAMPLES:
        assert f"| [{path.stem}](examples/{path.name}) |" in README


def test_the_first_policy_is_clean_and_does_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(blocks("yaml")[0], "utf-8")
    done = pointsman("check", "--strict", path)
    assert done.returncode == 0, done.stdout
    explained = pointsman("explain", path, "Prove Fermat's theorem")
    assert explained.stdout.startswith("decision   hard\n")
    explained = pointsman("explain", path, "My key is sk-abcdefghijabcdefghij")
    assert explained.stdout.startswith("decision   block-leaks\n")


@pytest.mark.parametrize("code", blocks("python"), ids=["openai", "anthropic"])
async def test_the_sdk_examples(code: str) -> None:
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        assert "http://127.0.0.1:8080" in code
        code = code.replace("http://127.0.0.1:8080", gateway.url)
        run = asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        done = await run
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "hello", "")


def test_the_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    assert {"run", "test", "check"} <= named <= targets
