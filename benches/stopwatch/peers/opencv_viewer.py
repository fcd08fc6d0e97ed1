"""The fast Python viewer that most people end up with: OpenCV decodes and shows. HOST PORT."""

import socket
import struct
import sys

import cv2
import numpy as np

with socket.create_server((sys.argv[1], int(sys.argv[2]))) as listener:
    stream = listener.accept()[0].makefile('rb')
while length := struct.unpack('<L', stream.read(4))[0]:
    cv2.imshow('v', cv2.imdecode(np.frombuffer(stream.read(length), np.uint8), cv2.IMREAD_COLOR))
    cv2.waitKey(1)
