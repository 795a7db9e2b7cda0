from __future__ import annotations

from pointsman.signals.facts import Facts, Message, Route, Scope

TALK = (
    Message("system", "be kind"),
    Message("user", "first"),
    Message("assistant", "", tool_calls=1),
    Message("tool", "42"),
    Message("user", "last"),
)
FACTS = Facts(Route.CHAT, read_messages=lambda: TALK)


def test_each_scope_reads_its_own_text() -> None:
    assert FACTS.text() == "last"
    assert FACTS.text(Scope.SYSTEM) == "be kind"
    assert FACTS.text(Scope.TOOL) == "42"
    assert FACTS.text(Scope.ALL) == "be kind\nfirst\n42\nlast"


def test_a_request_without_messages_has_no_text() -> None:
    assert [Facts(Route.EMBEDDINGS).text(scope) for scope in Scope] == ["", "", "", ""]


def test_messages_are_read_once() -> None:
    reads: list[int] = []

    def read() -> tuple[Message, ...]:
        reads.append(1)
        return TALK

    facts = Facts(Route.CHAT, read_messages=read)
    assert (facts.user_text, facts.text(Scope.ALL).count("\n"), reads) == ("last", 3, [1])


def test_a_derived_text_is_computed_once_per_scope() -> None:
    seen: list[str] = []

    def length(text: str) -> int:
        seen.append(text)
        return len(text)

    facts = Facts(Route.CHAT, read_messages=lambda: TALK)
    lengths = [facts.derive(length, scope) for scope in (Scope.USER, Scope.TOOL, Scope.USER)]
    assert (lengths, seen) == ([4, 2, 4], ["last", "42"])
