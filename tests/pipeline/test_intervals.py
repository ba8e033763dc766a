"""The table that stretches intervals."""

from __future__ import annotations

import pytest

from pipeline.intervals import IntervalTable

LOWER, UPPER = ((1.0, 1.0), (2.0, 1.0), (4.0, 2.0)), ((0.5, 0.5), (0.5, 0.5), (1.0, 1.0))
TABLE = IntervalTable(
    (10.0, 30.0, 50.0), (25.0, 100.0), ((1.0, 1.0), (2.0, 1.0), (4.0, 2.0)), ((0.5, 0.5), (0.5, 0.5), (1.0, 1.0))
)


@pytest.mark.parametrize(
    ("years", "face_px", "below", "above"),
    [
        (30, 25, 2.0, 0.5),
        (30, 100, 1.0, 0.5),
        (30, 50, 1.5, 0.5),  # half way, by ratio
        (40, 25, 3.0, 0.75),
        (40, 50, 2.25, 0.75),
        (0, 25, 1.0, 0.5),  # level beyond the ends
        (99, 9, 4.0, 1.0),
        (99, 2000, 2.0, 1.0),
        (99, 0, 2.0, 1.0),  # size unknown
    ],
)
def test_factors_lie_between_their_knots(years: float, face_px: float, below: float, above: float) -> None:
    low, high = TABLE.stretched(years, years - 10, years + 10, face_px)
    assert low == pytest.approx(years - 10 * below)
    assert high == pytest.approx(years + 10 * above)


def test_one_knot_is_a_table() -> None:
    assert IntervalTable((30.0,), (50.0,), ((2.0,),), ((1.0,),)).stretched(70, 60, 75, 20) == (50, 75)


@pytest.mark.parametrize(
    ("ages", "sizes", "lower", "upper"),
    [
        ((), (50.0,), (), ()),
        ((30.0, 20.0), (50.0,), ((1.0,), (1.0,)), ((1.0,), (1.0,))),
        ((30.0,), (0.0,), ((1.0,),), ((1.0,),)),
        ((30.0,), (50.0,), ((1.0, 1.0),), ((1.0,),)),
        ((30.0,), (50.0,), ((1.0,),), ((1.0,), (1.0,))),
        ((30.0,), (50.0,), ((float("nan"),),), ((1.0,),)),
        ((30.0,), (50.0,), ((1.0,),), ((-1.0,),)),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    ages: tuple[float, ...], sizes: tuple[float, ...], lower: tuple[tuple[float, ...], ...], upper: tuple[tuple[float, ...], ...]
) -> None:
    with pytest.raises(ValueError, match=r"knots|sizes|factors"):
        IntervalTable(ages, sizes, lower, upper)
