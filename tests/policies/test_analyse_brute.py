"""Every verdict of the analysis against all values that the signals of a small policy can have."""

from __future__ import annotations

import re

from hypothesis import given

from pointsman.policies.analyse.overlaps import defeated, overlapping
from pointsman.policies.analyse.parts import needless
from pointsman.policies.analyse.reach import always, gap, never, shadowed
from pointsman.policies.analyse.solver import Solver
from pointsman.policies.expr import And, Constant, Expr, Not, Or
from tests.policies.worlds import Judge, modelled, policies


def names(findings, saying: str) -> set[str]:
    return {finding.decision for finding in findings if saying in finding.message}


def both(left: list[bool], right: list[bool]) -> list[bool]:
    return [a and b for a, b in zip(left, right, strict=True)]


def opposite(values: list[bool]) -> list[bool]:
    return [not value for value in values]


def fits(case: dict, example: str) -> bool:
    """Whether the values of an example are those of the case."""
    return all(_fits(case, *re.split(" (?:= )?", fact, maxsplit=1)) for fact in filter(None, example.split(", ")))


def _fits(case: dict, name: str, shown: str) -> bool:
    if name in case:
        value = case[name]
        if shown == "unknown" or value is None:
            return shown == "unknown" and value is None
        if isinstance(value, bool):
            return shown == str(value).lower()
        if isinstance(value, str) or value == ():
            named = {"another label": "else", "no label": ()}
            return value == named.get(shown, shown)
        return value == float(shown)
    name, label = name.split(".")  # of several at once
    return case[name] is not None and (label in case[name]) is (shown == "true")


def example_of(message: str) -> str:
    found = re.search(r"such as (.*?)(?:, are answered|; give|: `|$)|left over \((.*)\)", message)
    assert found, message
    return found[1] or found[2]


def proves(example: str, judge: Judge, target: list[bool]) -> bool:
    """An example names some values; whatever the others are, it is one. Values between those that `worlds` lists are
    left out."""
    matching = [holds for case, holds in zip(judge.cases, target, strict=True) if fits(case, example)]
    return all(matching)


@given(policies())
def test_conditions(drawn):
    decisions, signals = drawn
    judge = Judge(decisions, signals)
    with Solver() as solver:
        model = modelled(solver, decisions, signals)
        nevers, alwayses = list(never(model)), list(always(model))
        surely = names(nevers, "never holds") - names(nevers, "unless")
        assert surely == {n for n, holds in judge.holds.items() if not any(holds)}
        assert names(alwayses, "always holds;") == {n for n, holds in judge.holds.items() if all(holds)}
        known = judge.known()
        assert names(nevers, "never holds, unless") == {
            n for n, holds in judge.holds.items() if any(holds) and not any(both(holds, known))
        }
        assert names(alwayses, "always holds, unless") == {
            n for n, holds in judge.holds.items() if not all(holds) and not any(both(opposite(holds), known))
        }


@given(policies())
def test_what_is_never_reached_and_why(drawn):
    decisions, signals = drawn
    judge = Judge(decisions, signals)
    with Solver() as solver:
        model = modelled(solver, decisions, signals)
        found = list(shadowed(model))
        assert [any(judge.wins(d.name)) for d in model.decisions] == model.is_reached
    dead = {n for n, holds in judge.holds.items() if any(holds) and n not in judge.winner}
    assert names(found, "is never reached:") == dead
    known = judge.known()
    for finding in found:
        name, *blamed = re.findall(r"`(d\d)`", finding.message)
        relevant = judge.holds[name] if name in dead else both(judge.holds[name], known)
        assert any(relevant)
        assert all(_covered(relevant, [judge.holds[n] for n in blamed]))
        for left_out in blamed:  # the smallest set: without any of them something is left
            rest = [judge.holds[n] for n in blamed if n != left_out]
            assert not all(_covered(relevant, rest))


def _covered(cases: list[bool], by: list[list[bool]]) -> list[bool]:
    return [not holds or any(other[i] for other in by) for i, holds in enumerate(cases)]


@given(policies())
def test_gaps(drawn):
    decisions, signals = drawn
    judge = Judge(decisions, signals)
    with Solver() as solver:
        found = list(gap(modelled(solver, decisions, signals)))
    left = [winner is None for winner in judge.winner]
    assert bool(found) is any(left)
    for finding in found:
        assert ("unknown" in finding.message) is not any(both(left, judge.known()))
        if "such as" in finding.message or "left over" in finding.message:
            assert proves(example_of(finding.message), judge, left)


@given(policies())
def test_overlaps_and_defeated_answers(drawn):
    decisions, signals = drawn
    judge = Judge(decisions, signals)
    with Solver() as solver:
        model = modelled(solver, decisions, signals)
        overlaps, defeats = list(overlapping(model)), list(defeated(model))
    order = {decision.name: place for place, decision in enumerate(judge.order)}
    assert {f.decision for f in overlaps} == {a for a in order if any(_overlap(judge, order, a, b) for b in order)}
    assert {f.decision for f in defeats} == {a for a in order if any(_defeats(judge, order, b, a) for b in order)}
    for finding in overlaps:
        first, second = re.findall(r"`(d\d)`", finding.message)[:2]
        assert _overlap(judge, order, first, second)
        assert proves(example_of(finding.message), judge, both(judge.wins(first), judge.holds[second]))
    for finding in defeats:
        guard, other = re.findall(r"`(d\d)`", finding.message)[:2]
        assert _defeats(judge, order, other, guard)
        assert proves(example_of(finding.message), judge, both(judge.wins(other), judge.holds[guard]))


def _partly(judge: Judge, first: str, second: str) -> bool:
    wins, holds = judge.wins(first), judge.holds[second]
    return any(both(wins, holds)) and any(both(wins, opposite(holds)))


def _overlap(judge: Judge, order: dict[str, int], first: str, second: str) -> bool:
    one, other = judge.order[order[first]], judge.order[order[second]]
    alike = (one.models, one.respond) == (other.models, other.respond) or bool(one.respond) != bool(other.respond)
    ordered = order[first] < order[second] and one.priority == other.priority
    return ordered and not alike and second in judge.winner and _partly(judge, first, second)


def _defeats(judge: Judge, order: dict[str, int], first: str, guard: str) -> bool:
    one, other = judge.order[order[first]], judge.order[order[guard]]
    earlier = order[first] < order[guard] and one.respond is None and other.respond is not None
    return earlier and guard in judge.winner and _partly(judge, first, guard)


def variants(expr: Expr):
    """Each part, and the expression with that part true and with it false."""
    yield expr, Constant(True), Constant(False)
    match expr:
        case Not(operand):
            for part, true, false in variants(operand):
                yield part, Not(true), Not(false)
        case And(operands) | Or(operands):
            for place, operand in enumerate(operands):
                for part, true, false in variants(operand):
                    made = [(*operands[:place], one, *operands[place + 1 :]) for one in (true, false)]
                    yield part, type(expr)(made[0]), type(expr)(made[1])


@given(policies())
def test_parts_that_could_be_left_out(drawn):
    decisions, signals = drawn
    judge = Judge(decisions, signals)
    with Solver() as solver:
        found = list(needless(modelled(solver, decisions, signals)))
    for decision in decisions:
        holds = judge.holds[decision.name]
        constants = [
            part for part, true, false in variants(decision.when) if holds in (judge.truth(true), judge.truth(false))
        ]
        mine = [finding for finding in found if finding.decision == decision.name]
        assert bool(mine) is (bool(constants) and any(holds) and not all(holds))
        for finding in mine:
            told = re.search(r": `(.*?)` ", finding.message)
            assert told
            text = told[1].removesuffix("...")
            assert any(str(part).startswith(text) and part.place == finding.place for part in constants)
