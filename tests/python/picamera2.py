"""As much of picamera2's interface as examples/python uses, as its manual has it; anything else is an error."""

import time
import numpy

class Request:
    def __init__(self, camera):
        self.camera, self.released = camera, False
    def make_array(self, name):
        assert name == 'main' and not self.released
        array = numpy.zeros((*self.camera.size[::-1], 3), numpy.uint8)
        array[:] = 20, 120, 220  # RGB888 is blue first in memory
        return array
    def get_metadata(self):
        assert not self.released
        return {'SensorTimestamp': time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 500_000_000, 'ExposureTime': 10000}
    def release(self):
        self.released, self.camera.busy = True, self.camera.busy - 1

class Picamera2:
    def __init__(self, camera_num=0, tuning=None):
        self.size, self.started, self.busy, self.left = None, False, 0, 60
    def create_video_configuration(self, main={}, lores=None, raw=None, transform=None, colour_space=None, buffer_count=6,
                                   controls={}, display='main', encode='main', queue=True, sensor={}, use_case='video'):
        assert main['format'] == 'RGB888' and controls == {'FrameRate': 30}
        return {'main': main, 'controls': controls}
    def configure(self, camera_config='preview'):
        self.size = camera_config['main']['size']
    def start(self, config=None, show_preview=False):
        assert self.size
        self.started = True
    def capture_request(self, wait=None, signal_function=None, flush=None):
        assert self.started and self.busy == 0, 'a request was not released'
        if self.left == 0:
            raise KeyboardInterrupt
        time.sleep(1 / 30)
        self.left, self.busy = self.left - 1, 1
        return Request(self)
