"""Stands in for rpicam-vid and rpicam-hello of rpicam-apps, as their documentation and sources describe them.

    stand_in.py rpicam-vid OPTIONS…

What it does as they do, because pi-send has to live with it:
- options that it does not know are refused, with the line of boost's program_options, and status 255;
- its output goes through a buffer of C's stdio, whose rest stays where it is without --flush;
- with --codec yuv420, a buffer goes back to the camera before it is written: a reader that falls behind gets pictures
  that are torn;
- rows of raw pictures are padded to 64 bytes;
- a picture's metadata follow it;
- a camera that another process has cannot be acquired;
- SIGINT ends it in order.

A picture's left half has the brightness of its number, its right half the opposite: number(n) = 20 + n % 200.

The folder RPICAM_STAND_IN holds what a test says and learns: `log` (a line of JSON for each start and end), `lock` (the
camera's), `unknown` (options that this version does not know), `dies_after` (pictures until it dies in the midst of
the next one; once), `absent` (there is no camera), `starts_in` (seconds to its first picture).
"""

import fcntl
import io
import json
import os
import queue
import signal
import sys
import threading
import time

FOLDER = os.environ["RPICAM_STAND_IN"]
BUFFERS = 6

LISTING = """\
Available cameras
-----------------
0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
    Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]
                             1640x1232 [41.85 fps - (0, 0)/3280x2464 crop]

1 : imx708_wide [4608x2592 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@80000/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]

"""

FLAGS = {"nopreview", "flush", "hflip", "vflip", "list-cameras"}
VALUES = {
    "timeout", "output", "metadata", "metadata-format", "width", "height", "framerate", "codec", "quality", "camera",
    "tuning-file", "mode", "shutter", "gain", "analoggain", "ev", "awb", "awbgains", "brightness", "contrast",
    "saturation", "sharpness", "denoise", "metering", "exposure", "autofocus-mode", "autofocus-range",
    "autofocus-speed", "autofocus-window", "lens-position", "roi", "hdr", "flicker-period", "rotation",
}  # fmt: skip


def said(name, default=""):
    try:
        with open(os.path.join(FOLDER, name)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return default


def log(**what):
    with open(os.path.join(FOLDER, "log"), "a") as file:
        file.write(json.dumps({"pid": os.getpid(), **what}) + "\n")


def fail(message):
    """As its main function does with an exception."""
    sys.stderr.write(f"ERROR: *** {message} ***\n")
    sys.stderr.flush()
    os._exit(255)


def parse(arguments):
    unknown = said("unknown").split()
    options = {}
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name in unknown or name not in FLAGS | VALUES:
            fail(f"unrecognised option '--{name}'")
        if (name in VALUES) != bool(value):
            fail(f"the required argument for option '--{name}' is missing")
        options[name] = value
    return options


class Stdio:
    """stdout of C: blocks of 4096 bytes, and a rest that waits for more, or for a flush."""

    def __init__(self, flush):
        self.flush, self.rest = flush, b""

    def write(self, data):
        data = memoryview(data)
        if self.flush:
            return self.out(data)
        whole = len(self.rest) + len(data)
        keep = whole % 4096
        self.out(self.rest + bytes(data[: len(data) - keep]) if keep <= len(data) else b"")
        self.rest = bytes(data[len(data) - keep :]) if keep <= len(data) else self.rest + bytes(data)

    def out(self, data):
        data = memoryview(data)
        while data:
            data = data[os.write(1, data) :]


def acquire():
    """The camera is one process's."""
    camera = open(os.path.join(FOLDER, "lock"), "w")
    try:
        fcntl.flock(camera, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("[0:00:01.1] [9] ERROR Camera camera.cpp:1 Pipeline handler in use by another process\n")
        fail("failed to acquire camera /base/soc/i2c0mux/i2c@1/imx219@10")
    return camera


def grey(number):
    return 20 + number % 200


class Pictures:
    """The camera fills whatever buffer is free, at its rate, and hands it over."""

    def __init__(self, options):
        self.options = options
        self.width, self.height = int(options["width"]), int(options["height"])
        self.stride = -(-self.width // 64) * 64
        luma, chroma = self.stride * self.height, self.stride // 2 * (self.height // 2)
        self.buffers = [bytearray(luma) + bytes([128]) * 2 * chroma for _ in range(BUFFERS)]
        self.luma = luma
        self.free = queue.Queue()
        self.filled = queue.Queue()
        for index in range(BUFFERS):
            self.free.put(index)
        self.ended = threading.Event()

    def run(self):
        interval = 1 / float(self.options["framerate"])
        time.sleep(float(said("starts_in", "1")))
        start, number = time.monotonic(), 0
        while not self.ended.is_set():
            stamp = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            try:
                index = self.free.get_nowait()
            except queue.Empty:
                pass  # A frame is lost.
            else:
                one, other = bytes([grey(number)]), bytes([255 - grey(number)])
                row = one * (self.width // 2) + other * (self.stride - self.width // 2)
                self.buffers[index][: self.luma] = row * self.height
                self.filled.put((index, number, stamp))
            number += 1
            time.sleep(max(0, start + number * interval - time.monotonic()))
        self.filled.put(None)


def jpeg(number, width, height, quality):
    from PIL import Image

    picture = Image.new("L", (width, height), grey(number))
    picture.paste(255 - grey(number), (width // 2, 0, width, height))
    out = io.BytesIO()
    picture.convert("RGB").save(out, "jpeg", quality=quality)
    return out.getvalue()


def vid(options):
    if said("absent"):
        fail("no cameras available")
    camera = acquire()
    log(started=sys.argv[2:])
    pictures = Pictures(options)
    signal.signal(signal.SIGINT, lambda *_: pictures.ended.set())
    stdout = Stdio("flush" in options)
    metadata = open(options["metadata"], "w") if "metadata" in options else None
    threading.Thread(target=pictures.run, daemon=True).start()
    dies_after = int(said("dies_after", "-1"))
    sent = 0
    while (got := pictures.filled.get()) is not None:
        index, number, stamp = got
        if options["codec"] == "yuv420":
            data = memoryview(pictures.buffers[index])
        else:
            data = jpeg(number, pictures.width, pictures.height, int(options.get("quality", 50)))
        pictures.free.put(index)
        if sent == dies_after:
            os.remove(os.path.join(FOLDER, "dies_after"))
            stdout.out(data[: len(data) // 2])
            log(ended="died")
            os._exit(134)
        stdout.write(data)
        if metadata:
            metadata.write(f"ExposureTime=9000\nSensorTimestamp={stamp}\nAnalogueGain=2.5\nFocusFoM=7\n\n")
            metadata.flush()
        sent += 1
    log(ended="in order")
    os._exit(0)


def main():
    options = parse(sys.argv[2:])
    if "list-cameras" in options:
        print("No cameras available!" if said("absent") else LISTING, end="")
    else:
        vid(options)


main()
