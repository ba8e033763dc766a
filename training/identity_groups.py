"""How evenly mistakes about who is who fall: the share of pairs of different people above one threshold, group by group.

For measuring only: the groups of UTKFace come from its file names, nothing in the program knows them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Float64Array
from training.mix import Mix

ADULT, OLD = 18, 60

UTKFACE_GROUPS = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "others"}
"""As its authors call the third number of its file names."""


def members(mix: Mix, rows: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Which of the rows' pictures belong to which group, (n,) each."""
    age, male, part = mix.age[rows], mix.male[rows], mix.part[rows]
    third = np.array([_third(str(name)) for name in mix.names[rows]])
    found = {"all": np.ones(len(rows), np.bool_)}
    found |= {f"{title}": part == number for number, title in enumerate(mix.titles)}
    found |= {f"UTKFace, {title}": (third == number) & (age >= ADULT) for number, title in UTKFACE_GROUPS.items()}
    found |= {"women": (male < 0.5) & (age >= ADULT), "men": (male > 0.5) & (age >= ADULT)}
    found |= {f"under {ADULT}": age < ADULT, f"{ADULT} to {OLD - 1}": (age >= ADULT) & (age < OLD), f"from {OLD}": age >= OLD}
    return found


def false_accepts(alike: Float64Array, some: NDArray[np.bool_], threshold: float) -> tuple[float, int]:
    """The share of the pairs within a group that are above the threshold, and how many pairs there are."""
    chosen = np.flatnonzero(some)
    pairs = alike[np.ix_(chosen, chosen)][np.triu_indices(len(chosen), k=1)]
    return (float((pairs >= threshold).mean()) if len(pairs) else float("nan")), len(pairs)


def group_table(mix: Mix, rows: NDArray[np.int64], methods: Mapping[str, Float64Array], thresholds: Mapping[str, float]) -> str:
    """False accepts of each method at its threshold.

    Args:
        methods: by name, (n, n) how alike the tracks of the rows' pictures are.
        thresholds: by name; for a fair comparison those that recognise the same share of people who are the same.
    """
    lines = [f"{'false accepts':<18}" + "".join(f"{name:>10}" for name in methods) + f"{'pairs':>10}"]
    for title, some in members(mix, rows).items():
        found = [false_accepts(alike, some, thresholds[name]) for name, alike in methods.items()]
        if found[0][1]:
            lines.append(f"{title:<18}" + "".join(f"{share:>10.3%}" for share, _ in found) + f"{found[0][1]:>10,}")
    return "\n".join(lines)


def _third(name: str) -> str:
    parts = name.split("_")
    return parts[2] if len(parts) == 4 else ""
