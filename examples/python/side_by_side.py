"""Shows two cameras side by side, each pair of pictures taken at the same time. Q ends it.

    python3 side_by_side.py LEFT RIGHT [PORT]
                                        on the Pis: pi-send --host THIS-COMPUTER --name LEFT (and RIGHT)

The Pis' clocks need not agree: `captured` is by this computer's.
Needs OpenCV: sudo apt install python3-opencv, or pip install opencv-python.
"""

import sys

import cv2

from pi_stream import Receiver

left, right = sys.argv[1:3]
newest = {}
for frame in Receiver(int(sys.argv[3]) if len(sys.argv) > 3 else 8000):
    newest[frame.camera] = frame
    if left in newest and right in newest:
        one, other = newest[left], newest[right]
        apart = abs(one.captured - other.captured)
        if apart < 0.02:  # of 30 pictures a second, a nearer one there is not
            picture = cv2.hconcat([one.bgr(), cv2.resize(other.bgr(), one.size)])
            text = f"{apart * 1000:.1f} ms apart"
            cv2.putText(picture, text, (12, 32), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 255, 255), 2)
            cv2.imshow("side by side", picture)
            newest.clear()
    if cv2.waitKey(1) == ord("q"):
        break
