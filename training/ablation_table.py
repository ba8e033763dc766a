"""What each ingredient brought: runs compared picture by picture, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.types import Float64Array

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run said of the held-back pictures, in their order.

    Attributes:
        off: years from each picture's label (its range) to the estimate, signed; by set.
        small_off: the same through a simulated webcam.
        truth: years, or the middle of the range; by set.
        identity: mean cosine to FaceNet's embeddings, NaN where the run has none.
        minutes: of training.
        views: pictures seen in training.
    """

    off: dict[str, list[float]]
    small_off: dict[str, list[float]]
    truth: dict[str, list[float]]
    identity: float
    minutes: float
    views: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def signed(self) -> str:
        """As a difference; in bold where its interval leaves 0 out."""
        text = f"{self.mean:+.2f} ({self.low:+.2f} to {self.high:+.2f})"
        return f"**{text}**" if self.low > 0 or self.high < 0 else text


def interval(values: Float64Array, seed: int = 0) -> Interval:
    """The mean of (n,) values and how sure it is, over pictures. Not over runs: another seed may differ by more."""
    rng = np.random.default_rng(seed)
    means = [float(values[rng.integers(0, len(values), len(values))].mean()) for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def error(off: Mapping[str, Sequence[float]], title: str) -> Float64Array:
    """(n,) absolute years."""
    return np.abs(np.asarray(off[title], np.float64))


def difference(run: Outcome, against: Outcome, title: str, small: bool = False) -> Interval:
    """How much larger the run's errors are than the other's, on the same pictures; negative is better."""
    one, other = (outcome.small_off if small else outcome.off for outcome in (run, against))
    return interval(error(one, title) - error(other, title))


def markdown(outcomes: Mapping[str, Outcome], against: Mapping[str, str], heading: Sequence[str]) -> str:
    """The table: a row for each run.

    Args:
        outcomes: by name, in order.
        against: name → the run that it is compared with; that differs in one thing.
        heading: lines before it.
    """
    titles = list(dict.fromkeys(title for outcome in outcomes.values() for title in outcome.off))
    first = titles[0]
    head = ["run", "against", *(f"{title}: error in years" for title in titles), f"{first}: difference"]
    head += [f"{first}, faces of 56 px: difference", f"{first}, bias at 60 and more", "cosine to FaceNet", "minutes"]
    rows = [head, ["---"] * len(head)]
    for name, run in outcomes.items():
        other = outcomes.get(against.get(name, ""))
        differences = ["", ""] if other is None else [difference(run, other, first, small).signed for small in (False, True)]
        old = np.asarray(run.truth[first]) >= 60
        bias = f"{np.asarray(run.off[first])[old].mean():+.1f}" if old.any() else ""
        errors = [str(interval(error(run.off, title))) if title in run.off else "" for title in titles]
        identity = "" if np.isnan(run.identity) else f"{run.identity:.3f}"
        rows.append([name, against.get(name, ""), *errors, *differences, bias, identity, f"{run.minutes:.1f}"])
    return "\n".join([*heading, "", *("| " + " | ".join(row) + " |" for row in rows), ""])
