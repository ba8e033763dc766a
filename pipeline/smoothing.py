"""The age of one person from many frames: a Bayesian filter over the age distributions of the engine.

Age is constant while somebody is watched, so there is nothing to predict: one log-posterior over the ages 0 … 100, to which
every accepted frame adds `w · log p`, a logarithmic opinion pool (C. Genest and J. Zidek, Statistical Science 1986). The weight w
says how much new information the frame holds. It depends on seconds, not on frames, so 10 and 60 fps come to the same belief.

A model errs about a person far more than about a frame: somebody who looks ten years younger does so in every picture. So the
belief is as sharp as SHARED_ERROR allows, not as if the frames were independent. Ten views of each of 300 held-back UTKFace
pictures, with an early model: error variance within a person 4, between persons 73 years². Nine views taken for independent
(the product of their distributions) gave 90 % intervals that held 73 % and a larger error than one view, because a product
runs to the mode of skewed distributions; pooled as here the intervals held 96 % and the error fell a little.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.settings import FilterSettings
from pipeline.types import AGE_BINS, AgeBelief, AgeEstimate, Float64Array

DECORRELATION_S = 0.7
"""Time constant with which errors of successive frames become independent: pose, expression and light change that fast."""

LEAST_QUALITY = 0.03
"""Pictures worse than this are not observed at all: estimating them is a waste."""

OUTLIER_SHARE = 0.005
"""Of each frame's distribution, spread over all ages: one wrong frame can then shift the odds of two ages by e^7 at most, about
what five ordinary frames shift back. More would drag first estimates of the young and the old towards the middle."""

FRAME_ERROR_YEARS = 6.9
"""Error of a single good frame (RMSE of large faces): what a frame of less than full quality adds in spread is measured by it."""

SHARED_ERROR = 0.8
"""Share of a frame's error variance that all frames of one person have in common: measured as 0.95 for small changes of one
picture and 0.89 on eight people in clips of 4 to 11 seconds; somewhat lower, because longer views show more sides of a person."""

TAIL = 0.05
"""On both sides of the 90 % interval."""

GENDER_LIMIT = 4.0
"""Log-odds: what no number of frames exceeds (98 %), as they share one face."""

GENDER_FRAME_LIMIT = 3.0
"""Log-odds that a single frame may add at most."""

KERNEL_SIGMAS = 4.0
"""Beyond, a Gaussian holds less than a ten-thousandth."""

_AGES = np.arange(AGE_BINS, dtype=np.float64)
_AGES.flags.writeable = False


class BayesianAgeFilter:
    """The belief about one person. See `pipeline.protocols.AgeFilter`."""

    def __init__(self, settings: FilterSettings) -> None:
        self._settings = settings
        self._log_posterior = np.zeros(AGE_BINS)
        self._evidence = 0.0
        self._male_evidence = 0.0
        self._male_log_odds = 0.0
        self._novelty = Novelty()
        self._belief: AgeBelief | None = None

    def observe(self, estimate: AgeEstimate, quality: float, time_s: float) -> None:
        """Adds the estimate of one frame.

        Args:
            estimate: its distribution counts, (101,) float32.
            quality: 0 … 1; frames below LEAST_QUALITY are left out.
            time_s: of the frame; not earlier than in the call before.
        """
        if quality < LEAST_QUALITY:
            return
        weight = self._novelty.take(quality, time_s)
        if weight <= 0:
            return
        likelihood = (1 - OUTLIER_SHARE) * estimate.distribution.astype(np.float64) + OUTLIER_SHARE / AGE_BINS
        self._log_posterior += weight * np.log(likelihood)
        self._log_posterior -= self._log_posterior.max()
        self._evidence += weight
        if estimate.male is not None:
            odds = math.log(max(estimate.male, 1e-9) / max(1 - estimate.male, 1e-9))
            self._male_log_odds += weight * min(GENDER_FRAME_LIMIT, max(-GENDER_FRAME_LIMIT, odds))
            self._male_evidence += weight
        self._forget()
        self._belief = None

    def expected_weight(self, quality: float, time_s: float) -> float:
        """The evidence that a frame of that quality would add at that time. Changes nothing."""
        return 0.0 if quality < LEAST_QUALITY else self._novelty.weight(quality, time_s)

    @property
    def evidence(self) -> float:
        """Effective number of independent good frames so far, at most the settings' cap."""
        return self._evidence

    @property
    def belief(self) -> AgeBelief | None:
        """None before the first observation that counted."""
        if self._belief is None and self._evidence > 0:
            self._belief = self._believe()
        return self._belief

    @property
    def male(self) -> float | None:
        """Running probability of a male face, None while the engine said nothing about it."""
        if self._male_evidence <= 0:
            return None
        log_odds = self._male_log_odds * _sharpness(self._male_evidence)
        return 1 / (1 + math.exp(-min(GENDER_LIMIT, max(-GENDER_LIMIT, log_odds))))

    def _forget(self) -> None:
        """Keeps the evidence at its cap by making all that came before count less."""
        if self._evidence > self._settings.max_evidence:
            kept = self._settings.max_evidence / self._evidence
            self._log_posterior *= kept
            self._male_log_odds *= kept
            self._male_evidence *= kept
            self._evidence = self._settings.max_evidence

    def _believe(self) -> AgeBelief:
        posterior = np.exp(self._log_posterior * _sharpness(self._evidence))
        posterior /= posterior.sum()
        years = float(posterior @ _AGES)
        # A frame of quality q has 1/q times the error variance of a good one: the pool above only knows one whole frame's.
        lacking = FRAME_ERROR_YEARS**2 * max(0.0, 1 / self._evidence - 1)
        low, high = _interval(_widened(posterior, math.sqrt(self._settings.floor_years**2 + lacking)))
        settled = self._evidence >= self._settings.settle_evidence
        return AgeBelief(years, min(low, years), max(high, years), self._evidence, settled)


class Novelty:
    """How much of a frame is news. What is known from recent frames fades; a frame adds what its quality is above that.

    So the same picture again adds nothing, a better one at once what it is better by, and a second or two later a picture as
    good as the last counts in full. The sum over a steady view does not depend on the frame rate.
    """

    def __init__(self) -> None:
        self._known = 0.0
        self._time_s = -math.inf

    def weight(self, quality: float, time_s: float) -> float:
        """Between 0 and `quality`."""
        return max(0.0, quality - self._left(time_s))

    def take(self, quality: float, time_s: float) -> float:
        """The same, and the frame counts as known from now on."""
        left = self._left(time_s)
        self._known = max(quality, left)
        self._time_s = max(self._time_s, time_s)
        return max(0.0, quality - left)

    def _left(self, time_s: float) -> float:
        """What is still known at that time."""
        return self._known * math.exp(-max(0.0, time_s - self._time_s) / DECORRELATION_S)


def _sharpness(evidence: float) -> float:
    """Exponent that makes the pool of that much evidence as sharp as it may be.

    Below one frame it is that of a whole one: `p^0.2` would be nearly flat, and its mean near 50 for everybody. Above, it is
    the effective number of observations whose errors correlate by SHARED_ERROR, n / (1 + (n − 1) ρ) (L. Kish, Survey Sampling,
    1965), shared by n frames.
    """
    return 1 / evidence if evidence < 1 else 1 / (1 + (evidence - 1) * SHARED_ERROR)


def _widened(distribution: Float64Array, sigma_years: float) -> Float64Array:
    """With an independent Gaussian error on top; what would fall below 0 or above 100 is mirrored back."""
    if sigma_years <= 0:
        return distribution
    reach = math.ceil(KERNEL_SIGMAS * sigma_years)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_years) ** 2)
    beyond = np.arange(-reach, AGE_BINS + reach) % (2 * AGE_BINS)
    mirrored = distribution[np.minimum(beyond, 2 * AGE_BINS - 1 - beyond)]
    return np.convolve(mirrored, kernel / kernel.sum(), mode="valid")


def _interval(distribution: Float64Array) -> tuple[float, float]:
    """The central 90 %, as if the ages of a bin were spread evenly from half a year before to half a year after it."""
    cumulative = np.concatenate([[0.0], np.cumsum(distribution)])
    cumulative /= cumulative[-1]
    edges = np.concatenate([_AGES - 0.5, [AGE_BINS - 0.5]])
    low, high = np.interp([TAIL, 1 - TAIL], cumulative, edges)
    return max(0.0, float(low)), min(float(AGE_BINS - 1), float(high))
