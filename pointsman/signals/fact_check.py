"""`fact_check`: whether the answer will state facts about the world that could be wrong."""

from __future__ import annotations

from typing import Literal

from pointsman.signals.learned import LearnedFlag, LearnedFlagOptions


class FactCheckOptions(LearnedFlagOptions):
    type: Literal["fact_check"]


class FactCheck(LearnedFlag[FactCheckOptions]):
    Options = FactCheckOptions
    head = "fact_check"
