"""Network cameras on loopback that a test can cut and restore: MJPEG over HTTP, H.264 over RTSP."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import TracebackType

import av
import cv2
import numpy as np

from pipeline.types import UInt8Array

WIDTH_PX, HEIGHT_PX = 160, 120
_FRAME_S = 1 / 50


def picture(number: int) -> UInt8Array:
    """A picture whose brightness grows with its number, 0 … 20, and begins again."""
    return np.full((HEIGHT_PX, WIDTH_PX, 3), 20 + 10 * (number % 21), np.uint8)


class LoopbackServer:
    """Accepts connections on a port of its own and talks to each in a thread.

    Args:
        talk: serves one connection until the socket breaks or the event is set.
    """

    def __init__(self, talk: Callable[[socket.socket, threading.Event], None]) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/live"
        self.connections = 0
        self._cut = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start()

    def __enter__(self) -> LoopbackServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut()

    def cut(self) -> None:
        """Breaks all connections and refuses new ones, as a camera that is switched off."""
        self._cut.set()
        self._listener.close()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def restore(self) -> None:
        """Is there again, on the same port."""
        self._cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start()

    def _start(self) -> None:
        # accept() would not wake up when another thread closes the socket; polling is enough for a test.
        self._listener.settimeout(0.02)
        thread = threading.Thread(target=self._accept, args=(self._listener, self._cut), name="loopback server")
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, cut: threading.Event) -> None:
        while not cut.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection, cut), name="loopback connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, cut: threading.Event) -> None:
        with connection:
            connection.settimeout(0.05)
            try:
                self._talk(connection, cut)
            except OSError:
                return


def _request(connection: socket.socket, cut: threading.Event) -> str:
    """One request up to its empty line; empty where the peer went away."""
    data = b""
    while not cut.is_set() and b"\r\n\r\n" not in data:
        try:
            chunk = connection.recv(4096)
        except TimeoutError:
            continue
        if not chunk:
            break
        data += chunk
    return data.decode()


def talk_mjpeg(connection: socket.socket, cut: threading.Event) -> None:
    """What a network camera answers: an endless multipart message of JPEG pictures."""
    _request(connection, cut)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n")
    number = 0
    while not cut.wait(_FRAME_S):
        jpeg = cv2.imencode(".jpg", picture(number))[1].tobytes()
        head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        connection.sendall(head.encode() + jpeg + b"\r\n")
        number += 1


def talk_nothing(connection: socket.socket, cut: threading.Event) -> None:
    """Takes the request and never answers."""
    _request(connection, cut)
    cut.wait()


def talk_and_freeze(connection: socket.socket, cut: threading.Event) -> None:
    """Sends a second of pictures, then stays connected in silence, as a camera whose firmware hangs."""
    frozen = threading.Event()
    timer = threading.Timer(1.0, frozen.set)
    timer.start()
    try:
        talk_mjpeg(connection, frozen)
        cut.wait()
    finally:
        timer.cancel()
        timer.join()


def talk_status(status: str, body: bytes = b"no") -> Callable[[socket.socket, threading.Event], None]:
    """Answers every request with this HTTP status and closes."""

    def talk(connection: socket.socket, cut: threading.Event) -> None:
        _request(connection, cut)
        head = f"HTTP/1.0 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    return talk


def talk_rtsp(connection: socket.socket, cut: threading.Event) -> None:
    """The least of RTSP (RFC 2326) that a player asks for: H.264 as RTP packets inside of the RTSP connection."""
    playing = False
    pictures = _h264()
    sequence = 0
    while not cut.is_set():
        if playing:
            units, stamp = next(pictures)
            for place, unit in enumerate(units):
                last = place == len(units) - 1
                packet = struct.pack(">BBHII", 0x80, 96 | (0x80 if last else 0), sequence & 0xFFFF, stamp, 1) + unit
                connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
                sequence += 1
            time.sleep(_FRAME_S)
            continue
        request = _request(connection, cut)
        if not request:
            return
        method, url = request.split(" ")[:2]
        number = next(line.split(":")[1].strip() for line in request.splitlines() if line.lower().startswith("cseq"))
        connection.sendall(_rtsp_answer(method, url, number))
        playing = method == "PLAY"


def _rtsp_answer(method: str, url: str, number: str) -> bytes:
    description = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track0\r\n"
    )
    head = {
        "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
        "DESCRIBE": f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(description)}\r\n",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
    }.get(method, "Session: 1\r\n")
    body = description if method == "DESCRIBE" else ""
    return f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{head}\r\n{body}".encode()


def _h264() -> Iterator[tuple[list[bytes], int]]:
    """Endless pictures as H.264: the NAL units of each, and its time in ticks of 1/90000 s."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    encoder.time_base = Fraction(1, 50)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
    number = 0
    while True:
        frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24")
        frame.pts = number
        for packet in encoder.encode(frame):
            units = bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
            yield [unit for unit in units if unit], number * 1800
        number += 1
