"""Pairs whose answers differ, and what the guard says of them. None stands in the list that the benchmark measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.cache.guard import compare

SURE = 0.97

REFUSED = {
    "negation": [
        ("Which trains stop at Leeds?", "Which trains do not stop at Leeds?"),
        ("Why does the pump start?", "Why doesn't the pump start?"),
        ("why does the pump start", "why doesnt the pump start"),
        ("Bake bread with yeast", "Bake bread with no yeast"),
        ("List users who can log in", "List users who cannot log in"),
        ("Is A open and B not open?", "Is A not open and B open?"),
        ("Is my visa right?", "Isn't my visa right?"),
        ("I don't know how to swim", "I know how to swim"),
        ("I can figure out how to swim", "I can't figure out how to swim"),
        ("I have yet to pay", "I have paid"),
    ],
    "opposites": [
        ("How do I enable autosave?", "How do I disable autosave?"),
        ("Turn the heating on", "Turn the heating off"),
        ("Switch off roaming", "Activate roaming"),
        ("Is the port locked?", "Is the port unlocked?"),
        ("Stretch before running", "Stretch after running"),
        ("Cook it with salt", "Cook it without salt"),
        ("the cheapest hotel in Oslo", "the most expensive hotel in Oslo"),
        ("Import my bookmarks", "Export my bookmarks"),
        ("Is the reply polite?", "Is the reply impolite?"),
    ],
    "direction": [
        ("Convert 30 CHF to GBP", "Convert 30 GBP to CHF"),
        ("Is Lua faster than Perl?", "Is Perl faster than Lua?"),
        ("Buses from Graz to Linz", "Buses from Linz to Graz"),
        ("Buses from Graz to Linz", "Buses to Graz from Linz"),
        ("Can I sue my tenant?", "Can my tenant sue me?"),
        ("Who beat Spassky?", "Who did Spassky beat?"),
        ("Do wolves hunt bears?", "Do bears hunt wolves?"),
        ("What is 40 minus 8?", "What is 8 minus 40?"),
    ],
    "number": [
        ("Name 4 rivers in Spain", "Name 6 rivers in Spain"),
        ("Name four rivers in Spain", "Name 6 rivers in Spain"),
        ("What is 12% of 50?", "What is 21% of 50?"),
        ("Who was the third emperor?", "Who was the fourth emperor?"),
        ("A loan of 1,500 euros", "A loan of 15,000 euros"),
        ("Rent below two hundred and fifty", "Rent below two hundred and sixty"),
        ("Python 3.1 release date", "Python 3.10 release date"),
        ("Add 5 and 5", "Add 5"),
        ("Paint a wall", "Paint a wall of 12 metres"),
    ],
    "unit": [
        ("How many miles is the Elbe long?", "How many km is the Elbe long?"),
        ("Wait 5 seconds", "Wait 5 minutes"),
        ("A parcel of 3kg", "A parcel of 3 lbs"),
        ("Is $40 a fair price?", "Is €40 a fair price?"),
    ],
    "date": [
        ("Concerts in Ghent in June", "Concerts in Ghent in July"),
        ("Is it closed on Tuesday?", "Is it closed on Friday?"),
        ("Ferries on 2025-03-04", "Ferries on 2025-04-03"),
        ("Tides on 3 May", "Tides on 3 March"),
    ],
    "identifier": [
        ("What does os.remove do?", "What does os.rename do?"),
        ("Explain `--amend`", "Explain `--squash`"),
        ("Who owns shop.example.com?", "Who owns blog.example.com?"),
        ("Where is /var/log/syslog?", "Where is /var/log/auth.log?"),
        ("Write to kim@example.com", "Write to tim@example.com"),
        ("Status of order QX-771b", "Status of order QX-717b"),
        ('Who sang "Hello"?', 'Who sang "Halo"?'),
        ("What is #00ffaa?", "What is #00ffab?"),
        ("What does 'in order to' mean?", "What does 'to' mean?"),
        ("When to use useRef and why", "When to use useId and why"),
        ("What does a > b mean", "What does a < b mean"),
    ],
    "quantifier": [
        ("Up to 5 users", "More than 5 users"),
        ("Do all snakes lay eggs?", "Do some snakes lay eggs?"),
        ("Names with at least 3 letters", "Names with at most 3 letters"),
        ("Reply to everyone", "Reply only to Eve"),
    ],
    "condition": [
        ("Delete the drafts", "Delete the drafts unless shared"),
        ("Order another pizza", "Order a pizza"),
        ("Sync all files", "Sync all files except PDFs"),
    ],
    "question": [
        ("Who built the Alhambra?", "When was the Alhambra built?"),
        ("Where do storks nest?", "Why do storks nest?"),
        ("How many storks nest here?", "How do storks nest here?"),
        ("Where is the archive?", "What is the archive?"),
        ("How do I get a permit?", "Can I get a permit?"),
        ("Is it possible to freeze leeks?", "What are the steps to freeze leeks?"),
        ("What is the process of fermentation?", "What is fermentation?"),
    ],
    "action": [
        ("How do I get a passport?", "How do I use a passport?"),
        ("How do I receive a token?", "How do I use a token?"),
    ],
    "relation": [
        ("Is it under the bed?", "Is it behind the bed?"),
        ("A card to my aunt", "A card from my aunt"),
        ("A book by Woolf", "A book about Woolf"),
    ],
    "superlative": [("What is the best drill?", "What is a drill?")],
    "person": [
        ("Does he like tea?", "Does she like tea?"),
        ("What is my role?", "What is your role?"),
        ("Call her back", "Call him back"),
    ],
    "tense": [
        ("Who is the mayor?", "Who was the mayor?"),
        ("Who won the cup?", "Who will win the cup?"),
        ("What was my rent?", "What is my rent?"),
        ("Who is the mayor?", "Who is going to be the mayor?"),
    ],
    "modality": [("Must I wear a tie?", "May I wear a tie?"), ("Can I freeze leeks?", "Should I freeze leeks?")],
    "another subject": [
        ("What is the capital of Peru?", "What is the capital of Cuba?"),
        ("How do I trim a hedge?", "How do I trim a beard?"),
        ("Explain closures in Ruby", "Explain closures in Scala"),
        ("Summarise it as a poem", "Summarise it as a memo"),
        ("Can you help me?", "Do you like me?"),
        ("Dose of prednisone", "Dose of prednisolone"),
    ],
    "narrower": [
        ("How do I pickle beets?", "How do I pickle beets in Korea?"),
        ("Board games", "Board games for toddlers"),
        ("How is a knot tied?", "How is a knot tied with gloves?"),
        ("Sort a map", "Sort a map in Go"),
        ("a lasagne recipe", "a vegan lasagne recipe"),
        ("What is a visa?", "What is needed for a visa?"),
        ("What is a visa?", "What are the requirements of a visa?"),
        ("Book a flight to Oslo", "Book an earlier flight to Oslo"),
        ("jobs in mathematics", "jobs in applied mathematics"),
        ("What if I send it?", "What if I send it by mistake?"),
        ("What is compost?", "How do I calculate compost?"),
    ],
}


@pytest.mark.parametrize(("kind", "a", "b"), [(kind, *pair) for kind, pairs in REFUSED.items() for pair in pairs])
def test_another_answer(kind: str, a: str, b: str) -> None:
    same, reason = compare(a, b, SURE)

    assert not same
    assert reason is not None
    assert reason.split(":")[0] == kind


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("Wie lösche ich 3 Fotos?", "Wie lösche ich 5 Fotos?"),
        ("Wie aktiviere ich das?", "Wie aktiviere ich das nicht?"),
        ("Wetter in Wien am Montag", "Wetter in Wien am Freitag"),
        ("Comment aller à Lyon ?", "Comment aller à Nantes ?"),
        ("Pourquoi ça marche ?", "Pourquoi ça ne marche pas ?"),
        ("¿Puedo pagar con tarjeta?", "¿Puedo pagar sin tarjeta?"),
        ("Quanto costano due biglietti?", "Quanto costano tre biglietti?"),
        ("Posso viajar com o cão?", "Posso viajar sem o cão?"),
        ("Is dat met suiker?", "Is dat zonder suiker?"),
        ("Czy to jest gotowe?", "Czy to nie jest gotowe?"),
        ("Почему он идёт?", "Почему он не идёт?"),
        ("我可以退货吗", "我不可以退货吗"),
        ("北京天气", "上海天气"),
        ("これは食べられますか", "これは食べられませんか"),
        ("서울 날씨", "부산 날씨"),
        ("ما عاصمة مصر", "ما عاصمة قطر"),
    ],
)
def test_in_other_languages(asked: str, kept: str) -> None:
    assert not compare(asked, kept, SURE).same


def test_the_reason_tells_what_changed_from_the_kept_text_to_the_asked_one() -> None:
    assert compare("Name 5 rivers", "Name 3 rivers", SURE).reason == "number: 3 → 5"
    assert compare("Name 3 rivers", "Name 5 rivers", SURE).reason == "number: 5 → 3"
    assert compare("Enable it", "Disable it", SURE).reason == "opposites: disable → enable"
    assert compare("Do I not pay?", "Do I pay?", SURE).reason == "negation: – → not"
    assert compare("Capital of Spain", "Capital of France", SURE).reason == "another subject: france → spain"


@pytest.mark.parametrize("kind", REFUSED)
def test_every_reason_is_documented(kind: str) -> None:
    page = Path(__file__).parents[3] / "docs" / "cache.md"

    assert f"`{kind}`" in page.read_text("utf-8").split("## The guard")[1].split("\n## ")[0]
