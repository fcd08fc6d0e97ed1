"""The plain recipe's receiver without a window, slowed to some frames a second as by its own drawing.

Decodes every frame whole, and at the end says as a line of JSON how many came, how many would not decode,
and whether the end marker came. HOST PORT FRAMES_PER_SECOND.
"""

import io
import json
import socket
import struct
import sys
import time

from PIL import Image


def is_whole(jpeg: bytes) -> bool:
    try:
        Image.open(io.BytesIO(jpeg)).load()
    except OSError:
        return False
    return True


def main() -> None:
    host, port, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with socket.create_server((host, port)) as listener:
        stream = listener.accept()[0].makefile('rb')
    frames = broken = 0
    length = b''
    while len(length := stream.read(4)) == 4 and (size := struct.unpack('<L', length)[0]):
        frames += 1
        broken += not is_whole(stream.read(size))
        time.sleep(1 / rate)
    print(json.dumps({'frames': frames, 'broken': broken, 'ended': length == bytes(4)}), flush=True)


main()
