"""When an endpoint's first token will come, learned from when its last ones did.

Linear in what is known before a request is sent: time to first token = a + b · prompt tokens + c · requests there.
Least squares with exponential forgetting, from the sums that it needs instead of the recursion for their inverse:
those decay, where the inverse blows up if a feature stands still for long. Residuals far out count less (Huber)."""

from __future__ import annotations

from typing import NamedTuple

_FORGETTING = 0.98
"""Weight of an observation relative to the next: some 50 of them count."""
ENOUGH = 10
"""Observations before anything is predicted."""
FRESH = 5.0
"""Seconds after the last observation in which a prediction may keep requests away without another look."""
_RIDGE = 0.01
"""Observations of nothing: what is not known is 0."""
_LEVERAGE = 0.5
"""Predictions less certain than half an observation's worth are guesses."""
_FAR = 3.0
"""Mean residuals beyond which an observation counts less."""
_SPREAD = 0.05
_SMALLEST, _PART = 0.001, 0.02
"""Least mean residual, in seconds and as a part of what was predicted: even a steady server is not exact."""
_KILO = 1024.0


class Fit(NamedTuple):
    """What was learned until some moment: coefficients, and the upper half of the inverse of the sums of squares."""

    base: float
    per_kilotoken: float
    per_request: float
    inverse: tuple[float, float, float, float, float, float]

    def predict(self, tokens: int, ahead: float) -> float | None:
        """Seconds; None if nothing like it was seen of late."""
        t, q = tokens / _KILO, ahead
        p00, p01, p02, p11, p12, p22 = self.inverse
        if p00 + t * (2 * p01 + t * p11) + q * (2 * p02 + 2 * t * p12 + q * p22) > _LEVERAGE:
            return None
        return self.at(t, q)

    def at(self, kilotokens: float, ahead: float) -> float:
        """Seconds, be it a guess."""
        seconds = self.base + self.per_kilotoken * kilotokens + self.per_request * ahead
        return seconds if seconds > 0 else 0.0


class Asked(NamedTuple):
    """What was known of a request when it was sent."""

    tokens: int
    ahead: float  # requests at the endpoint
    fit: Fit | None


class Regression:
    __slots__ = ("_fresh_until", "_moments", "_seen", "_sums", "_typical", "fit")

    def __init__(self) -> None:
        self.fit: Fit | None = None
        self._seen = 0
        self._sums = (_RIDGE, 0.0, 0.0, _RIDGE, 0.0, _RIDGE)  # of x·xᵀ, upper half; x = 1, kilotokens, ahead
        self._moments = (0.0, 0.0, 0.0)  # of x·y
        self._typical = 0.0  # residual
        self._fresh_until = float("-inf")

    def observe(self, asked: Asked, seconds: float, now: float) -> float | None:
        """Learn; returns the absolute error of what had been predicted, if anything had."""
        tokens, ahead, fit = asked
        self._seen += 1
        self._fresh_until = now + FRESH
        self._add(tokens / _KILO, ahead, seconds, self._weight(tokens, ahead, seconds))
        if self._seen == ENOUGH:
            self._typical = self._moments[0] / self._sums[0]  # anything up to the mean is usual at first
        if self._seen >= ENOUGH:
            self.fit = self._solve()
        predicted = fit.predict(tokens, ahead) if fit is not None else None
        return None if predicted is None else abs(seconds - predicted)

    def predict(self, tokens: int, ahead: float) -> float | None:
        return self.fit.predict(tokens, ahead) if self.fit is not None else None

    def doubtful(self, now: float) -> bool:
        """Whether it is time to look whether it is still so."""
        return now >= self._fresh_until

    def look(self, now: float) -> None:
        """A request is sent that may find out; the next has to wait for what it finds."""
        if now >= self._fresh_until:
            self._fresh_until = now + FRESH

    def _weight(self, tokens: int, ahead: float, seconds: float) -> float:
        if self.fit is None:
            return 1.0
        predicted = self.fit.at(tokens / _KILO, ahead)
        off = abs(seconds - predicted)
        far = _FAR * max(self._typical, _SMALLEST, _PART * predicted)
        # capped, so that one outlier does not excuse the next; but a new level is believed after some dozen
        self._typical += _SPREAD * (min(off, 2 * far) - self._typical)
        return 1.0 if off <= far else far / off

    def _add(self, t: float, q: float, y: float, w: float) -> None:
        s00, s01, s02, s11, s12, s22 = self._sums
        m0, m1, m2 = self._moments
        f, r = _FORGETTING, (1 - _FORGETTING) * _RIDGE
        wt, wq = w * t, w * q
        self._sums = (
            f * s00 + w + r, f * s01 + wt, f * s02 + wq, f * s11 + wt * t + r, f * s12 + wt * q, f * s22 + wq * q + r,
        )  # fmt: skip
        self._moments = (f * m0 + w * y, f * m1 + wt * y, f * m2 + wq * y)

    def _solve(self) -> Fit:
        """By cofactors; the ridge keeps the determinant above zero."""
        a, b, c, d, e, f = self._sums
        c00, c01, c02 = d * f - e * e, c * e - b * f, b * e - c * d
        c11, c12, c22 = a * f - c * c, b * c - a * e, a * d - b * b
        k = 1 / (a * c00 + b * c01 + c * c02)
        p00, p01, p02, p11, p12, p22 = k * c00, k * c01, k * c02, k * c11, k * c12, k * c22
        m0, m1, m2 = self._moments
        return Fit(
            p00 * m0 + p01 * m1 + p02 * m2,
            p01 * m0 + p11 * m1 + p12 * m2,
            p02 * m0 + p12 * m1 + p22 * m2,
            (p00, p01, p02, p11, p12, p22),
        )
