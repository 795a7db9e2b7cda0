"""Questions that ask for one verdict on several statements or scenes, and others that only look like them.

The sets that `need` learns from hardly have any: MMLU-Pro left out the two-scene verdicts and most pairs of statements.
Weak models fail at them far more often than strong ones, and know most of what is merely recalled. The chances below
are our estimates, after published accuracies by subject that were quoted from memory; nothing here was measured.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from training.data import Row as Example
from training.data import examples

CHANCE: Mapping[str, float] = {
    "deeds": 0.38, "law": 0.26, "logic": 0.30, "accounts": 0.28, "maths": 0.34, "recall": 0.05, "chat": 0.06,
    "code": 0.2,
}  # fmt: skip
"""By kind: that a strong model is right where a weak one is wrong."""
_OF_CLAIMS: Mapping[str, float] = {
    "algebra": 0.32, "learning": 0.28, "analysis": 0.32, "computing": 0.28, "economics": 0.28, "sums": 0.28,
    "physics": 0.26, "law": 0.24, "medicine": 0.22, "philosophy": 0.22,
}  # fmt: skip
_LEAST, _SLOPE = 0.13, 1.2
"""From such a chance to `need`, whose pairs differ more and whose questions are harder: as the two lie, by eye, for the
subjects of MMLU that MMLU-Pro kept."""

_WEIGHT = 3.0
_DEEDS, _PAIRS, _LISTS, _FORMS = 260, 260, 160, 4


class Row(NamedTuple):
    """Of what `training.need` learns from."""

    text: str
    target: float
    weight: float = 1.0
    sums: bool | None = False  # whether it is a story with a sum to work out; None: perhaps


def compound() -> Iterator[Row]:
    rng = random.Random(21)
    rows = examples("compound")
    yield from _deeds(rows, rng)
    yield from _claims(rows, rng)
    for row in rows:
        kind = row["kind"]
        if "options" in row:
            sums = None if kind in ("accounts", "maths") else False
            texts = {_exam(row["text"], row["options"], rng) for _ in range(_FORMS)}
            yield from (Row(text, _need(CHANCE[kind]), _WEIGHT, sums) for text in sorted(texts))
        elif kind in ("chat", "code"):
            yield Row(row["text"], _need(CHANCE[kind]), 2 * _WEIGHT)


def _need(chance: float) -> float:
    return _LEAST + _SLOPE * chance


_JUDGE = (
    "In which of the two scenes does the narrator act in a way that is plainly immoral by common standards?",
    "Read both scenarios. Does the person who tells them do something clearly wrong, morally speaking?",
    "Decide for each scenario whether what was done in it is immoral in the eyes of most people today.",
    "Two short stories are told by the one who acted. Which of the acts would most people condemn?",
    "By everyday moral standards, is the speaker's action wrong in these cases?",
    "Would a decent person be ashamed of what the teller did, in either scenario?",
    "Judge the two actions by ordinary morality.",
    "Which of these did a clear moral wrong, the first narrator, the second, both or neither?",
    "Here are two confessions. Say of each if it is morally wrong or not.",
    "Moral judgement: label both scenarios.",
)
_LABELS = (
    ("Scenario 1 | ", "Scenario 2 | "), ("Scenario 1: ", "Scenario 2: "), ("Scene A: ", "Scene B: "), ("1) ", "2) "),
    ("First scenario: ", "Second scenario: "), ("(a) ", "(b) "), ("Case 1 - ", "Case 2 - "),
    ("Scenario I. ", "Scenario II. "),
)  # fmt: skip
_VERDICTS = (
    ("Wrong", "Not wrong"), ("Wrong", "Not wrong"), ("Wrong", "Not wrong"), ("Immoral", "Not immoral"),
    ("Bad", "Fine"), ("Morally wrong", "Morally acceptable"),
)  # fmt: skip
_ONE_OF_TWO = (
    ("Only the first", "Only the second", "Both", "Neither"),
    ("Scenario 1 only", "Scenario 2 only", "Both of them", "None"),
)  # fmt: skip


def _deeds(rows: Sequence[Example], rng: random.Random) -> Iterator[Row]:
    told = [row["text"] for row in rows if row["kind"].startswith("deed")]
    for _ in range(_DEEDS):
        first, second = rng.sample(told, 2)
        one, other = rng.choice(_LABELS)
        gap = rng.choice(("\n", "\n", " ", "\n\n"))
        lines = [rng.choice(_JUDGE), f"{one}{first}", f"{other}{second}"]
        if rng.random() < 0.15:
            lines = [*lines[1:], lines[0]]
        text = _optional(gap.join(lines), _of_two(_VERDICTS, _ONE_OF_TWO, rng), rng)
        yield Row(text, _need(CHANCE["deeds"]), _WEIGHT)


_TRUE = (("True", "False"), ("True", "False"), ("Correct", "Incorrect"), ("Valid", "Invalid"))
_ONE_TRUE = (
    ("Statement 1 only", "Statement 2 only", "Both", "Neither"),
    ("1 only", "2 only", "Both 1 and 2", "Neither 1 nor 2"),
)  # fmt: skip
_SAID = (
    ("Statement 1 | ", "Statement 2 | "), ("Statement 1 | ", "Statement 2 | "), ("Statement 1: ", "Statement 2: "),
    ("Statement A: ", "Statement B: "), ("Claim 1. ", "Claim 2. "), ("I. ", "II. "), ("S1: ", "S2: "),
    ("Assertion: ", "Reason: "),
)  # fmt: skip
_BOTH = ("", "", "", "Are these statements true or false?", "Which of the two statements is right?",
         "Consider two statements about {field}.", "Judge each statement.")  # fmt: skip
_MANY = (
    "Which of the following are true?", "Which of these statements about {field} is/are correct?",
    "Consider the statements below. Which must hold?", "Of the following, which are false?",
    "Let the following be given. Which of I, II and III are correct?",
)  # fmt: skip
_SETS = (
    "I only", "II only", "III only", "I and II only", "I and III only", "II and III only", "I, II, and III", "None",
)  # fmt: skip


def _claims(rows: Sequence[Example], rng: random.Random) -> Iterator[Row]:
    fields: dict[str, list[str]] = {}
    for row in rows:
        if row["kind"] == "claim":
            fields.setdefault(row["field"], []).append(row["text"])
    often = [field for field, claims in fields.items() for _ in claims]
    for _ in range(_PAIRS):
        field = rng.choice(often)
        one, other = rng.choice(_SAID)
        first, second = rng.sample(fields[field], 2)
        head, gap = rng.choice(_BOTH).format(field=field), rng.choice((" ", " ", "\n"))
        text = f"{head}\n{one}{first}{gap}{other}{second}".strip()
        yield Row(_optional(text, _of_two(_TRUE, _ONE_TRUE, rng), rng), _need(_OF_CLAIMS[field]), _WEIGHT)
    for _ in range(_LISTS):
        field = rng.choice(often)
        numbered = [f"{n}. {claim}" for n, claim in zip(("I", "II", "III"), rng.sample(fields[field], 3), strict=True)]
        parts = [rng.choice(_MANY).format(field=field), *numbered]
        text = rng.choice(("\n", " ")).join(parts)
        yield Row(_optional(text, sorted(rng.sample(_SETS, 4)), rng), _need(_OF_CLAIMS[field]), _WEIGHT)


def _of_two(verdicts: Sequence[tuple[str, str]], others: Sequence[Sequence[str]], rng: random.Random) -> Sequence[str]:
    if rng.random() < 0.2:
        return rng.choice(others)
    yes, no = rng.choice(verdicts)
    found = [f"{yes}, {yes}", f"{yes}, {no}", f"{no}, {yes}", f"{no}, {no}"]
    rng.shuffle(found)
    return found


_LETTERS = ("\n{letter}. {option}", "\n{letter}. {option}", "\n({letter}) {option}", "\n{letter}) {option}")
_ENDS = ("\nAnswer:", "\nAnswer:", "\nAnswer:", "", "\nA:", "\n\nReply with one letter.")
_HEADS = ("", "", "", "", "Question: ", "Q: ", "Choose the best answer.\n\n")


def _optional(text: str, options: Sequence[str], rng: random.Random) -> str:
    return text if rng.random() < 0.2 else _lettered(text, options, rng)


def _exam(text: str, options: Sequence[str], rng: random.Random) -> str:
    return _optional(text, rng.sample(list(options), len(options)), rng)


def _lettered(text: str, options: Sequence[str], rng: random.Random) -> str:
    form = rng.choice(_LETTERS)
    listed = "".join(form.format(letter="ABCD"[place], option=option) for place, option in enumerate(options))
    return f"{rng.choice(_HEADS)}{text}{listed}{rng.choice(_ENDS)}"
