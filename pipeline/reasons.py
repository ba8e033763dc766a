"""Why a face's age is uncertain, in words that stay long enough to be read."""

from __future__ import annotations

from pipeline.labels import reason_text
from pipeline.quality import Quality, QualityReason
from pipeline.types import AgeBelief

POOR_PICTURE = 0.5
"""Below, a picture is named for what spoils it, however well the person is known by now."""

HOLD_S = 0.7
"""A new reason, or its end, must last this long: a passing blur is not worth a word, and words that flicker cannot be read."""


class SteadyReason:
    """The reason shown beside one person's age. Without one yet, the first poor picture gives it at once."""

    def __init__(self) -> None:
        self._shown: QualityReason | None = None
        self._other: QualityReason | None = None
        self._other_since_s: float | None = None
        self._new = True

    def text(self, quality: Quality, belief: AgeBelief | None, time_s: float) -> str | None:
        """What to show for the person in the current frame: "small face"; None where nothing needs an excuse.

        Args:
            quality: of the picture in this frame.
            belief: what is known of the age up to this frame.
            time_s: of the frame.
        """
        unsure = belief is None or not belief.settled
        now = quality.reason if unsure or quality.value < POOR_PICTURE else None
        if now is self._shown or self._new:
            self._shown, self._other_since_s, self._new = now, None, False
        elif self._other_since_s is None or now is not self._other:
            self._other, self._other_since_s = now, time_s
        elif time_s - self._other_since_s >= HOLD_S:
            self._shown, self._other_since_s = now, None
        return reason_text(self._shown) or None
