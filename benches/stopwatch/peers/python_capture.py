"""OpenCV's VideoCapture on an MJPEG stream on stdin; prints which picture it has the pixels of. [SECONDS-FOR-EACH]."""

import os
import time

# As little waiting and looking ahead as it can be told.
os.environ['OPENCV_FFMPEG_CAPTURE_OPTIONS'] = 'fflags;nobuffer|flags;low_delay|probesize;32|analyzeduration;0'
import cv2  # noqa: E402  (it reads that when it is loaded)

from stopwatch.peers import told

capture = cv2.VideoCapture('pipe:0', cv2.CAP_FFMPEG)
while True:
    good, picture = capture.read()
    if good:
        told.tell(picture)
    time.sleep(told.seconds_for_each(1))
