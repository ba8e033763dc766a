"""Carries the sound of a film into the annotated copy: packets as they are where the container takes them, else as AAC.

A copy may jump about in its film (a recording of what is watched): the sound goes along, spliced at packets.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

PLAYED_IN_MP4 = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac"})
"""libav puts more than these into MP4, and most players then stay silent."""

AAC_BITS_PER_S = 160_000

PRIMING_S = 0.1
"""AAC and MP3 begin with a packet or two before time 0 that only warm up the decoder; MP4 can say so, Matroska cannot."""

_FAR_S = 5.0
"""A copy that begins later than this in its film is begun by a seek, which leads to some place before."""

_SPLICE_S = 0.03
"""Where a copy jumps in its film, the first packet is moved by at most this much to follow the last one without a hole or an
overlap: a packet of AAC is 23 ms long, and nobody notices lips that are off by less than 45."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Track:
    source: AudioStream
    target: AudioStream
    resampler: AudioResampler | None
    """None where packets are copied."""
    end_s: Fraction | None = None
    """Up to where the copy sounds; None before the first packet."""
    delay_s: Fraction | None = Fraction(0)
    """By how much the sound is moved since the last jump; None until its first packet."""

    def place(self, time_s: Fraction, length_s: Fraction) -> Fraction | None:
        """When a packet or frame sounds in the copy; None where it would overlap with what there is.

        Args:
            time_s: its time by the film's clock, less what the copy left out.
        """
        if self.delay_s is None:
            gap_s = time_s - self.end_s if self.end_s is not None else Fraction(0)
            if gap_s < -_SPLICE_S:
                return None
            self.delay_s = -gap_s if gap_s < _SPLICE_S else Fraction(0)
        time_s += self.delay_s
        self.end_s = time_s + length_s
        return time_s


class SoundTrack:
    """The audio streams of one film on their way into another container. Used and closed by one thread.

    Args:
        path: the film that is being annotated.
        start_s: what its clock shows at time 0 of the copy; what sounds before that is left out.
        output: open for writing, before its first packet: then it takes no more streams.

    Raises:
        av.error.FFmpegError: the film cannot be opened.
    """

    def __init__(self, path: str, start_s: float, output: OutputContainer) -> None:
        self._output = output
        self._start_s = Fraction(start_s).limit_denominator(1_000_000)
        self._earliest_s = -PRIMING_S if _is_mp4(output) else 0.0
        self._input = av.open(path)
        try:
            self._tracks = {stream.index: self._add(stream) for stream in self._input.streams.audio}
            if start_s > _FAR_S:
                # A copy that begins late in a long film must not read all that comes before.
                self._input.seek(int((start_s - _FAR_S) * av.time_base))
            self._packets = self._demux()
            self._next = next(self._packets, None)
        except BaseException:
            self._input.close()
            raise

    def write_until(self, time_s: float) -> None:
        """Writes everything that begins to sound before that time of the copy."""
        while self._next is not None and self._time_s(self._next) < time_s:
            self._write(self._next)
            self._next = next(self._packets, None)

    def jump(self, source_s: float, at_s: float) -> None:
        """From `at_s` of the copy on, it sounds as the film does from `source_s` of its clock on."""
        self._start_s = Fraction(source_s - at_s).limit_denominator(1_000_000)
        self._earliest_s = at_s - _SPLICE_S / 2
        for track in self._tracks.values():
            track.delay_s = None
            if track.resampler is not None:
                self._encode(track, track.resampler.resample(None))
                track.resampler = _resampler(track.target)
        try:
            self._input.seek(int(max(0.0, source_s - _FAR_S) * av.time_base))
        except av.error.FFmpegError as error:
            _log.info("the sound ends at a jump: %s", error)
            self._next = None
            return
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def finish(self) -> None:
        """Empties the encoders. Nothing can be written after this."""
        for track in self._tracks.values():
            if track.resampler is not None:
                self._encode(track, track.resampler.resample(None))
                self._output.mux(track.target.encode(None))

    def close(self) -> None:
        self._input.close()

    def _add(self, stream: AudioStream) -> _Track:
        codec = stream.codec_context.name
        accepted = PLAYED_IN_MP4 if _is_mp4(self._output) else self._output.supported_codecs
        if codec in accepted:
            return _Track(stream, self._output.add_stream_from_template(stream), None)
        layout = "stereo" if stream.codec_context.channels > 1 else "mono"
        rate = stream.codec_context.sample_rate
        target = self._output.add_stream("aac", rate=rate, layout=layout, bit_rate=AAC_BITS_PER_S)
        return _Track(stream, target, _resampler(target))

    def _demux(self) -> Iterator[Packet[AudioStream]]:
        if not self._tracks:
            return
        try:
            for packet in self._input.demux([track.source for track in self._tracks.values()]):
                # The last packets of a file are empty and only tell decoders that it ends.
                if packet.pts is not None and self._time_s(cast("Packet[AudioStream]", packet)) >= self._earliest_s:
                    yield cast("Packet[AudioStream]", packet)
        except av.error.FFmpegError as error:
            # A film that breaks off: its picture ends there too, and the source says so.
            _log.info("the sound ends early: %s", error)

    def _time_s(self, packet: Packet[AudioStream]) -> Fraction:
        assert packet.pts is not None
        return packet.pts * packet.time_base - self._start_s

    def _write(self, packet: Packet[AudioStream]) -> None:
        assert packet.pts is not None
        track = self._tracks[packet.stream.index]
        if track.resampler is not None:
            frames = [frame for frame in packet.decode() if self._moved(track, frame)]
            self._encode(track, chain.from_iterable(track.resampler.resample(frame) for frame in frames))
            return
        time_s = track.place(self._time_s(packet), (packet.duration or 0) * packet.time_base)
        if time_s is None:
            return
        shift = packet.pts - round(time_s / packet.time_base)
        packet.pts -= shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        packet.stream = track.target
        self._output.mux(packet)

    def _moved(self, track: _Track, frame: AudioFrame) -> bool:
        """Gives a frame its time in the copy; False for one that has no place there."""
        if frame.pts is None or frame.time_base is None:
            return True
        time_s = track.place(frame.pts * frame.time_base - self._start_s, Fraction(frame.samples, frame.sample_rate))
        if time_s is not None:
            frame.pts = round(time_s / frame.time_base)
        return time_s is not None

    def _encode(self, track: _Track, frames: Iterator[AudioFrame] | list[AudioFrame]) -> None:
        for frame in frames:
            self._output.mux(track.target.encode(frame))


def _resampler(target: AudioStream) -> AudioResampler:
    frame_samples = 1024  # of AAC-LC
    return AudioResampler("fltp", target.codec_context.layout.name, target.codec_context.sample_rate, frame_size=frame_samples)


def _is_mp4(output: OutputContainer) -> bool:
    return output.format.name in ("mp4", "mov", "ipod")
