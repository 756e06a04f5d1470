"""Estimates with their errors, and the fits that the literature uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isnan, log10, nan, sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Standard errors within which two figures count as the same.
TOLERANCE: Final = 5.0

#: Standard errors on each side of a value that make an interval of 95 %.
Z: Final = 1.96

EULER: Final = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error."""

    value: float
    error: float

    def agrees_with(self, other: Estimate, tolerance: float = TOLERANCE) -> bool:
        """Whether both may be the same number: within `tolerance` combined standard errors."""
        return abs(self.value - other.value) <= tolerance * sqrt(self.error**2 + other.error**2)

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of 95 %, as of a normal error."""
        return self.value - Z * self.error, self.value + Z * self.error

    def text(self, digits: int = 5, error_digits: int = 2) -> str:
        """Value and error for people; a dash for no number at all."""
        if isnan(self.value):
            return "-"
        return f"{self.value:.{digits}g} ± {self.error:.{error_digits}g}"

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True, slots=True)
class Proportion(Estimate):
    """A share of successes, or the `power` of one: the chance that so many trials all succeed.

    Where all trials ended alike an error to both sides says nothing; then text has the end of the
    interval instead.
    """

    successes: int
    trials: int
    power: int = 1

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of 95 % (Wilson).

        Of no success in n trials it leaves about 3.84/n, which from n = 7 on is more than the exact
        bound for one side (1 - 0.05^(1/n), the rule of three).
        """
        low, high = wilson(self.successes, self.trials)
        return low**self.power, high**self.power

    def text(self, digits: int = 5, error_digits: int = 2) -> str:
        """Value and error; of nought or one, how large or small it may be instead."""
        low, high = self.interval
        if self.trials and self.successes == 0:
            return f"0 (≤ {high:.2g})"
        if self.trials and self.successes == self.trials:
            return f"1 (≥ {low:.{1 + ceil(-log10(1 - low))}f})"
        return Estimate.text(self, digits, error_digits)


def mean(values: ArrayLike) -> Estimate:
    """Mean of independent values with its standard error; NaN of none, infinite error of one."""
    array = np.asarray(values, dtype=np.float64)
    if len(array) == 0:
        return Estimate(nan, nan)
    error = float(array.std(ddof=1)) / sqrt(len(array)) if len(array) > 1 else float("inf")
    return Estimate(float(array.mean()), error)


def proportion(successes: int, trials: int, power: int = 1) -> Proportion:
    """Share of successes, or a power of it; NaN of no trials. ValueError for more than trials.

    Its error is that of the share with half a success and half a failure added, so that it is not
    0 where all trials ended alike.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes do not go into {trials} trials")
    if trials == 0:
        return Proportion(nan, nan, 0, 0, power)
    smoothed = (successes + 0.5) / (trials + 1)
    error = power * smoothed ** (power - 1) * sqrt(smoothed * (1 - smoothed) / trials)
    return Proportion((successes / trials) ** power, error, successes, trials, power)


def wilson(successes: int, trials: int, z: float = Z) -> tuple[float, float]:
    """Confidence interval of a share (Wilson 1927); by default of 95 %."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    middle = share + z * z / (2 * trials)
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == trials else (middle + half) / scale
    return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Gumbel:
    """P(t <= x) = exp(-exp((location - x) / scale)): synchronisation times (Ruttor 2006, 3.4)."""

    location: Estimate
    scale: Estimate

    def quantile(self, share: float) -> float:
        """The time within which this share of the runs is done."""
        return self.location.value - self.scale.value * float(np.log(-np.log(share)))


def fit_gumbel(values: ArrayLike) -> Gumbel:
    """The Gumbel distribution of greatest likelihood, with asymptotic errors.

    ValueError unless two values differ.
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) == 0 or x.min() == x.max():
        raise ValueError("a distribution needs two different values")
    scale = float(x.std()) * sqrt(6) / np.pi
    shifted = x - x.mean()
    for _ in range(100):  # Newton's method on the likelihood equation of the scale
        weight = np.exp(-shifted / scale)
        first = float((shifted * weight).sum() / weight.sum())
        second = float((shifted * shifted * weight).sum() / weight.sum())
        gap = scale + first
        slope = 1 + (second - first * first) / scale**2
        scale -= gap / slope
        if abs(gap) < 1e-10 * scale:
            break
    location = float(x.mean() - scale * np.log(np.exp(-shifted / scale).mean()))
    n = len(x)
    # Fisher information of (location, scale): see e.g. Johnson, Kotz, Balakrishnan 1995, 22.9.
    error = scale / sqrt(n)
    return Gumbel(
        location=Estimate(location, error * sqrt(1 + 6 * (1 - EULER) ** 2 / np.pi**2)),
        scale=Estimate(scale, error * sqrt(6) / np.pi),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """P = exp(-rate (L - start)) for L > start; `covariance` is of (rate, rate * start)."""

    rate: Estimate
    start: Estimate
    covariance: tuple[tuple[float, float], tuple[float, float]]

    def log_success(self, L: float) -> Estimate:
        """The logarithm of P at L, with the error of the fit."""
        (a, b), (_, d) = self.covariance
        value = -self.rate.value * (L - self.start.value)
        return Estimate(value, sqrt(max(L * L * a - 2 * L * b + d, 0.0)))


def fit_decay(L: Sequence[float], successes: Sequence[int], trials: Sequence[int]) -> Decay:
    """The exponential law of greatest likelihood for counts of successes.

    Points at or below the start of the decay do not belong into it. ValueError unless two
    different L have successes and failures.
    """
    levels = np.asarray(L, dtype=np.float64)
    hits = np.asarray(successes, dtype=np.float64)
    tries = np.asarray(trials, dtype=np.float64)
    mixed = (hits > 0) & (hits < tries)
    if len(set(levels[mixed].tolist())) < 2:
        raise ValueError("a decay needs two different L with successes and failures")
    design = np.column_stack([-levels, np.ones_like(levels)])
    start = np.log(np.clip((hits + 0.5) / (tries + 1), 1e-300, 0.999))
    beta = np.linalg.lstsq(design * np.sqrt(hits + 0.5)[:, None], start * np.sqrt(hits + 0.5))[0]
    information: NDArray[np.float64] = np.eye(2)
    for _ in range(200):  # scoring for a binomial with log link, steps halved outside P < 1
        log_p = np.minimum(design @ beta, -1e-9)
        p = np.exp(log_p)
        weight = tries * p / (1 - p)
        gradient = design.T @ ((hits - tries * p) / (1 - p))
        information = design.T @ (design * weight[:, None])
        step = np.linalg.solve(information, gradient)
        while np.any((design @ (beta + step))[mixed] >= 0):
            step /= 2
        beta = beta + step
        if np.all(np.abs(step) < 1e-10 * np.abs(beta)):
            break
    covariance = np.linalg.inv(information)
    rate, product = float(beta[0]), float(beta[1])
    (a, b), (_, d) = covariance.tolist()
    ratio = product / rate
    start_error = sqrt(max(d - 2 * ratio * b + ratio * ratio * a, 0.0)) / rate
    return Decay(
        rate=Estimate(rate, sqrt(a)),
        start=Estimate(ratio, start_error),
        covariance=((a, b), (b, d)),
    )
