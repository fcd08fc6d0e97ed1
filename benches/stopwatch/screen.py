"""A private X server without a screen, and a view of its frame buffer.

Xvfb keeps its pixels in a file (an X window dump) that is mapped here read-only: looking costs no request,
disturbs no client, and sees what a client has drawn the moment the server has drawn it.
"""

import mmap
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

PATIENCE_SECONDS = 10


class Screen:
    """Use with `with`; `display` is for the clients' environment, `pixels` is height x width x BGRX."""

    def __init__(self, size: tuple[int, int]):
        self._folder = Path(tempfile.mkdtemp(prefix='stopwatch-screen-'))
        width, height = size
        # -displayfd: the server finds a free number itself and says which, once it is ready.
        self._server = subprocess.Popen(
            ['Xvfb', '-displayfd', '1', '-screen', '0', f'{width}x{height}x24',
             '-fbdir', str(self._folder), '-nolisten', 'tcp'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            number = self._server.stdout.readline().strip()
            if not number:
                raise RuntimeError('Xvfb ended at once: is it installed, and is /tmp writable?')
            self.display = f':{number.decode()}'
            self.pixels = self._map()
        except BaseException:
            self._end()
            raise

    def _map(self) -> np.ndarray:
        path = self._folder / 'Xvfb_screen0'
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        with path.open('rb') as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        # XWDFileHeader: header size, height, bytes per line, number of colours.
        header = struct.unpack('>25I', mapped[:100])
        head, height, line, colours = header[0], header[5], header[12], header[19]
        pixels = np.frombuffer(mapped, np.uint8, count=line * height, offset=head + colours * 12)
        return pixels.reshape(height, line // 4, 4)

    def save(self, path: Path) -> None:
        """Writes a screenshot, PNG."""
        Image.fromarray(np.ascontiguousarray(self.pixels[:, :, 2::-1])).save(path)

    def _end(self) -> None:
        self._server.terminate()
        self._server.wait()
        self._server.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()
