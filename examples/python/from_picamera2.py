"""Sends pictures from a Raspberry Pi's camera through picamera2, where you can draw on them.

    python3 from_picamera2.py HOST[:PORT]                   there: view-recv

Needs picamera2: sudo apt install python3-picamera2. Without Python of your own, pi-send does this with less work.
"""

import sys
import time

from picamera2 import Picamera2

from pi_stream import Sender

camera = Picamera2()
# What picamera2 calls RGB888 is blue first in an array, as OpenCV likes it.
main = {"size": (1280, 720), "format": "RGB888"}
camera.configure(camera.create_video_configuration(main=main, controls={"FrameRate": 30}))
camera.start()
with Sender(sys.argv[1], fps=30) as sender:
    while True:
        request = camera.capture_request()
        pixels = request.make_array("main")
        taken = request.get_metadata()["SensorTimestamp"] / 1e9  # since the Pi was started
        request.release()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - taken
        sender.send(pixels, bgr=True, captured=time.time() - age)
