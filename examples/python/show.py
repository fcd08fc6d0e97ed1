"""Shows what comes from pi-send in a window, with each picture's age. Q ends it.

    python3 show.py [PORT]              on the Pi: pi-send --host THIS-COMPUTER

Needs OpenCV: sudo apt install python3-opencv, or pip install opencv-python.
"""

import sys

import cv2

from pi_stream import Receiver

for frame in Receiver(int(sys.argv[1]) if len(sys.argv) > 1 else 8000):
    picture = frame.bgr()
    text = f"{frame.camera}, {frame.age * 1000:.0f} ms"
    for colour, width in (((0, 0, 0), 6), ((255, 255, 255), 2)):
        cv2.putText(picture, text, (12, 36), cv2.FONT_HERSHEY_SIMPLEX, 1, colour, width, cv2.LINE_AA)
    cv2.imshow("pi-stream", picture)
    if cv2.waitKey(1) == ord("q"):
        break
