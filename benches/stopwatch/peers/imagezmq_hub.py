"""imagezmq's viewer, REQ/REP as its README shows, in an OpenCV window. HOST PORT."""

import sys

import cv2
import imagezmq
import numpy as np

hub = imagezmq.ImageHub(open_port=f'tcp://{sys.argv[1]}:{sys.argv[2]}')
while True:
    _, jpeg = hub.recv_jpg()
    cv2.imshow('v', cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
    cv2.waitKey(1)
    hub.send_reply(b'OK')
