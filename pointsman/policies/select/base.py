"""The interface of a selector: from what is known of a request and what was learned, to an order of models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from pointsman.policies.select.context import Candidate, Context, Doubles
from pointsman.policies.select.sums import NOTHING, Discount, Sums
from pointsman.policies.types import Choice

if TYPE_CHECKING:
    from random import Random

    from pointsman.signals.encoder.encoding import Encoder


class SelectOptions(BaseModel):
    """The YAML of one selector. Each narrows `by` to a Literal and adds its options."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    by: str
    """Name of the selector."""

    def asks(self) -> Mapping[tuple[str, ...], str]:
        """Pools that it asks beside the decision's models, by where below `select` the file names them."""
        return {}


OptionsT = TypeVar("OptionsT", bound=SelectOptions)


class Seen(NamedTuple):
    """What is kept of a request until its outcome is known."""

    features: Doubles | None = None  # of its prompt
    vector: Doubles | None = None  # its sentence
    prior: float | None = None  # quality that was expected of the arm without anything learned
    prompt_tokens: int = 0


class Rewarded(NamedTuple):
    """Something that became known of an answer. It may come in parts and be corrected, so it is told in differences:
    whatever is learned of it is linear in `weight` and `reward`."""

    arm: str  # the pool that answered
    seen: Seen
    weight: float = 1.0  # by how much the evidence for the answer's quality grows
    reward: float = 0.0  # by how much weight × quality grows; quality is in [0, 1]
    outcomes: int = 1  # 0: a correction of something that was counted already
    output_tokens: int | None = None
    over: str | None = None  # the arm whose answer was found worse than this one's
    under: str | None = None  # the arm whose answer was found better; who counts pairs was told with `over` already


class Selector(ABC, Generic[OptionsT]):
    """Built once per reload for one decision's `models`; raises ValueError if the options do not fit them.

    It keeps nothing of a request: what it learns goes through `learn` into sums that others keep."""

    Options: ClassVar[type[SelectOptions]]
    reads_prompt: bool = False
    """Whether it asks for `Context.prompt`, which takes an encoder."""
    plain: bool = False
    """Whether it chooses by nothing that would have to be found out: not by forecasts, the conversation or what was
    learned."""
    learns: bool = False
    """Whether `learn` or `observe` say anything."""
    discount: Discount = 1.0
    """How much what was learned counts beside the next outcome."""

    def __init__(self, options: OptionsT, candidates: Sequence[Candidate]) -> None:
        self.options = options
        self.candidates = tuple(candidates)
        self.models = tuple(candidate.name for candidate in candidates)

    def prepare(self, encoder: Encoder) -> None:
        """Called once before prompts of this encoder come; EncoderError if what it was fitted on is of another one."""
        return

    @abstractmethod
    def choose(self, context: Context, view: Any, random: Random | None) -> Choice:
        """Order `self.models`; every model appears once, so that a failure finds the next. `view` is what `view` made
        of the sums. Without `random` the choice is greedy: the best as far as is known, for `explain`."""

    def view(self, sums: Sums) -> Any:
        """What `choose` needs of the sums; made off the hot path, whenever they have changed."""
        return None

    def learn(self, rewarded: Rewarded) -> Sums:
        """What an outcome adds to the sums."""
        return NOTHING

    def observe(self, context: Context, choice: Choice) -> Sums:
        """What a request adds to the sums whatever comes of it."""
        return NOTHING
