"""`pointsman test`: a configuration's own `tests:`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from pointsman.gateway.errors import PointsmanError

if TYPE_CHECKING:
    from pointsman.gateway.document import Document
    from pointsman.gateway.policy_tests.report import Tested
    from pointsman.gateway.schema.config import Config


def test(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)],
    only: Annotated[
        str,
        typer.Option("--filter", metavar="TEXT", help="Only tests with this in their name, prompt or decision."),
    ] = "",
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write JUnit XML to this file.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Run the tests of a configuration file. No backend is called, and no encoder where its signals are assumed.

    Exits with 0 if all pass, 1 if one fails, 2 if the file cannot be used."""
    from pointsman.gateway.config import examine  # pydantic and all signals: not needed for help
    from pointsman.gateway.policy_tests import report
    from pointsman.gateway.policy_tests.junit import junit as write_junit

    examined = examine(config, analysed=False)
    loaded = examined.usable()
    assert examined.document is not None
    tested, whens = [], report.conditions(loaded)
    for each in _run(loaded, examined.document, only):
        tested.append(each)
        if not as_json:
            for line in report.lines([each], whens):
                typer.echo(line)
    if only and not tested:
        raise typer.BadParameter(f"--filter {only!r}: no test has this in its name, prompt or decision")
    if as_json:
        typer.echo(orjson.dumps(report.form(config, tested)))
    elif not loaded.tests:
        typer.echo(f"{config}: there are no tests; write some under `tests:`")
    else:
        typer.echo(report.summary(config, tested, len(loaded.tests)))
    if junit is not None:
        _write(junit, write_junit(config, tested, whens))
    raise typer.Exit(int(any(not each.result.passed for each in tested)))


def _run(config: Config, document: Document, only: str) -> Iterator[Tested]:
    from pointsman.gateway.policy_tests.report import Tested, title
    from pointsman.gateway.policy_tests.run import Examiner

    examiner = Examiner(config)
    for index, case in enumerate(config.tests):
        name = title(case, index)
        if only.casefold() in f"{name}\n{case.prompt or ''}\n{case.expect.decision or ''}".casefold():
            place = document.problem("", ("tests", index))
            result = examiner.run(case, Path(place.file).parent)
            yield Tested(name, place.file, place.line, place.column, frozenset(case.signals), result)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise PointsmanError(f"cannot write {path}: {error.strerror}") from None
