"""imagezmq's sender, REQ/REP as its README shows; JPEGs with their lengths come on stdin. HOST PORT."""

import struct
import sys

import imagezmq
import numpy as np

sender = imagezmq.ImageSender(connect_to=f'tcp://{sys.argv[1]}:{sys.argv[2]}')
while len(length := sys.stdin.buffer.read(4)) == 4:
    jpeg = sys.stdin.buffer.read(struct.unpack('<L', length)[0])
    sender.send_jpg('pi', np.frombuffer(jpeg, np.uint8))
