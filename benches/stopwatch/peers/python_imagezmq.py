"""imagezmq's receiver, REQ/REP as its README shows; prints which picture it has the pixels of. HOST PORT [SECONDS-FOR-EACH]."""

import sys
import time

import cv2
import imagezmq
import numpy as np

from stopwatch.peers import told

hub = imagezmq.ImageHub(open_port=f'tcp://{sys.argv[1]}:{sys.argv[2]}')
while True:
    _, jpeg = hub.recv_jpg()
    handed = time.monotonic()
    told.tell(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), handed)
    time.sleep(told.seconds_for_each(3))
    hub.send_reply(b'OK')
