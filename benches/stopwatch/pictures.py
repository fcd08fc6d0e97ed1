"""What is fed: numbered pictures, as JPEGs or as a YUV4MPEG2 stream.

A gradient with noise on it, moving, so that a frame at quality 80 weighs what a camera's does. JPEGs are
made once and repeat; raw pictures are a few backgrounds into which the number is painted as they go. Makes
bytes; knows no clocks.
"""

import functools
import io
import re
import struct
import subprocess
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from . import barcode

# How many different pictures there are; they repeat. Of JPEGs enough that a viewer which is ten seconds
# behind at 30 fps is still told from one that is not, but for the large ones, which take long to make.
BACKGROUNDS = 24
SMALL_JPEGS, LARGE_JPEGS = 300, 120
LARGE_PIXELS = 1280 * 720

# Markers of JPEG: the restart interval, the start of the scan.
DRI, SOS = 0xDD, 0xDA

# Pixels by which the background moves from one picture to the next: even, for the sake of 4:2:0.
STEP = 4


class Feed(Protocol):
    """Numbered pictures without end."""

    header: bytes
    # Numbers go from 1 to this and then begin again.
    last_number: int

    def frame(self, index: int) -> memoryview:
        """The index-th picture, counted from 0; valid until the next call."""


def framed(jpeg: bytes | memoryview) -> bytes:
    """A JPEG with its length before it, as on the wire."""
    return struct.pack('<L', len(jpeg)) + jpeg


@dataclass(frozen=True)
class JpegFeed:
    """JPEGs one after the other, without anything between them."""

    frames: tuple[bytes, ...]
    header: bytes = b''

    @property
    def last_number(self) -> int:
        return len(self.frames)

    def frame(self, index: int) -> memoryview:
        return memoryview(self.frames[index % len(self.frames)])


class RawFeed:
    """YUV4MPEG2, 4:2:0. Full range is what JPEG holds, so that nobody has to convert it."""

    last_number = barcode.LAST_NUMBER

    def __init__(self, size: tuple[int, int], fps: float, full_range: bool = True):
        width, height = size
        # The tag is what pi-send goes by; GStreamer takes raw pictures as they are.
        tag = ' XCOLORRANGE=FULL' if full_range else ''
        self.header = f'YUV4MPEG2 W{width} H{height} F{round(fps)}:1 Ip A1:1 C420jpeg{tag}\n'.encode()
        self._width = width
        self._frames = _raw_frames(size)

    def frame(self, index: int) -> memoryview:
        whole, luma = self._frames[index % len(self._frames)]
        code = barcode.row(index % self.last_number + 1, self._width)
        luma[: barcode.cell_pixels(self._width), : len(code)] = code
        return memoryview(whole)


def _background(size: tuple[int, int]) -> np.ndarray:
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    slopes = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1)
    noise = np.random.default_rng(1).integers(0, 24, (height, width, 3))
    return (slopes + noise).clip(0, 255).astype(np.uint8)


# Two: a trial with restart markers and one without are often interleaved.
@functools.lru_cache(maxsize=2)
def jpegs(size: tuple[int, int], restart_rows: bool) -> tuple[bytes, ...]:
    """The numbered JPEGs of this size, quality 80, 4:2:0."""
    background = _background(size)
    made = []
    for index in range(LARGE_JPEGS if size[0] * size[1] >= LARGE_PIXELS else SMALL_JPEGS):
        picture = np.roll(background, index * STEP % size[0], axis=1)
        code = barcode.row(index + 1, size[0])
        picture[: barcode.cell_pixels(size[0]), : len(code)] = code[:, None]
        jpeg = io.BytesIO()
        Image.fromarray(picture).save(jpeg, 'JPEG', quality=80)
        made.append(_with_restart_rows(jpeg.getvalue()) if restart_rows else jpeg.getvalue())
        check_restarts(made[-1], size, restart_rows)
    return tuple(made)


def _with_restart_rows(jpeg: bytes) -> bytes:
    """The same picture with the markers: jpegtran only writes its coefficients anew. Pillow before 10.2 cannot."""
    argv = ['jpegtran', '-copy', 'none', '-restart', '1']
    return subprocess.run(argv, input=jpeg, capture_output=True, check=True).stdout


def check_restarts(jpeg: bytes, size: tuple[int, int], wanted: bool) -> None:
    """Raises unless the bytes of this 4:2:0 JPEG hold a marker after each row of MCUs; or none, if none are wanted."""
    columns, rows = (-(-side // 16) for side in size)
    expected = (columns, rows - 1) if wanted else (0, 0)
    interval, at = 0, 2
    while jpeg[at + 1] != SOS:
        if jpeg[at + 1] == DRI:
            interval = struct.unpack_from('>H', jpeg, at + 4)[0]
        at += 2 + struct.unpack_from('>H', jpeg, at + 2)[0]
    # In what follows, a byte FF of the picture itself has a 00 behind it.
    found = (interval, len(re.findall(rb'\xff[\xd0-\xd7]', jpeg[at:])))
    if found != expected:
        raise RuntimeError(
            'a JPEG to measure with has {} MCUs to an interval and {} restart markers, not {} and {}'.format(
                *found, *expected
            )
        )


@functools.lru_cache(maxsize=1)
def _raw_frames(size: tuple[int, int]) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Pairs of a whole Y4M frame and a view of its luma."""
    width, height = size
    background = _background(size)
    code_pixels = barcode.cell_pixels(width)
    background[:code_pixels, : code_pixels * barcode.CELLS] = 0
    planes = np.moveaxis(np.asarray(Image.fromarray(background).convert('YCbCr')), -1, 0)
    return tuple(_raw_frame(planes, index * STEP, code_pixels) for index in range(BACKGROUNDS))


def _raw_frame(planes: np.ndarray, shift: int, code_pixels: int) -> tuple[np.ndarray, np.ndarray]:
    head = np.frombuffer(b'FRAME\n', np.uint8)
    luma, *chroma = (np.roll(plane, shift, axis=1) for plane in planes)
    halves = [_halved(plane) for plane in chroma]
    for half in halves:
        half[: code_pixels // 2, : code_pixels * barcode.CELLS // 2] = 128
    whole = np.concatenate([head, luma.ravel(), *(half.ravel() for half in halves)])
    return whole, whole[len(head) : len(head) + luma.size].reshape(luma.shape)


def _halved(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3)).astype(np.uint8)
