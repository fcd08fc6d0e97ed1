"""OpenCV's VideoCapture on an MJPEG stream on stdin; prints which picture it has the pixels of. [SECONDS-FOR-EACH]."""

import time

import cv2

from stopwatch.peers import told

capture = cv2.VideoCapture('pipe:0', cv2.CAP_FFMPEG)
while True:
    good, picture = capture.read()
    if good:
        told.tell(picture)
    time.sleep(told.seconds_for_each(1))
