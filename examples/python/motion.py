"""Saves the pictures in which something moves, of any number of cameras, named by camera and time.

    python3 motion.py [PORT [FOLDER]]   on each Pi: pi-send --host THIS-COMPUTER --name SOMETHING

Needs numpy and Pillow: sudo apt install python3-numpy python3-pil.
"""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from pi_stream import Receiver

port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
folder = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
before: dict[str, Any] = {}
for frame in Receiver(port):
    now = frame.rgb()[::8, ::8, 1].astype(int)  # green, every eighth pixel: enough to see by
    last = before.get(frame.camera, now)
    before[frame.camera] = now
    if now.shape == last.shape and (abs(now - last) > 20).mean() > 0.001:
        time = datetime.fromtimestamp(frame.captured).strftime("%Y-%m-%d_%H-%M-%S.%f")
        (folder / f"{frame.camera}_{time}.jpg").write_bytes(frame.jpeg)
        print(f"{frame.camera} moved, {time}", flush=True)
