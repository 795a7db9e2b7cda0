"""What a pool's next answer will be like, from the ones it gave of late."""

from __future__ import annotations

from pointsman.gateway.pools.recent import Recent
from pointsman.policies.select.context import Forecast, Measure

_FORGETTING = 0.98
"""Weight of an answer relative to the next: some 50 of them count."""


class Mean:
    """Discounted."""

    __slots__ = ("_count", "value")

    def __init__(self) -> None:
        self._count = 0.0
        self.value: float | None = None

    def observe(self, value: float) -> None:
        self._count = _FORGETTING * self._count + 1
        before = value if self.value is None else self.value
        self.value = before + (value - before) / self._count


class Outlook:
    __slots__ = ("_forecast", "_means", "_recent")

    def __init__(self) -> None:
        self._means = {"length": Mean(), "ttft": Mean(), "tpot": Mean()}
        self._recent = {measure: Recent() for measure in Measure}
        self._forecast: Forecast | None = None

    @property
    def first_tokens(self) -> Recent:
        """Seconds from lease to first token."""
        return self._recent[Measure.TTFT]

    @property
    def ttft(self) -> float | None:
        """Seconds, on average."""
        return self._means["ttft"].value

    @property
    def length(self) -> float | None:
        """Tokens of an answer, on average."""
        return self._means["length"].value

    def began(self, seconds: float) -> None:
        self._means["ttft"].observe(seconds)
        self._recent[Measure.TTFT].observe(seconds)
        self._forecast = None

    def spoke(self, tokens: int, pace: float | None, seconds: float) -> None:
        """`pace` in seconds per token, None if the answer was too short to tell."""
        self._means["length"].observe(tokens)
        self._recent[Measure.TOTAL].observe(seconds)
        if pace is not None:
            self._means["tpot"].observe(pace)
            self._recent[Measure.TPOT].observe(pace)
        self._forecast = None

    def forget(self) -> None:
        """What was stated has changed."""
        self._forecast = None

    def forecast(self, ttft: float | None, tpot: float | None) -> Forecast:
        """As learned, else as stated. Where no stream shows first tokens, tokens are counted with the wait for them."""
        if self._forecast is None:
            first, pace = self._means["ttft"].value, self._means["tpot"].value
            tpot = tpot if pace is None else pace
            ttft = ttft if first is None else first
            self._forecast = Forecast(
                self.length, 0.0 if ttft is None and tpot is not None else ttft, tpot, self._quantile
            )
        return self._forecast

    def _quantile(self, measure: Measure, share: float) -> float | None:
        return self._recent[measure].quantile(share)
