"""The viewer of the well-known recipe: Pillow decodes, matplotlib draws. HOST PORT."""

import io
import socket
import struct
import sys

import matplotlib

matplotlib.use('TkAgg')
import matplotlib.pyplot as plt  # noqa: E402  (the back end is chosen first)
from PIL import Image  # noqa: E402

with socket.create_server((sys.argv[1], int(sys.argv[2]))) as listener:
    stream = listener.accept()[0].makefile('rb')
shown = None
while length := struct.unpack('<L', stream.read(4))[0]:
    image = Image.open(io.BytesIO(stream.read(length)))
    if shown is None:
        shown = plt.imshow(image)
    else:
        shown.set_data(image)
    plt.pause(0.01)
    plt.draw()
