"""What was found among labelled pictures: copies, doubtful labels, pictures of no use; and what training shall do about it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data import Listing, Sample, skip_report
from training.duplicates import groups
from training.files import whole_text
from training.scan import Scan
from training.suspects import Judged

TOO_FAR_YEARS = 20
"""Copies whose labels differ by more are left out: their mean is nobody's age."""

SURELY_YEARS, SURELY_SPREADS = 35.0, 4.0
"""A label is left out if other people's pictures contradict it by both, and so does the age model that was asked. Less doubtful
ones are listed only."""


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Everything that was found.

    Attributes:
        scan: what each picture is like.
        titles, part: names of the sets, and which of them each picture is from.
        skipped: files without a label, with the reason.
        held_back: (n,) which pictures the validation lists name.
        pairs: (k, 2) rows that show one photograph.
        group: (n,) copies have the same.
        judged: what other pictures say about the labels; None where that was not asked for, or cannot be.
        corrections: name → age (None: leave out) and why.
    """

    scan: Scan
    titles: tuple[str, ...]
    part: NDArray[np.int64]
    skipped: tuple[tuple[str, str], ...]
    held_back: NDArray[np.bool_]
    pairs: NDArray[np.int64]
    group: NDArray[np.int64]
    judged: Judged | None
    corrections: dict[str, tuple[float | None, str]]

    @property
    def contradicting(self) -> NDArray[np.int64]:
        """The pairs with different labels, the furthest apart first."""
        ages = np.array([sample.age for sample in self.scan.samples])
        differ = np.abs(ages[self.pairs[:, 0]] - ages[self.pairs[:, 1]])
        order = np.argsort(-differ, kind="stable")
        return np.asarray(self.pairs[order[differ[order] > 0]], np.int64)

    @property
    def least_alike(self) -> NDArray[np.int64]:
        """(k, 2) the pairs that only just count as copies first."""
        thumbs = self.scan.thumbs
        cosines = (thumbs[self.pairs[:, 0]] * thumbs[self.pairs[:, 1]]).sum(axis=1)
        return np.asarray(self.pairs[np.argsort(cosines, kind="stable")], np.int64)

    def cosine(self, a: int, b: int) -> float:
        """How alike two rows' thumbnails are."""
        return float(self.scan.thumbs[a] @ self.scan.thumbs[b])

    def corrected_text(self, row: int) -> str:
        """What training makes of a picture, in words."""
        if (correction := self.corrections.get(self.scan.samples[row].name)) is None:
            return "kept"
        return "left out" if correction[0] is None else f"trained as {correction[0]:.1f}"

    @property
    def exact(self) -> int:
        """How many of the pairs agree in every pixel."""
        digests = self.scan.digests
        return sum(digests[a] == digests[b] for a, b in self.pairs)


def analyse(found: Scan, sets: Mapping[str, Listing], val: set[str], judged: Judged | None, pairs: NDArray[np.int64]) -> Findings:
    """Puts together what the scan and the judging have found."""
    part = np.repeat(np.arange(len(sets)), [len(listing.samples) for listing in sets.values()])
    group = groups(len(found.samples), pairs)
    return Findings(
        found,
        tuple(sets),
        part,
        tuple(skipped for listing in sets.values() for skipped in listing.skipped),
        np.array([sample.name in val for sample in found.samples], np.bool_),
        pairs,
        group,
        judged,
        corrections_of(found, group, judged),
    )


def corrections_of(found: Scan, group: NDArray[np.int64], judged: Judged | None) -> dict[str, tuple[float | None, str]]:
    """Name → age to train on, None to leave it out; and why."""
    fixed: dict[str, tuple[float | None, str]] = {}
    if judged is not None:
        off, spreads = np.abs(judged.off), np.abs(judged.spreads)
        for row in np.flatnonzero((off >= SURELY_YEARS) & (spreads >= SURELY_SPREADS) & ~judged.vouched):
            fixed[found.samples[row].name] = (None, f"other people's pictures say {judged.predicted[row]:.0f}")
    copies: dict[int, list[Sample]] = {}
    for sample, number in zip(found.samples, group.tolist(), strict=True):
        if sample.low == sample.high:
            copies.setdefault(number, []).append(sample)
    for some in copies.values():
        ages = [sample.age for sample in some]
        if len(set(ages)) > 1:
            far = max(ages) - min(ages) > TOO_FAR_YEARS
            reason = f"{len(ages)} copies of {min(ages):.0f} to {max(ages):.0f} years"
            fixed |= {sample.name: (None if far else float(np.mean(ages)), reason) for sample in some}
    for i, sample in enumerate(found.samples):
        if not found.readable[i]:
            fixed[sample.name] = (None, "cannot be read")
        elif not found.faces[i] and not sample.chip:
            fixed[sample.name] = (None, "no face")
    return fixed


def write_tables(out: Path, found: Findings) -> None:
    """corrections.csv and anomalies.csv.

    Raises:
        OutputError: they cannot be written.
    """
    with whole_text(out / "corrections.csv") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "age", "reason"))
        for name, (age, reason) in sorted(found.corrections.items()):
            writer.writerow((name, "" if age is None else f"{age:.2f}", reason))
    samples = found.scan.samples
    with whole_text(out / "anomalies.csv") as file:
        writer = csv.writer(file)
        writer.writerow(("kind", "name", "detail"))
        writer.writerows(("label", name, reason) for name, reason in found.skipped)
        for row in np.flatnonzero(~found.scan.readable):
            writer.writerow(("unreadable", samples[row].name, found.scan.reasons[row]))
        for row in np.flatnonzero(found.scan.readable & (found.scan.faces != 1)):
            writer.writerow(("faces", samples[row].name, int(found.scan.faces[row])))
        for a, b in found.pairs:
            writer.writerow(("copy", samples[a].name, samples[b].name))
        for row in found.judged.suspects() if found.judged is not None else ():
            assert found.judged is not None
            writer.writerow(("suspect", samples[row].name, f"others say {found.judged.predicted[row]:.0f}"))


def counted(corrections: Mapping[str, tuple[float | None, str]]) -> dict[tuple[str, str], int]:
    """How many pictures there are of each reason (without its numbers) and of what is done to them, the most first."""
    kinds = Counter(
        (re.sub(r"\d+ copies.*", "copies with different ages", re.sub(r" say \d+", " say otherwise", reason)), age is None)
        for age, reason in corrections.values()
    )
    return {(reason, "left out" if out else "label changed"): count for (reason, out), count in kinds.most_common()}


def summary(found: Findings) -> list[str]:
    """The findings in a few lines."""
    faces, readable = found.scan.faces, found.scan.readable
    sets = "1 set" if len(found.titles) == 1 else f"{len(found.titles)} sets"
    lines = [f"{len(found.scan.samples)} labelled pictures in {sets}: {', '.join(found.titles)}"]
    lines += skip_report(found.skipped)
    none, several = int((faces == 0).sum()), int((faces > 1).sum())
    more = f"several in {several}" if found.scan.counted else "several were not looked for"
    lines.append(f"{int((~readable).sum())} cannot be read; no face found in {none}, {more}")
    contradicting = found.contradicting
    ages = np.array([sample.age for sample in found.scan.samples])
    far = int((np.abs(ages[contradicting[:, 0]] - ages[contradicting[:, 1]]) >= 5).sum())
    lines.append(
        f"{len(found.pairs)} pairs of copies ({found.exact} exact), {len(contradicting)} with different ages, "
        f"{far} by five years or more"
    )
    if found.judged is None:
        lines.append("labels were not judged by predictions")
    else:
        suspects = found.judged.suspects()
        lines.append(
            f"{len(suspects)} labels are doubtful: far from predictions that have not seen them (their mean error is "
            f"{found.judged.mae:.1f} years); an age model vouches for {int(found.judged.vouched[suspects].sum())} of them"
        )
    left_out = sum(age is None for age, _ in found.corrections.values())
    lines.append(f"corrections: {len(found.corrections) - left_out} labels changed, {left_out} pictures left out")
    return lines
