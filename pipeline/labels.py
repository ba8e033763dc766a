"""Texts and colours of faces, the same in the window and in an annotated film."""

from __future__ import annotations

import colorsys
from collections.abc import Collection
from dataclasses import dataclass

from pipeline.quality import QualityReason
from pipeline.types import AgeBelief, Face

ESTIMATING = "estimating…"

MOVE_YEARS = 0.7
"""How far the mean must move from the shown number at least before the number changes: rounding alone would flip at every half
year."""

MOVE_SHARE = 0.35
"""The same as a share of half the interval: a change far inside of what is not known anyway is none that a reader should see."""

MOVE_INTERVAL_YEARS = 1.2
"""As MOVE_YEARS, for the ends of the interval, which matter less and jitter more."""

SURE_OF_GENDER = 0.7
"""Below this probability the model's guess is not worth showing."""

GOLDEN_ANGLE = 0.381966
"""As a fraction of the circle: neighbouring numbers get hues far apart, however many there are."""

REASONS = {
    QualityReason.SMALL: "small face",
    QualityReason.BLURRED: "blurred",
    QualityReason.TURNED: "turned away",
    QualityReason.UNSURE: "partly hidden",
    QualityReason.CUT_OFF: "cut off",
    QualityReason.DARK: "dark",
    QualityReason.EXPOSURE: "badly lit",
}


@dataclass(frozen=True, slots=True)
class Extras:
    """What a label says besides the age.

    Attributes:
        gender: the model's guess.
        reason: why little is known, where that is so.
        raw_age, quality: of this picture alone.
        track: its number.
    """

    gender: bool = False
    reason: bool = True
    raw_age: bool = False
    quality: bool = False
    track: bool = False


@dataclass(frozen=True, slots=True)
class ShownAge:
    """Whole years, as a label shows them."""

    years: int
    low: int
    high: int

    @property
    def text(self) -> str:
        return f"{self.years} ({self.low}–{self.high})"


def shown_age(belief: AgeBelief) -> ShownAge:
    """The belief rounded for people. The interval always holds the number."""
    years = round(belief.years)
    return ShownAge(years, min(years, round(belief.low)), max(years, round(belief.high)))


def age_text(belief: AgeBelief | None) -> str:
    """ "34 (28–41)", or "estimating…" until there is enough evidence."""
    return shown_age(belief).text if belief is not None and belief.settled else ESTIMATING


def gender_text(male: float | None) -> str:
    """ "male", "female", or nothing where the model is not sure."""
    if male is None or max(male, 1 - male) < SURE_OF_GENDER:
        return ""
    return "male" if male > 0.5 else "female"


def reason_text(reason: QualityReason | None) -> str:
    """Why a picture of a face says little about its age: "small face"; nothing for a good picture."""
    return "" if reason is None else REASONS[reason]


class LabelHysteresis:
    """Keeps the numbers of labels from flickering: each person's shown age changes only when the belief has really moved.

    Belongs to whatever draws (window, film), one instance each; the log takes the beliefs as they are.
    """

    def __init__(self) -> None:
        self._shown: dict[int, ShownAge] = {}

    def age_text(self, person: int, belief: AgeBelief | None) -> str:
        """As the function of this name, with the number that this person's label showed before where it still holds."""
        if belief is None or not belief.settled:
            return ESTIMATING
        return self.shown(person, belief).text

    def shown(self, person: int, belief: AgeBelief) -> ShownAge:
        """The whole years to show for this person from now on."""
        before = self._shown.get(person)
        now = shown_age(belief)
        if before is not None:
            still = MOVE_SHARE * (belief.high - belief.low) / 2
            years = _held(before.years, now.years, belief.years, max(MOVE_YEARS, still))
            low = _held(before.low, now.low, belief.low, max(MOVE_INTERVAL_YEARS, still))
            high = _held(before.high, now.high, belief.high, max(MOVE_INTERVAL_YEARS, still))
            now = ShownAge(years, min(years, low), max(years, high))
        self._shown[person] = now
        return now

    def text(self, face: Face, show_gender: bool = False) -> str:
        """The whole label of a face: age, and the guess of gender where the user asked for it."""
        words = [self.age_text(face.person, face.belief), gender_text(face.male) if show_gender else ""]
        return " ".join(word for word in words if word)

    def full_text(self, face: Face, name: str | None, extras: Extras) -> str:
        """The label as the window shows it: the user's name for the person, age, and what else is wanted."""
        text = self.text(face, extras.gender)
        return " · ".join([f"{name} {text}" if name else text, *_more(face, extras)])

    def copy(self) -> LabelHysteresis:
        """Another one that shows the same numbers at first."""
        other = LabelHysteresis()
        other._shown = dict(self._shown)
        return other

    def keep_only(self, persons: Collection[int]) -> None:
        """Forgets everybody else: call it now and then with those who may still be seen."""
        self._shown = {person: shown for person, shown in self._shown.items() if person in persons}


def _more(face: Face, extras: Extras) -> list[str]:
    more = []
    if extras.reason and face.reason:
        more.append(face.reason)
    if extras.raw_age and face.raw is not None:
        more.append(f"raw {face.raw.years:.1f}")
    if extras.quality:
        more.append(f"q {face.quality:.2f}")
    if extras.track:
        more.append(f"#{face.track}")
    return more


def color_rgb(person: int) -> tuple[int, int, int]:
    """The person's colour, 0 … 255 each: the same for one number everywhere and always, and readable on dark and light."""
    hue = (person * GOLDEN_ANGLE) % 1.0
    # The eye sees yellow and green far brighter than blue: blue is lightened so that no box drowns in a dark picture.
    blueness = max(0.0, 1 - abs(hue - 0.66) / 0.16)
    red, green, blue = colorsys.hls_to_rgb(hue, 0.56 + 0.12 * blueness, 0.85)
    return round(red * 255), round(green * 255), round(blue * 255)


def color_bgr(person: int) -> tuple[int, int, int]:
    """`color_rgb` in OpenCV's order."""
    red, green, blue = color_rgb(person)
    return blue, green, red


def _held(before: int, now: int, value: float, move: float) -> int:
    return now if abs(value - before) > move else before
