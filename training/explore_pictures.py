"""Small pictures of people for the report on labelled pictures, as HTML."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.types import UInt8Array
from training.data import Pictures, Sample
from training.findings import Findings

THUMB_PX, JPEG_QUALITY = 96, 80


class Thumbs:
    """Pictures of the data, read anew.

    Args:
        found: whose rows they are asked for by.
        pictures: reads them.
    """

    def __init__(self, found: Findings, pictures: Pictures) -> None:
        self._samples = found.scan.samples
        self._pictures = pictures

    def one(self, row: int, text: str, named: bool = False) -> str:
        """A picture with a text below it, and its file's name if wanted."""
        name = _small(self._samples[row].name) if named else ""
        return f"<figure>{self._image(row)}<figcaption>{html.escape(text)}{name}</figcaption></figure>"

    def pair(self, first: tuple[int, str], second: tuple[int, str], text: str, names: Iterable[str]) -> str:
        """Two of them side by side, with a text and file names below both."""
        both = self.one(*first) + self.one(*second)
        below = html.escape(text) + "".join(_small(name) for name in names)
        return f'<div class="pair"><div class="two">{both}</div>{below}</div>'

    def _image(self, row: int) -> str:
        try:
            picture = self._pictures.read(self._samples[row])
        except SourceError:
            return "(cannot be read)"
        scale = THUMB_PX / picture.shape[0]
        size = (max(1, min(2 * THUMB_PX, round(picture.shape[1] * scale))), THUMB_PX)
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        return f'<img alt="" width="{size[0]}" height="{size[1]}" src="{_jpeg(small)}">'


def label_text(sample: Sample) -> str:
    """The label as people write it."""
    return f"{sample.low}" if sample.low == sample.high else f"{sample.low}–{sample.high}"


def _small(name: str) -> str:
    """A file's name; what is left out of UTKFace's ends is the same in all of them."""
    return f'<span class="name" title="{html.escape(name)}">{html.escape(name.removesuffix(".jpg.chip.jpg"))}</span>'


def _jpeg(picture: UInt8Array) -> str:
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert ok
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
