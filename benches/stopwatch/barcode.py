"""A frame's number as a row of black and white cells in the picture's top left corner.

Eight marker cells tell where the code begins, twelve hold the number, four a checksum: a picture that is
half drawn, or scaled badly, is not read as another frame. Pure arithmetic on pixels; knows neither where
pictures come from nor what shows them.
"""

from dataclasses import dataclass

import numpy as np

NUMBER_BITS = 12
CHECK_BITS = 4
MARKER = (1, 0, 1, 1, 0, 0, 1, 0)
CELLS = len(MARKER) + NUMBER_BITS + CHECK_BITS
# Numbers go from 1 to this and then begin again.
LAST_NUMBER = (1 << NUMBER_BITS) - 1

# An MCU's width, so that JPEG blurs no cell into its neighbour.
CELL_PIXELS = 16
# How far a marker cell may be from black or white once compressed and scaled.
TOLERANCE = 70


def _with_check(number: int) -> int:
    check = (number ^ (number >> 4) ^ (number >> 8) ^ 0xA) & 15
    return number << CHECK_BITS | check


def row(number: int, width: int) -> np.ndarray:
    """The code's pixels, one row of 0 and 255, for a picture of this width."""
    code = _with_check(number)
    bits = [code >> shift & 1 for shift in reversed(range(NUMBER_BITS + CHECK_BITS))]
    return np.repeat(np.array([*MARKER, *bits], np.uint8) * 255, cell_pixels(width))


def cell_pixels(width: int) -> int:
    """A cell's edge in a picture of this width."""
    return max(8, min(CELL_PIXELS, (width - 16) // CELLS))


@dataclass(frozen=True)
class Place:
    """Where on the screen a code stands: a row that crosses it, its left edge, its cells' width."""

    y: int
    x: int
    cell: float

    def read(self, screen: np.ndarray) -> int | None:
        """The number that stands here now, or None if there is no whole one."""
        columns = (self.x + (np.arange(CELLS) + 0.5) * self.cell).astype(int)
        cells = screen[self.y, columns, 1] > 127
        if tuple(cells[: len(MARKER)]) != MARKER:
            return None
        code = 0
        for cell in cells[len(MARKER) :]:
            code = code << 1 | int(cell)
        number = code >> CHECK_BITS
        return number if _with_check(number) == code else None


def find(screen: np.ndarray, cell: float) -> Place | None:
    """Looks in the upper half of the screen for a code with cells of this width."""
    green = screen[:, :, 1]
    height, width = green.shape
    centres = ((np.arange(len(MARKER)) + 0.5) * cell).astype(int)
    wanted = np.array(MARKER)[:, None] * 255
    for y in range(2, height // 2, 4):
        line = green[y].astype(np.int16)
        if line.max() < 200:
            continue
        shifted = np.stack([np.roll(line, -x) for x in centres])
        fits = np.all(np.abs(shifted - wanted) < TOLERANCE, axis=0)
        fits[width - int(CELLS * cell) :] = False
        places = [Place(y + 1, int(x), cell) for x in np.flatnonzero(fits)]
        readable = [place for place in places if place.read(screen) is not None]
        if readable:
            # Of all the columns that can be read from, the middle one is safest.
            return readable[len(readable) // 2]
    return None
