"""What a simulated server is: its name, its speed, its faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from pointsman.gateway.sim.engine import EngineOptions
from pointsman.gateway.sim.faults import Fault


class Preset(StrEnum):
    SMALL = "small"
    LARGE = "large"


PRESETS: Mapping[Preset, EngineOptions] = MappingProxyType(
    {
        # Alone on the engine a request decodes 200 and 60 tokens per second.
        Preset.SMALL: EngineOptions(),
        Preset.LARGE: EngineOptions(
            prefill_rate=4000, step_base=0.016, step_per_sequence=1 / 60 - 0.016, num_blocks=4096
        ),
    }
)


@dataclass(frozen=True, slots=True)
class SimOptions:
    model: str = "pointsman/small"
    names: tuple[str, ...] = ()  # under which it is served instead, the first being the one it reports
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free one
    api_key: str | None = field(default=None, repr=False)
    engine: EngineOptions = PRESETS[Preset.SMALL]
    speed: float = 1.0  # model seconds per second; inf: never waits
    seed: int = 0
    faults: tuple[Fault, ...] = ()
    embedding_size: int = 384

    def __post_init__(self) -> None:
        if not self.speed > 0:
            raise ValueError("the speed must be above 0; inf never waits")

    @property
    def served(self) -> tuple[str, ...]:
        return self.names or (self.model,)
