"""What the receivers in Python say: a line of JSON for each picture whose pixels they have, with its number and the time."""

import json
import sys
import time

from .. import barcode

_place = None


def tell(pixels, handed: float | None = None) -> None:
    """The time is that of this call; reading the number comes after it. `handed`: when the script had the JPEG."""
    global _place
    at = time.monotonic()
    # Green is in the middle, in whatever order.
    _place = _place or barcode.find(pixels, barcode.cell_pixels(pixels.shape[1]))
    number = _place and _place.read(pixels)
    if number is not None:
        print(json.dumps({'number': number, 'at': at, 'handed': handed}), flush=True)


def seconds_for_each(index: int) -> float:
    """How long each picture takes, as that argument says."""
    return float(sys.argv[index]) if len(sys.argv) > index else 0.0
