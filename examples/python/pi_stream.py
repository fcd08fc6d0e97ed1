"""Live pictures from pi-send in Python, and from Python to view-recv: one file, to copy beside your script.

    from pi_stream import Receiver, Sender

    for frame in Receiver(8000):                    # on the Pi: pi-send --host THIS-COMPUTER
        print(frame.camera, frame.size, f"{frame.age * 1000:.0f} ms old")
        pixels = frame.bgr()                        # an array for OpenCV; frame.rgb() for all else

    with Sender("desktop") as sender:               # there: view-recv
        sender.send(pixels, bgr=True)               # or a JPEG, or a Pillow image

What you get is the newest picture, and nothing waits in a queue: code that takes 200 ms for a picture gets fewer
of them, and none that is old. Both classes go on by themselves when the other side, or the network, goes away
and comes back. Either side may dial: `Receiver(connect="raspberrypi.local")`, `Sender(listen=8000)`.

It needs Python 3.9 and nothing else. Pixels (`rgb`, `bgr`, sending arrays) need numpy and one of simplejpeg, OpenCV,
Pillow; a key needs `cryptography` (`apt install python3-numpy python3-pil python3-cryptography`).
What happens to connections is logged by `logging.getLogger("pi_stream")`; warnings appear on stderr.

Nothing that comes over the network is believed before it is checked, and nobody there can end a Receiver: lengths,
pictures, connections, their time and their memory are bounded. Without a key, anybody who reaches the port can send
pictures, and nothing is encrypted. The protocol: docs/protocol.md of pi-stream.

Threads: one for each connection, one that listens, one of a Receiver that writes acks, and for a Sender one more for
each connection, which hears them. So that they get their turn beside code that computes, it takes turns of 0.5 ms
(`sys.setswitchinterval`).
"""

from __future__ import annotations

import base64
import contextlib
import errno
import functools
import hashlib
import hmac
import importlib
import io
import ipaddress
import logging
import math
import os
import queue
import re
import select
import socket
import struct
import sys
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union

if sys.platform != "win32":
    import fcntl
    import termios

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

__all__ = ["Frame", "Receiver", "Sender", "Stamp"]

PORT = 8000
"""Where receivers and senders listen unless told otherwise."""

MAX_FRAME_BYTES = 16 << 20
MAX_PIXELS = 64_000_000
MAX_CAMERAS = 9
MAX_RECEIVERS = 8

_LOG = logging.getLogger("pi_stream")

# A read lasts so long at most: then clocks are looked at, and whether all is over.
_LOOK = 0.5
# How long a thread that computes may keep the others waiting. A frame takes several turns, an encrypted one dozens:
# with Python's own 5 ms, code that computes all the time got pictures that were 50 ms old, or 200 ms.
_TURN = 0.0005
# A stranger's first frame takes so long; longer only where its bytes come fast enough for the second of these.
_FIRST_FRAME = 5.0
_FRAME = 60.0
# A handshake takes so long.
_HANDSHAKE = 3.0
# A receiver that takes nothing for so long is gone.
_SILENCE = 10.0
# Connections that have brought no picture yet: so many, so many of one address, so many bytes each that are nobody's
# business, and so many together beside one frame of the greatest length.
_MAX_WAITING = 24
_MAX_OF_ONE_ADDRESS = 6
_SHARE = 128 << 10
_MAX_BYTES = 8 << 20
# A camera that is lost keeps its place, and its name beside others, for so long.
_KEPT = 600.0
# Progressive pictures with more scans than this are made to take time. (pi-send sends one scan.)
_MAX_SCANS = 32
# So many pictures in a row that do not decode are no accident.
_MAX_BAD = 100


# --- JPEG and stamp: bytes in, values out -------------------------------------------------------------------------


def _segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the first scan; ends early at anything else."""
    at, marker = 2, 0
    if jpeg[:2] != b"\xff\xd8":
        return
    while marker != 0xDA and at + 4 <= len(jpeg):
        first, marker, length = _SEGMENT.unpack_from(jpeg, at)
        end = at + 2 + length
        if first == marker == 0xFF:  # a fill byte
            at += 1
            continue
        if first != 0xFF or marker < 0xC0 or 0xD0 <= marker <= 0xD9 or length < 2 or end > len(jpeg):
            return
        yield marker, at, end
        at = end


_SEGMENT = struct.Struct(">BBH")


@dataclass(frozen=True)
class Stamp:
    """What pi-send says of a frame (docs/protocol.md, "The stamp"). What is absent or out of bounds is None."""

    seq: int
    """The frame's number in its connection."""
    captured_unix_us: int
    """When it was captured, by the sender's clock: microseconds since 1970. `Frame.captured` is by this computer's."""
    latency: float | None = None
    """Seconds from capture to this side's code, as the sender measured last."""
    quality: int | None = None
    """Of the JPEG, 1 to 100."""
    fps: float | None = None
    """Pictures a second that the sender has."""
    ack: bool = False
    """Whether it wants to hear that the frame came; done here."""
    name: str | None = None
    """Who sends: letters, digits, `.`, `_`, `-`."""

    @classmethod
    def parse(cls, comment: bytes) -> Stamp | None:
        """Reads a comment's content; None where it is no stamp. Unknown keys are skipped."""
        if len(comment) > 256 or not _PRINTABLE.match(comment):
            return None
        words = dict(word.split("=", 1) for word in comment.decode("ascii").split(" ") if "=" in word)
        try:
            return cls(
                _number(words["seq"]),
                _number(words["t"]),
                _number(words["lat"]) / 1e6 if "lat" in words else None,
                _number(words["q"], 1, 100) if "q" in words else None,
                _rate(words.get("fps", "")),
                words.get("ack") == "1",
                _clean_name(urllib.parse.unquote(words.get("name", ""), errors="replace")),
            )
        except (KeyError, ValueError):
            return None

    def emit(self) -> bytes:
        """The whole comment segment."""
        words = {
            "seq": self.seq,
            "t": self.captured_unix_us,
            "lat": None if self.latency is None else int(self.latency * 1e6),
            "q": self.quality,
            "fps": None if self.fps is None else f"{self.fps:g}",
            "ack": 1 if self.ack else None,
            "name": self.name,
        }
        text = " ".join(["pi-stream/1", *(f"{key}={value}" for key, value in words.items() if value is not None)])
        return struct.pack(">HH", 0xFFFE, len(text) + 2) + text.encode("ascii")


_PRINTABLE = re.compile(rb"pi-stream/1 [\x20-\x7e]*\Z")


def _number(text: str, least: int = 0, most: int = (1 << 64) - 1) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and least <= int(text) <= most):
        raise ValueError(text)
    return int(text)


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 0.01 <= rate <= 1000 else None


def _clean_name(text: str) -> str | None:
    """What is left of any text without what a name may not have."""
    return re.sub("[^A-Za-z0-9._-]", "", text).lstrip(".")[:64] or None


def _inspect(jpeg: bytes, max_pixels: int) -> tuple[int, int]:
    """Width and height. Raises _Refused unless it can be a picture, of so many pixels at most."""
    size, marker = None, 0
    for marker, at, end in _segments(jpeg):
        if 0xC0 <= marker <= 0xC2 and size is None:
            if end < at + 10 or jpeg[at + 4] != 8 or jpeg[at + 9] not in (1, 3):
                raise _Refused("sent a JPEG that is neither 8-bit grey nor 8-bit colour")
            height, width = struct.unpack_from(">HH", jpeg, at + 5)
            size = (width, height)
            if marker == 0xC2 and jpeg.count(b"\xff\xda") > _MAX_SCANS:
                raise _Refused(f"sent a progressive JPEG of more than {_MAX_SCANS} scans")
    if size is None or marker != 0xDA or 0 in size:
        raise _Refused("sent something that is no JPEG")
    if size[0] * size[1] > max_pixels:
        raise _Refused(f"sent a picture of {size[0]}x{size[1]}; {max_pixels} pixels are allowed (max_pixels)")
    return size


def _find_stamp(jpeg: bytes) -> Stamp | None:
    """The stamp that a JPEG has, wherever before its first scan."""
    comments = (jpeg[at + 4 : end] for marker, at, end in _segments(jpeg) if marker == 0xFE)
    return next(filter(None, map(Stamp.parse, comments)), None)


def _stamped(jpeg: bytes, stamp: Stamp) -> list[bytes]:
    """The JPEG in pieces, with this stamp behind SOI and the leading APPn segments, and without one that was there."""
    lead, leads, old = 2, True, None
    for marker, at, end in _segments(jpeg):
        leads = leads and 0xE0 <= marker <= 0xEF
        lead = end if leads else lead
        if marker == 0xFE and Stamp.parse(jpeg[at + 4 : end]):
            old = (at, end)
            break
    start, end = old or (lead, lead)
    return [jpeg[:lead], stamp.emit(), jpeg[lead:start], jpeg[end:]]


# --- pixels -------------------------------------------------------------------------------------------------------


# Makes an array of a JPEG, and a JPEG of an array; whether blue comes first, and the quality.
_Codec = tuple[Callable[[bytes, bool], Any], Callable[[Any, bool, int], bytes]]


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _by_simplejpeg() -> _Codec:
    numpy, simplejpeg = _module("numpy"), _module("simplejpeg")

    def encode(array: Any, bgr: bool, quality: int) -> bytes:
        order = "GRAY" if array.ndim == 2 else "BGR" if bgr else "RGB"
        array = numpy.ascontiguousarray(array[..., None] if array.ndim == 2 else array)
        return bytes(simplejpeg.encode_jpeg(array, quality, order, "420"))

    return (lambda jpeg, bgr: simplejpeg.decode_jpeg(jpeg, "BGR" if bgr else "RGB")), encode


def _by_opencv() -> _Codec:
    numpy, cv2 = _module("numpy"), _module("cv2")

    def decode(jpeg: bytes, bgr: bool) -> Any:
        mode = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        array = cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), mode)
        if array is None:
            raise ValueError("OpenCV cannot decode it")
        return array if bgr else cv2.cvtColor(array, cv2.COLOR_BGR2RGB)

    def encode(array: Any, bgr: bool, quality: int) -> bytes:
        if array.ndim == 3 and not bgr:
            array = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
        good, jpeg = cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not good:
            raise ValueError("OpenCV cannot encode it")
        return bytes(jpeg.data)

    return decode, encode


def _by_pillow() -> _Codec:
    numpy, pillow = _module("numpy"), _module("PIL.Image")

    def decode(jpeg: bytes, bgr: bool) -> Any:
        array = numpy.array(pillow.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("RGB"))
        return numpy.ascontiguousarray(array[..., ::-1]) if bgr else array

    def encode(array: Any, bgr: bool, quality: int) -> bytes:
        array = array[..., ::-1] if bgr and array.ndim == 3 else array
        return _save(pillow.fromarray(numpy.ascontiguousarray(array)), quality)

    return decode, encode


def _save(image: Any, quality: int) -> bytes:
    """A Pillow image as a JPEG."""
    out = io.BytesIO()
    (image if image.mode in ("L", "RGB") else image.convert("RGB")).save(out, "JPEG", quality=quality)
    return out.getvalue()


# The fastest first; they are all libjpeg-turbo, and decode to the same pixels.
_CODECS = {"simplejpeg": _by_simplejpeg, "cv2": _by_opencv, "PIL.Image": _by_pillow}
_codec: _Codec | None = None


def _get_codec() -> _Codec:
    global _codec
    if _codec is not None:
        return _codec
    for make in _CODECS.values():
        with contextlib.suppress(ImportError):
            _codec = make()
            return _codec
    raise ImportError(
        "pixels need numpy, and simplejpeg, OpenCV or Pillow; install them: sudo apt install python3-numpy "
        "python3-pil (or: pip install numpy simplejpeg). frame.jpeg needs none of them"
    )


# --- the key ------------------------------------------------------------------------------------------------------


class _Key:
    """What both sides know, and the id by which they find that out."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            _module("cryptography.hazmat.primitives.ciphers.aead")
        except ImportError:
            raise ImportError(
                "a key needs the package cryptography; install it: sudo apt install python3-cryptography "
                "(or: pip install cryptography)"
            ) from None
        with open(path, encoding="ascii", errors="replace") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise ValueError(f"{path}: others can read this key; expected a file of yours alone: chmod 600 {path}")
            lines = [line.strip() for line in file.read(8192).splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        if len(lines) != 1 or not re.fullmatch("pi-stream-key-1:[A-Za-z0-9_-]{43}", lines[0]):
            raise ValueError(
                f"{path}: expected one line, pi-stream-key-1: and 43 characters; make a key with: "
                "view-recv --new-key FILE, and copy that file to the other side"
            )
        self.secret = base64.urlsafe_b64decode(lines[0].partition(":")[2] + "=")
        self.id = hashlib.blake2s(b"pi-stream-key-id-1" + self.secret).digest()[:4]


def _hkdf(chain: bytes, material: bytes, count: int) -> list[bytes]:
    """Noise's: so many keys out of a chaining key and what is new."""
    secret = hmac.new(chain, material, hashlib.blake2s).digest()
    out = [b""]
    for index in range(1, count + 1):
        out.append(hmac.new(secret, out[-1] + bytes([index]), hashlib.blake2s).digest())
    return out[1:]


class _Noise:
    """The handshake Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s. The dialler writes, then reads; the listener the other
    way."""

    MESSAGE = 48

    def __init__(self, secret: bytes, prologue: bytes, private: bytes | None = None) -> None:
        self._x25519: Any = _module("cryptography.hazmat.primitives.asymmetric.x25519")
        self._aead: Any = _module("cryptography.hazmat.primitives.ciphers.aead").ChaCha20Poly1305
        made = self._x25519.X25519PrivateKey
        self._private = made.from_private_bytes(private) if private else made.generate()
        # The name is longer than a hash.
        self.hash = self._chain = hashlib.blake2s(b"Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s").digest()
        self._mix_hash(prologue)
        self._chain, mixed, self._key = _hkdf(self._chain, secret, 3)
        self._mix_hash(mixed)
        self._remote: Any = None
        self._wrote = False

    def write(self, payload: bytes = b"") -> bytes:
        raw: Any = _module("cryptography.hazmat.primitives.serialization")
        public: bytes = self._private.public_key().public_bytes(raw.Encoding.Raw, raw.PublicFormat.Raw)
        self._mix_public(public)
        if self._remote:
            self._mix_key(self._private.exchange(self._remote))
        self._wrote = True
        sealed: bytes = self._aead(self._key).encrypt(bytes(12), payload, self.hash)
        self._mix_hash(sealed)
        return public + sealed

    def read(self, message: bytes) -> bytes:
        """Raises where the other side does not have the key."""
        self._mix_public(message[:32])
        self._remote = self._x25519.X25519PublicKey.from_public_bytes(message[:32])
        if self._wrote:
            self._mix_key(self._private.exchange(self._remote))
        payload: bytes = self._aead(self._key).decrypt(bytes(12), message[32:], self.hash)
        self._mix_hash(message[32:])
        return payload

    def split(self) -> list[_Cipher]:
        """The dialler's direction, and the other."""
        return [_Cipher(self._aead(key)) for key in _hkdf(self._chain, b"", 2)]

    def _mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.blake2s(self.hash + data).digest()

    def _mix_key(self, material: bytes) -> None:
        self._chain, self._key = _hkdf(self._chain, material, 2)

    def _mix_public(self, public: bytes) -> None:
        self._mix_hash(public)
        self._mix_key(public)


class _Cipher:
    """One direction of an encrypted connection: each record has the next number."""

    def __init__(self, aead: Any) -> None:
        self._aead, self.number = aead, 0

    def _nonce(self) -> bytes:
        self.number += 1
        return struct.pack("<IQ", 0, self.number - 1)

    def encrypt(self, data: bytes) -> bytes:
        return bytes(self._aead.encrypt(self._nonce(), data, None))

    def decrypt(self, data: bytes) -> bytes:
        return bytes(self._aead.decrypt(self._nonce(), data, None))


_RECORD = 0xFFFF
_TAG = 16


# --- a connection -------------------------------------------------------------------------------------------------


class _Refused(Exception):
    """Why a connection is ended from here: what the other side did, and what helps."""


# The other side of an encrypted connection said no. (Advice for whoever reads it: nobody has proven anything.)
_STATUS = {
    1: "it has another key: copy the key file that one side uses to the other",
    2: "it speaks another version of the encryption: use the same version on both sides",
    3: "it has no room for another connection",
    4: "both sides want to do the same: one sends, one receives",
    5: "it wants a key: give the file that it uses as key=",
    6: "it has no key: start it with --key FILE (or key=), or leave key= out here",
}
_NO_KEY = "uses no key, and one is asked for here: start it with --key FILE"
_MAGIC = b"pi-s"
# What is called as bytes come: how many there are, of how many. Raises where that is too slow, or all is over.
_Watch = Callable[[int, int], None]


class _Link:
    """A connection, dialled or accepted, plain or encrypted: nobody above can tell. One thread reads; any may
    write."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.socket, self.ip = sock, peer
        # Held by whoever writes, and by whoever closes: a closed descriptor's number may be another's soon.
        self._lock = threading.Lock()
        self._unwritten = b""
        # As long as it has proven nothing: since when it is here, and how many bytes it has brought.
        self.since, self.held = time.monotonic(), 0
        self._ciphers: list[_Cipher] | None = None  # ours, theirs
        self._records, self._opened = b"", b""
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel's own time-outs: with Python's, no call waits for all bytes of a frame.
        for option, seconds in ((socket.SO_RCVTIMEO, _LOOK), (socket.SO_SNDTIMEO, _SILENCE)):
            # 66 and 67 are the numbers of a 32-bit Linux with 64-bit times.
            value = struct.pack("@qq" if 66 <= option < 100 else "@ll", int(seconds), int(seconds % 1 * 1e6))
            if sys.platform == "win32":
                value = struct.pack("@L", int(seconds * 1000))
            sock.setsockopt(socket.SOL_SOCKET, option, value)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value_of in (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3),
                               ("TCP_USER_TIMEOUT", int(_SILENCE * 1000))):  # fmt: skip
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value_of)

    # Reading.

    def receive(self, count: int) -> bytes:
        """So many bytes, fewer if no more came for a moment. Raises at the end of the connection."""
        if self._ciphers is None:
            # In one call, as far as the kernel goes: each one more is a turn to wait for beside code that computes.
            return self._receive(count, getattr(socket, "MSG_WAITALL", 0))
        end = 2 + int.from_bytes(self._records[:2], "little")
        if self._opened:
            pass
        elif len(self._records) >= max(end, 2 + _TAG):
            self._opened = self._open(self._records[2:end])
            self._records = self._records[end:]
        else:
            self._records += self._receive(4 * (2 + _RECORD) - len(self._records), 0)
        some, self._opened = self._opened[:count], self._opened[count:]
        return some

    def _receive(self, count: int, flags: int) -> bytes:
        try:
            data = self.socket.recv(count, flags)
        except (BlockingIOError, socket.timeout, TimeoutError):
            return b""
        if not data:
            raise EOFError
        return data

    def _open(self, record: bytes) -> bytes:
        assert self._ciphers
        try:
            return self._ciphers[1].decrypt(record)
        except Exception:
            raise _Refused("sent a record that was changed on its way, or is not of this key") from None

    def read(self, count: int, watch: _Watch, trusted: bool = False) -> bytes:
        """So many bytes. Memory is taken as they come, unless the peer is trusted with it."""
        pieces: list[bytes] = []
        have = 0
        while True:
            pieces.append(self.receive(count - have if trusted else min(count - have, max(_SHARE, have))))
            have += len(pieces[-1])
            if have == count:
                return b"".join(pieces)  # of one piece, that one
            watch(have, count)

    def read_frame(self, limit: int, watch: _Watch, trusted: bool) -> bytes | None:
        """The next frame; None at the end marker."""
        length = self.read(4, watch)
        if length == _MAGIC:
            raise _Refused("asks for a key" if self._ciphers is None else "sent no length")
        count = int.from_bytes(length, "little")
        if count > limit:
            raise _Refused(f"announced a frame of {count} bytes; {limit} are allowed (max_frame_bytes)")
        return self.read(count, watch, trusted) if count else None

    def newer_is_here(self) -> bool:
        """Whether a whole frame waits behind the one that was read, as far as that can be known."""
        if sys.platform == "win32" or self._ciphers is not None:
            return False
        try:
            waiting: int = struct.unpack("@i", fcntl.ioctl(self.socket, termios.FIONREAD, bytes(4)))[0]
            head = self.socket.recv(4, socket.MSG_PEEK | socket.MSG_DONTWAIT) if waiting > 4 else b""
        except OSError:
            return False
        return 0 < int.from_bytes(head, "little") <= waiting - 4

    # Writing.

    def acknowledge(self, seq: int, held: float) -> None:
        """Writes an ack, if it can be written now: whole, now or later, or not at all."""
        ack = struct.pack("<II", seq & 0xFFFFFFFF, max(0, min(int(held * 1e6), 0xFFFFFFFF)))
        with self._lock:
            self._unwritten = self._unwritten[self._write_now(self._unwritten) :]
            if not self._unwritten:
                # Encrypted only now: a record that is not written would be missed by the other side.
                data = self._sealed(ack)
                self._unwritten = data[self._write_now(data) :]

    def _write_now(self, data: bytes) -> int:
        if not data:
            return 0
        try:
            if hasattr(socket, "MSG_DONTWAIT"):
                return self.socket.send(data, socket.MSG_DONTWAIT)
            return self.socket.send(data) if select.select([], [self.socket], [], 0)[1] else 0
        except (OSError, ValueError):
            return 0  # whoever reads notices

    def write(self, data: bytes) -> None:
        """Waits until the kernel has all of it; raises where the other side takes nothing for long."""
        with self._lock:
            self.socket.sendall(self._sealed(data))

    def _sealed(self, data: bytes) -> bytes:
        if self._ciphers is None:
            return data
        room = _RECORD - _TAG
        records = [self._ciphers[0].encrypt(data[at : at + room]) for at in range(0, len(data) or 1, room)]
        return b"".join(struct.pack("<H", len(record)) + record for record in records)

    def in_flight(self) -> tuple[int, int, float, int] | None:
        """Bytes that the other side's kernel does not have yet, a segment's, the smallest round trip in seconds,
        bytes a second; None where the kernel does not say (it does on Linux)."""
        if sys.platform != "linux":
            return None
        try:
            waiting = struct.unpack("@i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]
            info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
            segment, round_trip_us, rate = struct.unpack_from("=I128xI8xQ", info, 16)
        except (OSError, struct.error):
            return None
        return waiting, segment, round_trip_us / 1e6, rate

    def cut(self) -> None:
        """Ends it both ways, and wakes whoever waits on it."""
        with contextlib.suppress(OSError):  # it is over already
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        with self._lock:
            self.socket.close()

    # The handshake of encrypted connections.

    def secure_as_dialler(self, key: _Key, role: int) -> None:
        hello = _MAGIC + bytes([1, role, 0, 0]) + key.id
        self.write(hello)
        watch = _until(time.monotonic() + _HANDSHAKE, "does not answer: is it a receiver or sender with a key?")
        try:
            answer = self.read(8, watch)
        except (EOFError, OSError):
            raise _Refused(_NO_KEY) from None  # whoever takes a hello for a length closes
        if answer[:4] != _MAGIC:
            raise _Refused(_NO_KEY)
        if answer[5]:
            raise _Refused(f"says no: {_STATUS.get(answer[5], 'it does not say why')}")
        noise = _Noise(key.secret, hello + answer)
        self.write(noise.write())
        self._read_noise(noise, watch)
        self._ciphers = noise.split()
        self.write(b"")

    def secure_as_listener(self, key: _Key, role: int) -> None:
        until = time.monotonic() + _HANDSHAKE
        hello = b""
        with contextlib.suppress(_Refused):
            hello = self.read(4, _until(until, _NO_KEY))
        if hello != _MAGIC:
            self.turn_away(5)
            raise _Refused(_NO_KEY)
        watch = _until(until, "did not finish its handshake")
        hello += self.read(8, watch)
        for is_bad, status, why in (
            (hello[4] != 1, 2, "speaks another version of the encryption"),
            (hello[8:] != key.id, 1, "has another key: copy the key file that one side uses to the other"),
            (hello[5] == role, 4, "wants to do the same as this side"),
        ):
            if is_bad:
                self.turn_away(status)
                raise _Refused(why)
        answer = _answer(0)
        self.write(answer)
        noise = _Noise(key.secret, hello + answer)
        self._read_noise(noise, watch)
        self.write(noise.write())
        self._ciphers = noise.split()[::-1]
        # Its first record, which is empty, proves that it is there; what came before can be repeated by anybody.
        while not self._ciphers[1].number:
            self.receive(0)
            watch(0, 1)

    def turn_away(self, status: int) -> None:
        """Tells the peer why, and reads on for a moment: else that would be lost with the connection."""
        deadline = time.monotonic() + 1
        with contextlib.suppress(OSError):  # it does not listen
            self.write(_answer(status))
            self.socket.shutdown(socket.SHUT_WR)
            for _ in range(256):
                if time.monotonic() > deadline or not self.socket.recv(4096):
                    break

    def _read_noise(self, noise: _Noise, watch: _Watch) -> None:
        message = self.read(noise.MESSAGE, watch)
        try:
            noise.read(message)
        except Exception:
            raise _Refused("does not prove that it has the key") from None


def _answer(status: int) -> bytes:
    return _MAGIC + bytes([1, status, 0, 0])


def _until(deadline: float, why: str) -> _Watch:
    def watch(_have: int, _count: int) -> None:
        if time.monotonic() > deadline:
            raise _Refused(why)

    return watch


# --- who connects, and who is connected to ------------------------------------------------------------------------


class _Admission:
    """All connections that have not proven themselves: a few, for a few seconds, with little memory. A newcomer gets
    the place of whoever brought least."""

    def __init__(self, max_frame_bytes: int) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Link] = []
        self._limit = max_frame_bytes + _MAX_BYTES

    def admit(self, link: _Link) -> None:
        with self._lock:
            same = [other for other in self._waiting if other.ip == link.ip]
            if len(same) >= _MAX_OF_ONE_ADDRESS or len(self._waiting) >= _MAX_WAITING:
                self._evict(same if len(same) >= _MAX_OF_ONE_ADDRESS else self._waiting)
            self._waiting.append(link)

    def charge(self, link: _Link, held: int) -> None:
        """So much it holds now."""
        with self._lock:
            link.held = held
            if sum(other.held for other in self._waiting) > self._limit:
                self._evict([other for other in self._waiting if other.held > _SHARE], False)

    def make_place(self) -> None:
        with self._lock:
            self._evict(self._waiting)

    def release(self, link: _Link) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._waiting.remove(link)

    def _evict(self, those: list[_Link], by_bytes: bool = True) -> None:
        if those:
            first = min(those, key=lambda link: (link.held if by_bytes else 0, link.since))
            self._waiting.remove(first)
            first.cut()


_Own = TypeVar("_Own", bound="_Endpoint")
_Hosts = Union[str, Iterable[str]]
_Networks = list[Union[ipaddress.IPv4Network, ipaddress.IPv6Network]]


class _Endpoint:
    """What a Receiver and a Sender have in common: they listen, dial, prove the key, and end."""

    _ROLE = 0
    _WHAT = ""

    def __init__(self, key: str | os.PathLike[str] | None, allow: _Hosts, max_frame_bytes: int) -> None:
        self._key = None if key is None else _Key(key)
        allow = [allow] if isinstance(allow, str) else allow
        self._allowed: _Networks = [ipaddress.ip_network(network, strict=False) for network in allow]
        self._admission = _Admission(max_frame_bytes)
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._threads_lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._told: dict[str, tuple[float, int]] = {}
        sys.setswitchinterval(min(sys.getswitchinterval(), _TURN))

    @property
    def port(self) -> int | None:
        """Where it listens; None where it does not."""
        return None if self._listener is None else int(self._listener.getsockname()[1])

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self: _Own) -> _Own:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, listen: int | str | None, connect: _Hosts) -> None:
        targets = [_parse_host(host) for host in ([connect] if isinstance(connect, str) else connect)]
        if listen is not None:
            self._listener = self._bind(*_parse_listen(listen))
            self._start(self._accept, self._listener)
        for host, port in targets:
            self._start(self._dial, host, port)

    def _bind(self, host: str, port: int) -> socket.socket:
        try:
            if host:
                family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
                return socket.create_server((host, port), family=family)
            try:
                if socket.has_dualstack_ipv6():
                    return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    raise
            return socket.create_server(("", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                why = (
                    f"port {port} is taken: view-recv or another script listens there. End it, or take another: "
                    f"{self._WHAT % (port + 1)}, and the same port on the other side"
                )
            else:
                why = f"cannot listen on {host or '*'}:{port}: {error.strerror or error}"
            raise OSError(error.errno, why) from None

    def _start(self, run: Callable[..., object], *args: Any) -> None:
        thread = threading.Thread(target=run, args=args, name=f"pi_stream{run.__name__}", daemon=True)
        with self._threads_lock:
            self._threads = [other for other in self._threads if other.is_alive()]
            thread.start()
            self._threads.append(thread)

    def _accept(self, listener: socket.socket) -> None:
        listener.settimeout(_LOOK)
        while not self._closed.is_set():
            try:
                sock, address = listener.accept()
            except (socket.timeout, TimeoutError):
                continue
            except OSError as error:
                if self._closed.is_set() or error.errno in (errno.EBADF, errno.EINVAL):
                    return
                # No descriptors: those that wait must not keep a sender out by what they take up.
                self._refuse_one(error)
                continue
            try:
                link = _Link(sock, _plain_address(address[0]))
            except OSError:
                sock.close()  # gone before it was taken
                continue
            if not self._is_allowed(link.ip):
                self._tell("allow", f"turned away {link.ip}; to let it in: allow={link.ip!r}")
                link.close()
                continue
            self._admission.admit(link)
            try:
                self._start(self._run, link, False)
            except RuntimeError as error:  # no thread
                self._admission.release(link)
                link.close()
                self._refuse_one(error)

    def _refuse_one(self, error: Exception) -> None:
        self._tell("exhausted", f"cannot take another connection yet: {error}")
        self._admission.make_place()
        self._closed.wait(0.05)

    def _is_allowed(self, ip: str) -> bool:
        address = ipaddress.ip_address(ip)
        return not self._allowed or any(address in network for network in self._allowed)

    def _dial(self, host: str, port: int) -> None:
        """Connects, and again when that is over; less often where nothing comes of it."""
        failures, told = 0, False
        while not self._closed.is_set():
            came_to_something = False
            try:
                sock = socket.create_connection((host, port), timeout=3)
                link = _Link(sock, _plain_address(sock.getpeername()[0]))
            except (OSError, UnicodeError) as error:
                if not told:
                    _LOG.warning("%s:%s: %s; it will be tried until it works", host, port, error)
                told = True
            else:
                told = False
                came_to_something = self._run(link, True)
            failures = 0 if came_to_something else failures + 1
            self._closed.wait(min(1.0, 0.1 * 2 ** min(failures, 4)))

    def _run(self, link: _Link, dialled: bool) -> bool:
        """One connection, from its first byte to its last; whether anything came of it."""
        try:
            if self._key and dialled:
                link.secure_as_dialler(self._key, self._ROLE)
            elif self._key:
                link.secure_as_listener(self._key, self._ROLE)
            return self._serve(link, dialled)
        except _Refused as why:
            if str(why) == "asks for a key":
                if not dialled:
                    link.turn_away(6)
                why = _Refused("asks for a key, and there is none here: give the file that it uses as key=")
            self._tell("refused", f"{link.ip} {why}")
        except (EOFError, OSError):
            self._tell("empty", f"{link.ip} connected, and left before it was of use", logging.INFO)
        except Exception:  # of whatever kind: it ends this connection, and no other
            self._tell("error", f"{link.ip}: the connection ended by an error of this program", logging.ERROR, True)
        finally:
            self._admission.release(link)
            link.close()
        return False

    def _serve(self, link: _Link, dialled: bool) -> bool:
        raise NotImplementedError

    def _tell(self, kind: str, text: str, level: int = logging.WARNING, trace: bool = False) -> None:
        """Logs, once in five seconds of a kind: strangers write no more than that."""
        now = time.monotonic()
        last, left_out = self._told.get(kind, (-math.inf, 0))
        if now < last + 5:
            self._told[kind] = (last, left_out + 1)
        elif not self._closed.is_set():
            self._told[kind] = (now, 0)
            more = f" (and {left_out} lines like this before it)" if left_out else ""
            _LOG.log(level, "%s%s", text, more, exc_info=trace)

    def _end(self) -> None:
        self._closed.set()
        if self._listener:
            with contextlib.suppress(OSError):  # only Linux knows this, and wakes whoever accepts
                self._listener.shutdown(socket.SHUT_RDWR)

    def _join(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._threads_lock:
            threads = self._threads
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0, deadline - time.monotonic()))
        if self._listener:
            self._listener.close()


def _plain_address(ip: str) -> str:
    """Without what IPv6 puts around an IPv4 address, and without a zone."""
    ip = ip.partition("%")[0]
    return ip[7:] if ip.startswith("::ffff:") and "." in ip else ip


def _parse_host(text: str) -> tuple[str, int]:
    """HOST, HOST:PORT, [IPV6]:PORT or IPV6."""
    match = re.fullmatch(
        r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?|((?:[0-9A-Fa-f]*:){2,}[0-9A-Fa-f.:]*(?:%\w+)?)", text
    )
    if not match:
        raise ValueError(f"{text!r}: expected HOST or HOST:PORT")
    host = match[1] or match[3] or match[5]
    return host, _checked_port(match[2] or match[4] or PORT)


def _parse_listen(value: int | str) -> tuple[str, int]:
    """A port, or ADDRESS:PORT."""
    if isinstance(value, int) or value.isdigit():
        return "", _checked_port(value)
    return ("", _checked_port(value[1:])) if value.startswith(":") else _parse_host(value)


def _checked_port(value: int | str) -> int:
    port = int(value) if str(value).isdigit() else -1
    if not 0 <= port <= 65535:
        raise ValueError(f"{value!r}: expected a port, 0 to 65535")
    return port


# --- receiving ----------------------------------------------------------------------------------------------------


class _Least:
    """The least of what was offered in the last five to ten seconds."""

    def __init__(self, seconds: float = 5) -> None:
        self._seconds, self._turned = seconds, -math.inf
        self._new = self._old = math.inf

    def offer(self, value: float, now: float) -> None:
        if now > self._turned + self._seconds:
            self._old, self._new, self._turned = self._new, math.inf, now
        self._new = min(self._new, value)

    def get(self) -> float:
        return min(self._old, self._new)


class _SenderClock:
    """Brings a sender's time stamps to this computer's clock, out of what both sides know of the way between them.

    The sender measures from capture to our answer, and stamps that into a later frame. We know when we answered, and
    what the answered frame's stamp said. At the quickest answer of the last seconds both mean the same frame, or one
    as quick."""

    def __init__(self) -> None:
        self._answered, self._latency = _Least(), _Least()

    def answered(self, stamp: Stamp, now: float) -> None:
        self._answered.offer(now - stamp.captured_unix_us / 1e6, now)

    def captured(self, stamp: Stamp | None, arrived: float) -> float:
        """When the frame was captured, by our monotonic clock; as long as nothing is known, when it arrived."""
        if stamp is None:
            return arrived
        if stamp.latency is not None:
            self._latency.offer(min(stamp.latency, 60.0), arrived)
        latency = self._latency.get()
        if latency == math.inf:
            return arrived
        captured = stamp.captured_unix_us / 1e6 + self._answered.get() - latency
        # Not so before our first answer, where a clock was set meanwhile, and where a sender makes its numbers up.
        is_sound = arrived - max(2.0, 2 * latency) <= captured <= arrived + 0.1
        return min(captured, arrived) if is_sound else arrived - latency


class Frame:
    """A picture as it came, and what is known of it. The JPEG is decoded when you ask for pixels."""

    def __init__(self, jpeg: bytes, size: tuple[int, int], camera: _Camera, link: _Link) -> None:
        self.jpeg = jpeg
        """The JPEG as it was sent, with its stamp; write it to a file as it is."""
        self.size = size
        """Width and height in pixels."""
        self._camera, self._clock, self._link = camera, camera.clock, link
        self._arrived, self._arrived_unix = time.monotonic(), time.time()
        self._is_answered = False
        self._known: float | None = None

    # It is looked for when somebody asks: on the way to the pixels nobody does.
    @functools.cached_property
    def stamp(self) -> Stamp | None:
        """What the sender says of it; None where the sender is not pi-send, or a `Sender`."""
        return _find_stamp(self.jpeg)

    @property
    def _captured(self) -> float:
        with self._camera.lock:
            if self._known is None:
                self._known = self._clock.captured(self.stamp, self._arrived)
            return self._known

    @property
    def camera(self) -> str:
        """Which camera it is from: its name, or its address where it has none; `garden-2` for a second one of that
        name. The same over reconnects."""
        return self._camera.label

    @property
    def captured(self) -> float:
        """When it was captured: seconds since 1970, by this computer's clock, whatever the sender's says. The same
        clock for all cameras of a receiver, so that their pictures can be put together by time. For senders that do
        not tell, when it arrived."""
        return self._arrived_unix - (self._arrived - self._captured)

    @property
    def age(self) -> float:
        """Seconds since it was captured."""
        return time.monotonic() - self._captured

    def rgb(self) -> NDArray[uint8]:
        """The pixels, height x width x 3, red first. A new array each time, yours to draw on."""
        return self._decode(False)

    def bgr(self) -> NDArray[uint8]:
        """The same, blue first: OpenCV's order."""
        return self._decode(True)

    def _decode(self, bgr: bool) -> NDArray[uint8]:
        decode, _ = _get_codec()
        width, height = self.size
        try:
            pixels: NDArray[uint8] = decode(self.jpeg, bgr)
            if pixels.shape != (height, width, 3):
                raise ValueError(f"it decodes to {pixels.shape}")
        except Exception as error:
            # Grey, and not raised: else anybody who can connect could end your loop.
            self._camera.bad += 1
            self._camera.tell("bad", f"a picture of {self.camera} cannot be decoded, and is grey here: {error}")
            if self._camera.bad >= _MAX_BAD:
                self._link.cut()
            pixels = _module("numpy").full((height, width, 3), 128, "uint8")
        else:
            self._camera.bad = 0
        return pixels

    def _answer(self) -> None:
        """Acknowledges it, once, and never one that is older than what was acknowledged."""
        with self._camera.lock:
            if self._is_answered:
                return
            self._is_answered = True
            is_newer = self._arrived > self._camera.answered
            self._camera.answered = max(self._arrived, self._camera.answered)
            if self.stamp and self.stamp.ack and is_newer:
                now = time.monotonic()
                # What it says of the way counts, too.
                self._clock.captured(self.stamp, self._arrived)
                self._clock.answered(self.stamp, now)
                self._link.acknowledge(self.stamp.seq, now - self._arrived)

    def __repr__(self) -> str:
        width, height = self.size
        return f"<Frame of {self.camera}, {width}x{height}, {len(self.jpeg)} bytes, {self.age * 1000:.0f} ms old>"


class _Camera:
    """A place: one sender's, over as many connections as it makes."""

    def __init__(self, label: str, identity: tuple[str, str | None], tell: Callable[[str, str], None]) -> None:
        self.label, self.identity, self.tell = label, identity, tell
        # Held by whoever changes what follows, or answers a frame.
        self.lock = threading.RLock()
        # When the newest frame that is answered arrived.
        self.answered = 0.0
        self.ended = 0.0
        self.newest: Frame | None = None  # for latest()
        self.waiting: Frame | None = None  # for the iterator
        self.begin(None)

    def begin(self, link: _Link | None) -> None:
        self.link, self.clock, self.bad = link, _SenderClock(), 0
        self.frames, self._learnt = 0, 0.0
        self.last_frame = self.last_byte = time.monotonic()

    def count(self, now: float) -> None:
        seen = min(now - self.last_frame, 20.0)
        if self.frames:
            self._learnt = seen if self.frames == 1 else (self._learnt + seen) / 2
        self.last_frame = self.last_byte = now
        self.frames += 1

    @property
    def interval(self) -> float:
        """Seconds from a frame to the next, as the sender says or as it shows."""
        stamp = self.newest.stamp if self.newest else None
        return max(1 / stamp.fps if stamp and stamp.fps else 0.0, self._learnt)

    def gives_way(self, now: float) -> bool:
        """Whether its own sender's next connection may have the place: this one is over, or silent."""
        return self.link is None or now - max(self.last_frame, self.last_byte) >= max(0.5, 1.5 * self.interval)

    def is_idle(self, now: float) -> bool:
        """Whether nothing comes any more."""
        # At first, and where it waits for an answer of ours, slow is not dead.
        waits = self.frames < 2 or self.waiting is not None
        return now - self.last_frame >= max(60.0 if waits else 5.0, 3 * self.interval) and now - self.last_byte >= 2


class Receiver(_Endpoint):
    """Receives the pictures of whoever sends; iterate over it, or ask for the `latest`.

        for frame in Receiver(8000): ...

    The newest frame wins: what came while your code was busy is skipped, all but the newest. Of several cameras each
    has its turn. The iteration goes on when senders end, vanish and come back; it ends with `close()`, or with
    Ctrl-C. A frame is acknowledged when it is handed to you, or skipped: not when you are done with it, so that
    newer ones come meanwhile, and what waits for you never grows old.

    `listen`: a port, or "ADDRESS:PORT"; 8000 where nothing is dialled either. `connect`: senders to dial, one or
    several, "HOST" or "HOST:PORT". `key`: the key file of both sides. `allow`: addresses or networks that may
    connect; everybody by default. Raises OSError where it cannot listen, ValueError where a value cannot be meant.
    """

    _ROLE = 1
    _WHAT = "Receiver(%d)"

    def __init__(
        self,
        listen: int | str | None = None,
        *,
        connect: _Hosts = (),
        key: str | os.PathLike[str] | None = None,
        allow: _Hosts = (),
        max_cameras: int = MAX_CAMERAS,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__(key, allow, max_frame_bytes)
        self._max_cameras, self._max_frame_bytes, self._max_pixels = max_cameras, max_frame_bytes, max_pixels
        self._lock = threading.Lock()
        # In the order in which they came; changed under the lock.
        self._cameras: list[_Camera] = []
        # Those of which a frame waits, each once, so that each has its turn; None when all is over.
        self._ready: queue.SimpleQueue[_Camera | None] = queue.SimpleQueue()
        # What was handed on. It is acknowledged beside your code, which has its pixels to make.
        self._given: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._begin(PORT if listen is None and not connect else listen, connect)
        self._start(self._acknowledge)

    def __iter__(self) -> Receiver:
        return self

    def __next__(self) -> Frame:
        """The newest frame that you have not seen, waited for; ends after `close()`."""
        frame = self.read()
        if frame is None:
            raise StopIteration
        return frame

    def read(self, timeout: float | None = None) -> Frame | None:
        """The same, for so many seconds at most; None when they are over."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not self._closed.is_set():
            try:
                # In pieces: on Windows, Ctrl-C does not end a wait.
                camera = self._ready.get(timeout=min(max(0.0, deadline - time.monotonic()), 1.0))
            except queue.Empty:
                if time.monotonic() >= deadline:
                    break
                continue
            if camera:
                with camera.lock:
                    frame, camera.waiting = camera.waiting, None
                return self._give(frame)
        if self._closed.is_set():
            self._ready.put(None)  # for whoever else waits
        return None

    def latest(self, camera: str | None = None) -> Frame | None:
        """The newest frame of that camera, or of any, however often you ask; None as long as none has come. Never
        waits. Its `age` says whether the camera still sends."""
        with self._lock:
            frames = [own.newest for own in self._cameras if own.newest and camera in (None, own.label)]
            frame = max(frames, key=lambda frame: frame._arrived, default=None)
        return self._give(frame)

    @property
    def cameras(self) -> list[str]:
        """The cameras that send now, in the order in which they first came."""
        with self._lock:
            return [camera.label for camera in self._cameras if camera.link]

    def close(self) -> None:
        """Ends all connections, and the iteration."""
        self._end()
        with self._lock:
            links = [camera.link for camera in self._cameras if camera.link]
        self._ready.put(None)
        self._given.put(None)
        for link in links:
            link.cut()
        self._join(2)

    def _give(self, frame: Frame | None) -> Frame | None:
        if frame and not frame._is_answered:
            if self._given.qsize() < 8:
                self._given.put(frame)
            else:
                frame._answer()
        return frame

    # The rest runs on threads of its own, one for each connection, and one for this:

    def _acknowledge(self) -> None:
        while frame := self._given.get():
            frame._answer()

    def _serve(self, link: _Link, dialled: bool) -> bool:
        def watch(have: int, count: int) -> None:
            taken = time.monotonic() - link.since
            if self._closed.is_set():
                raise _Refused("came too late")
            if taken > _FRAME or (taken > _FIRST_FRAME and not dialled and have < count * taken / _FRAME):
                raise _Refused("connected and sent no picture")
            self._admission.charge(link, have)

        jpeg = link.read_frame(self._max_frame_bytes, watch, False)
        if jpeg is None:
            raise EOFError
        size = _inspect(jpeg, self._max_pixels)
        camera = self._find_place(link, _find_stamp(jpeg))
        self._admission.release(link)
        self._tell("begin", f"{camera.label}: pictures come from {link.ip}", logging.INFO)
        try:
            why = self._read_session(link, camera, jpeg, size)
        except _Refused as refused:
            why = f"it {refused}"
        except (EOFError, OSError):
            why = "the connection was lost"
        finally:
            with self._lock:
                if camera.link is link:
                    camera.link, camera.ended = None, time.monotonic()
        self._tell("end", f"{camera.label}: {why}", logging.INFO)
        return True

    def _find_place(self, link: _Link, stamp: Stamp | None) -> _Camera:
        identity = (link.ip, stamp.name if stamp else None)
        now = time.monotonic()
        with self._lock:
            own = [camera for camera in self._cameras if camera.identity == identity and camera.gives_way(now)]
            if own:
                camera = own[0]
                if camera.link:
                    camera.link.cut()
            else:
                kept = _KEPT if self._max_cameras > 1 else 0
                old = [other for other in self._cameras if not other.link and now - other.ended >= kept]
                if len(self._cameras) >= self._max_cameras:
                    if not old:
                        raise _Refused(
                            f"is turned away: {self._max_cameras} cameras are here already (max_cameras), "
                            f"{', '.join(other.label for other in self._cameras)}"
                        )
                    self._cameras.remove(old[0])
                camera = _Camera(self._free_label(identity[1] or identity[0]), identity, self._tell)
                self._cameras.append(camera)
            camera.begin(link)
            return camera

    def _free_label(self, name: str) -> str:
        taken = {camera.label for camera in self._cameras}
        labels = [name, *(f"{name}-{number}" for number in range(2, len(taken) + 3))]
        return next(label for label in labels if label not in taken)

    def _read_session(self, link: _Link, camera: _Camera, jpeg: bytes, size: tuple[int, int] | None) -> str:
        before, began = 0, 0.0

        def watch(have: int, count: int) -> None:
            nonlocal before, began
            now = time.monotonic()
            if count == 4:
                began = now
            # Bytes are a sign of life, as long as they come to a frame in the end.
            if have not in (0, before) and now - max(began, camera.last_frame) < _FRAME:
                camera.last_byte = now
            before = have
            if camera.link is not link:
                raise _Refused("has connected anew")
            if camera.is_idle(now):
                raise _Refused(f"has sent nothing for {now - camera.last_frame:.0f} s")

        while camera.link is link and not self._closed.is_set():
            frame = Frame(jpeg, size or (0, 0), camera, link)
            camera.count(frame._arrived)
            if size is None or link.newer_is_here():
                frame._answer()
            else:
                self._deliver(camera, frame)
            following = link.read_frame(self._max_frame_bytes, watch, True)
            if following is None:
                return "it ended the stream"
            jpeg, size = following, self._checked(following, camera)
        return "this side ends it"

    def _checked(self, jpeg: bytes, camera: _Camera) -> tuple[int, int] | None:
        """Its size, or None where it is no picture: that is passed over, cameras have bad moments."""
        try:
            return _inspect(jpeg, self._max_pixels)
        except _Refused as why:
            camera.bad += 1
            if camera.bad >= _MAX_BAD:
                raise
            self._tell("bad", f"{camera.label} {why}; it is passed over")
            return None

    def _deliver(self, camera: _Camera, frame: Frame) -> None:
        with camera.lock:
            skipped, camera.waiting = camera.waiting, frame
            camera.newest = frame
        if skipped:
            skipped._answer()
        else:
            self._ready.put(camera)


# --- sending ------------------------------------------------------------------------------------------------------


class _Picture:
    """What was given to `send`: encoded once, by whoever sends it first."""

    def __init__(self, picture: Any, bgr: bool, quality: int, captured: float) -> None:
        self.captured = captured
        self.quality: int | None = quality
        self._bgr, self._lock = bgr, threading.Lock()
        self._jpeg: bytes | None = None
        # Pixels are copied: they are encoded later, and you may draw on yours meanwhile.
        self._pixels: Any = None
        if isinstance(picture, (bytes, bytearray, memoryview)):
            self._jpeg, self.quality = bytes(picture), None
            if self._jpeg[:2] != b"\xff\xd8":
                raise ValueError("bytes to send are a JPEG; these do not begin like one")
        elif hasattr(picture, "dtype"):
            if str(picture.dtype) != "uint8" or not _is_picture(picture.shape):
                raise ValueError(
                    f"an array to send has bytes (uint8), height x width or height x width x 3; this one has "
                    f"{picture.dtype}, {' x '.join(map(str, picture.shape))}"
                )
            self._pixels = (picture[..., :3] if picture.ndim == 3 else picture).copy()
        elif hasattr(picture, "convert") and hasattr(picture, "save"):
            self._pixels = picture.copy()
        else:
            raise TypeError(
                f"expected a JPEG's bytes, an array or a Pillow image to send, not {type(picture).__name__}"
            )

    def jpeg(self) -> bytes:
        with self._lock:
            if self._jpeg is None:
                if hasattr(self._pixels, "dtype"):
                    self._jpeg = _get_codec()[1](self._pixels, self._bgr, self.quality or 80)
                else:
                    self._jpeg = _save(self._pixels, self.quality or 80)
                self._pixels = None
            return self._jpeg


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and 0 not in shape and (len(shape) == 2 or shape[2] in (3, 4))


class _Outlet:
    """One receiver's connection: what is on its way to it, and how long that takes."""

    def __init__(self, link: _Link) -> None:
        self.link = link
        # Moved by the thread that hears acks, looked at by the one that writes.
        self.changed = threading.Condition()
        self.over = False
        self.says_no = ""
        # Since when a frame waits to be written whole.
        self.waiting_since: float | None = None
        self.latency: float | None = None
        self.acks = 0
        self._noted: deque[tuple[int, float, float]] = deque(maxlen=256)
        self._round_trip = _Least(30)
        self._rates: deque[int] = deque(maxlen=64)
        self._last_ack = self._probed = time.monotonic()
        self._seq = 0
        self._unix = time.time() - time.monotonic()

    def stuck_for(self) -> float:
        """For how long it has taken nothing: a frame waits for room, or for its ack where acks come."""
        now = time.monotonic()
        with self.changed:
            written = self._noted[0][2] if self.acks and self._noted else now
        return now - min(written, self.waiting_since or now)

    def has_room(self, interval: float) -> bool:
        """Whether the link can carry another frame now: one more than fill it, and no queue."""
        path = self.link.in_flight()
        if path:
            waiting, segment, round_trip, rate = path
            self._rates.append(rate)
            if waiting > max(self._rates) * round_trip + 2 * segment:
                return False
        with self.changed:
            if not self.acks:
                return True  # it may not send any
            round_trip = self._round_trip.get()
            if len(self._noted) <= min(128, max(1, math.ceil(round_trip / interval))):
                return True
            # A lost ack must not stop the stream.
            now = time.monotonic()
            if now - max(self._last_ack, self._probed) < max(1.0, 4 * round_trip):
                return False
            self._probed = now
            return True

    def write(self, picture: _Picture, name: str, fps: float | None) -> None:
        jpeg = picture.jpeg()
        self._seq += 1
        # One even clock for a connection, unless this computer's is set.
        now_unix = time.time() - time.monotonic()
        if abs(now_unix - self._unix) > 1:
            self._unix = now_unix
        unix_us = max(0, int((picture.captured + self._unix) * 1e6))
        stamp = Stamp(self._seq, unix_us, self.latency, picture.quality, fps, True, name)
        pieces = _stamped(jpeg, stamp)
        with self.changed:
            self._noted.append((self._seq & 0xFFFFFFFF, picture.captured, time.monotonic()))
        self.link.write(b"".join([struct.pack("<I", sum(map(len, pieces))), *pieces]))
        with self.changed:
            # The way begins when all of it is written.
            if self._noted and self._noted[-1][0] == self._seq & 0xFFFFFFFF:
                self._noted[-1] = (*self._noted[-1][:2], time.monotonic())

    def hear(self) -> None:
        """Takes acks until the connection is over; for a thread of its own."""
        ack = b""
        try:
            while not self.over:
                ack += self.link.receive(8 - len(ack))
                if len(ack) == 8:
                    # A plain connection to somebody who has a key.
                    if ack.startswith(_MAGIC) and not self.acks:
                        self.says_no = _STATUS.get(ack[5], "it does not say why")
                    self._acked(*struct.unpack("<II", ack))
                    ack = b""
        except (EOFError, OSError, _Refused):
            pass
        with self.changed:
            self.over = True
            self.changed.notify_all()
        # Whoever writes stops, too.
        self.link.cut()

    def _acked(self, seq: int, held_us: int) -> None:
        """Takes an ack; one that makes no sense is nothing."""
        now = time.monotonic()
        with self.changed:
            index = next((index for index, noted in enumerate(self._noted) if noted[0] == seq), None)
            if index is None:
                return
            for _ in range(index):
                self._noted.popleft()
            _, captured, written = self._noted.popleft()
            self._last_ack, self.acks = now, self.acks + 1
            # Not less than nothing: this thread, or the one that writes, may have had to wait for its turn.
            self._round_trip.offer(max(0.0, now - written - held_us / 1e6), now)
            self.latency = max(0.0, now - captured - self._round_trip.get() / 2)
            self.changed.notify_all()

    def wait(self, seconds: float) -> None:
        with self.changed:
            if not self.over:
                self.changed.wait(seconds)

    def finish(self) -> None:
        """The end marker, and time to read what is on its way."""
        self.link.write(bytes(4))
        try:
            self.link.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return
        deadline = time.monotonic() + 1
        while not self.over and time.monotonic() < deadline:
            self.wait(deadline - time.monotonic())


class Sender(_Endpoint):
    """Sends your pictures to view-recv, or to a Receiver.

        with Sender("desktop") as sender:
            while True:
                sender.send(make_a_picture())

    The newest picture wins: `send` takes a picture and returns; a link that is slow, or a receiver that is away,
    costs pictures and never time. It reconnects by itself. Leaving the `with`, or `close()`, sends the last picture
    and the end.

    `connect`: receivers to dial, one or several, "HOST" or "HOST:PORT". `listen`: a port, or "ADDRESS:PORT", where
    receivers dial in, eight at a time; `allow`: from which addresses or networks; private ones (of home networks and
    VPNs) by default, any with a key. `name`: who sends, this computer's name by default. `quality`: of JPEGs that are
    made of your pixels. `fps`: how often you send, where that is known; else it is measured. `key`: the key file of
    both sides. Raises OSError where it cannot listen, ValueError where a value cannot be meant."""

    _ROLE = 0
    _WHAT = "Sender(listen=%d)"

    def __init__(
        self,
        connect: _Hosts = (),
        *,
        listen: int | str | None = None,
        name: str | None = None,
        quality: int = 80,
        fps: float | None = None,
        key: str | os.PathLike[str] | None = None,
        allow: _Hosts = (),
    ) -> None:
        super().__init__(key, allow, 0)
        if not connect and listen is None:
            raise ValueError("nowhere to send to: expected a host, Sender('desktop'), or a port, Sender(listen=8000)")
        if not 1 <= quality <= 100:
            raise ValueError(f"quality {quality}: expected 1 to 100")
        if fps is not None and not 0.01 <= fps <= 1000:
            raise ValueError(f"fps {fps}: expected 0.01 to 1000")
        name = name or socket.gethostname().partition(".")[0]
        self._name = _clean_name(name) or "python"
        self._quality, self._fps = quality, fps
        self._is_open = bool(allow) or key is not None
        self._changed = threading.Condition()
        self._picture: _Picture | None = None
        self._sent_at, self._interval = 0.0, 0.0
        self._outlets: list[_Outlet] = []
        self._begin(listen, connect)

    def send(self, picture: Any, *, bgr: bool = False, captured: float | None = None) -> None:
        """Sends a picture, unless a newer one comes before there is room on the link. Never waits.

        A picture is the bytes of a JPEG, a Pillow image, or an array of bytes: height x width x 3 (or 4, of which the
        last is left out), red first, or with `bgr` blue first as OpenCV and most of picamera2 have it; height x width
        is grey. `captured`: when it was taken, in seconds since 1970; now by default."""
        now = time.monotonic()
        at = now if captured is None else now - (time.time() - captured)
        taken = _Picture(picture, bgr, self._quality, at)
        with self._changed:
            if self._closed.is_set():
                raise ValueError("this Sender is closed")
            if self._sent_at:
                seen = now - self._sent_at
                self._interval = 0.8 * self._interval + 0.2 * seen if self._interval else seen
            self._sent_at, self._picture = now, taken
            self._changed.notify_all()

    @property
    def receivers(self) -> list[str]:
        """The addresses of those that are connected."""
        with self._changed:
            return [outlet.link.ip for outlet in self._outlets]

    @property
    def latency(self) -> float | None:
        """Seconds from capture to the other side's screen or code, as measured last; of several receivers, the
        longest. None while unknown."""
        with self._changed:
            known = [outlet.latency for outlet in self._outlets if outlet.latency is not None]
        return max(known, default=None)

    def close(self) -> None:
        """Sends the last picture, if there is room for it within a second, and the end."""
        self._end()
        with self._changed:
            self._changed.notify_all()
        self._join(4)
        for outlet in list(self._outlets):
            outlet.link.cut()

    # The rest runs on the connections' threads.

    def _is_allowed(self, ip: str) -> bool:
        return super()._is_allowed(ip) and (self._is_open or not ipaddress.ip_address(ip).is_global)

    def _serve(self, link: _Link, dialled: bool) -> bool:
        outlet = _Outlet(link)
        with self._changed:
            accepted = list(self._outlets)
            if not dialled and len(accepted) >= MAX_RECEIVERS:
                stuck = max(accepted, key=lambda other: other.stuck_for())
                if stuck.stuck_for() < 5:
                    raise _Refused(f"is turned away: {MAX_RECEIVERS} receivers are here already")
                self._outlets.remove(stuck)
                stuck.link.cut()
            self._outlets.append(outlet)
        self._admission.release(link)
        self._tell("begin", f"sending to {link.ip}", logging.INFO)
        try:
            self._start(outlet.hear)
            self._pump(outlet)
        except (OSError, EOFError):
            pass
        finally:
            outlet.over = True
            with self._changed:
                if outlet in self._outlets:
                    self._outlets.remove(outlet)
        if outlet.says_no:
            raise _Refused(f"says no: {outlet.says_no}")
        self._tell("end", f"{link.ip}: no more is sent to it", logging.INFO)
        return outlet.acks > 0

    def _pump(self, outlet: _Outlet) -> None:
        sent: _Picture | None = None
        end_by = math.inf
        while not outlet.over:
            with self._changed:
                if self._picture is sent:
                    if self._closed.is_set():
                        break
                    self._changed.wait(_LOOK)
                is_new = self._picture is not sent
            if self._closed.is_set():
                end_by = min(end_by, time.monotonic() + 1)
                if time.monotonic() >= end_by:
                    break
            if not is_new:
                continue
            outlet.waiting_since = outlet.waiting_since or time.monotonic()
            if not outlet.has_room(1 / self._fps if self._fps else self._interval or 1 / 30):
                # TCP's own acknowledgements wake nobody.
                outlet.wait(0.002)
                continue
            with self._changed:
                picture = sent = self._picture
                fps = self._fps or (1 / self._interval if self._interval else None)
            if picture:
                outlet.write(picture, self._name, fps if fps and 0.01 <= fps <= 1000 else None)
            outlet.waiting_since = None
        if not outlet.over:
            outlet.finish()
