"""Every signal. A new one is a file in this directory and a line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field

from pointsman.signals.base import Signal, SignalOptions
from pointsman.signals.classifier import Classifier
from pointsman.signals.complexity import Complexity
from pointsman.signals.context import Context
from pointsman.signals.conversation import Conversation
from pointsman.signals.domain import Domain
from pointsman.signals.embedding import Embedding
from pointsman.signals.fact_check import FactCheck
from pointsman.signals.feedback import Feedback
from pointsman.signals.header import Header
from pointsman.signals.jailbreak.signal import Jailbreak
from pointsman.signals.kb import Kb
from pointsman.signals.keyword import Keyword
from pointsman.signals.language import Language
from pointsman.signals.modality import Modality
from pointsman.signals.parts import Parts
from pointsman.signals.pii.signal import Pii
from pointsman.signals.preference import Preference
from pointsman.signals.projection import Projection
from pointsman.signals.reask import Reask
from pointsman.signals.regex import Regex
from pointsman.signals.role import Role
from pointsman.signals.schedule import Schedule
from pointsman.signals.structure import Structure
from pointsman.signals.tenant import Tenant
from pointsman.signals.tools import Tools
from pointsman.signals.tools_offered import ToolsOffered

__all__ = ["SIGNALS", "SignalConfig", "build"]

SIGNALS: Mapping[str, type[Signal[Any]]] = {
    "classifier": Classifier,
    "context": Context,
    "modality": Modality,
    "feedback": Feedback,
    "fact_check": FactCheck,
    "complexity": Complexity,
    "conversation": Conversation,
    "domain": Domain,
    "embedding": Embedding,
    "header": Header,
    "jailbreak": Jailbreak,
    "kb": Kb,
    "keyword": Keyword,
    "language": Language,
    "parts": Parts,
    "pii": Pii,
    "projection": Projection,
    "preference": Preference,
    "reask": Reask,
    "regex": Regex,
    "role": Role,
    "schedule": Schedule,
    "structure": Structure,
    "tenant": Tenant,
    "tools": Tools,
    "tools_offered": ToolsOffered,
}

if TYPE_CHECKING:
    SignalConfig: TypeAlias = SignalOptions
else:
    _ALL = reduce(or_, (signal.Options for signal in SIGNALS.values()))
    SignalConfig = Annotated[_ALL, Field(discriminator="type")]
    """An entry of `signals:`."""


def build(name: str, options: SignalOptions) -> Signal[Any]:
    """`ValueError` with the fix if the options cannot be used."""
    return SIGNALS[options.type](name, options)


def join(signals: Iterable[Signal[Any]]) -> None:
    """Let the signals of one type share what they can."""
    built = list(signals)
    for kind in SIGNALS.values():
        kind.join([signal for signal in built if isinstance(signal, kind)])
