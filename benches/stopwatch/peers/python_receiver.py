"""examples/python/pi_stream.py: prints which picture it has the pixels of, and when. HOST PORT [SECONDS-FOR-EACH]."""

import sys
import time
from pathlib import Path

from stopwatch.peers import told

sys.path.append(str(Path(__file__).parents[3] / 'examples' / 'python'))
from pi_stream import Receiver  # noqa: E402  (it is found only now)

for frame in Receiver(f'{sys.argv[1]}:{sys.argv[2]}'):
    handed = time.monotonic()
    told.tell(frame.bgr(), handed)
    time.sleep(told.seconds_for_each(3))
