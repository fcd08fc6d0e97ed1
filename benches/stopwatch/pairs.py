"""Viewers and senders by name: ours, and what people use today, tuned as well as we know how.

A pair is two command lines. What is between braces is filled in by the trial: address and port, size and
rate, and the programs' places (the environment's PI_SEND, VIEW_RECV; PEERS_PYTHON for a python3 with
OpenCV, imagezmq and matplotlib). A pair without a sender is fed by the stopwatch itself, which then is the
plain recipe's client.
"""

import atexit
import base64
import functools
import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Pair:
    """`feed` is what the sender takes: 'jpeg', 'raw', or 'framed' (each JPEG with its length before it)."""

    name: str
    viewer: str
    sender: str | None = None
    feed: str = 'jpeg'
    is_ours: bool = False
    # The scales at which the viewer may draw, in percent; the first that can be read is kept.
    scales: tuple[int, ...] = (100,)
    # Whether the viewer is to have all JPEGs beforehand, in the file {jpegs}.
    knows_all: bool = False
    # Whether the viewer shows nothing, and says (peers/told.py) which pictures it has the pixels of.
    tells: bool = False

    def viewer_argv(self, values: dict[str, object], more: tuple[str, ...] = ()) -> list[str]:
        return [*_fill(self.viewer, values), *more]

    def sender_argv(self, values: dict[str, object], more: tuple[str, ...] = ()) -> list[str]:
        return [*_fill(self.sender, values), *more]


def _fill(command: str, values: dict[str, object]) -> list[str]:
    places = {
        'pi_send': os.environ.get('PI_SEND', 'pi-send'),
        'view_recv': os.environ.get('VIEW_RECV', 'view-recv'),
        'floor': os.environ.get('FLOOR_BENCH', 'floor'),
        'python': sys.executable,
        'peers_python': os.environ.get('PEERS_PYTHON') or sys.executable,
        'here': HERE,
    }
    if '{key}' in command:
        places['key'] = _key()
    return shlex.split(command.format(**places, **values))


@functools.cache
def _key() -> str:
    """The file of a key that both sides have, made once."""
    folder = tempfile.mkdtemp(prefix='stopwatch-key-')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = Path(folder, 'bench.key')
    file.touch(mode=0o600)
    file.write_text('pi-stream-key-1:' + base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip('='))
    return str(file)


_VIEW_RECV = '{view_recv} --bind {host}:{port} --stats json'
_PI_SEND = '{pi_send} --host {host}:{port} --source - --name stopwatch --stats json'
# With STOPWATCH_KEY=1, all that our pairs send is encrypted.
_KEY = ' --key {key}' if os.environ.get('STOPWATCH_KEY') else ''
_GST_VIEWER = (
    'gst-launch-1.0 -q tcpserversrc host={host} port={port} '
    '! jpegparse ! jpegdec ! videoconvert ! ximagesink sync=false'
)
_MPV = (
    'mpv --really-quiet --profile=low-latency --untimed --no-cache --vo=x11 '
    '--demuxer-lavf-format=mjpeg tcp://{host}:{port}?listen'
)
_FFMPEG_LOW = 'ffmpeg -loglevel error -fflags nobuffer -probesize 32 -analyzeduration 0'
_FFMPEG_COPY = (
    _FFMPEG_LOW + ' -f mjpeg -framerate {fps} -i - -c copy -flush_packets 1 -f mjpeg tcp://{host}:{port}'
)
_FFPLAY_LOW = (
    'ffplay -loglevel error -fflags nobuffer -flags low_delay -framedrop -probesize 32 '
    '-analyzeduration 0 -sync ext -f mjpeg -i tcp://{host}:{port}?listen'
)

PAIRS = {
    pair.name: pair
    for pair in (
        Pair('ours', _VIEW_RECV + _KEY, _PI_SEND + _KEY, is_ours=True),
        Pair('ours-recv', _VIEW_RECV, is_ours=True),
        # Decodes nothing: what no viewer can do without.
        Pair('floor', '{floor} {host}:{port} {jpegs}', is_ours=True, knows_all=True),
        Pair('ours-raw', _VIEW_RECV + _KEY, _PI_SEND + _KEY, 'raw', is_ours=True),
        Pair('ours-raw-key', _VIEW_RECV + ' --key {key}', _PI_SEND + ' --key {key}', 'raw', is_ours=True),
        Pair(
            'gst',
            _GST_VIEWER,
            'gst-launch-1.0 -q fdsrc fd=0 ! jpegparse ! tcpclientsink host={host} port={port} sync=false',
        ),
        Pair(
            'gst-raw',
            _GST_VIEWER,
            'gst-launch-1.0 -q fdsrc fd=0 ! y4mdec ! jpegenc quality=80 '
            '! tcpclientsink host={host} port={port} sync=false',
            'raw',
        ),
        Pair(
            'recipe-matplotlib',
            '{peers_python} {here}/peers/matplotlib_viewer.py {host} {port}',
            scales=tuple(range(20, 100)),
        ),
        Pair('recipe-opencv', '{peers_python} {here}/peers/opencv_viewer.py {host} {port}'),
        Pair(
            'imagezmq',
            '{peers_python} {here}/peers/imagezmq_hub.py {host} {port}',
            '{peers_python} {here}/peers/imagezmq_sender.py {host} {port}',
            'framed',
        ),
        Pair('ffplay-low', _FFPLAY_LOW, _FFMPEG_COPY),
        Pair('mpv-low', _MPV, _FFMPEG_COPY),
        Pair(
            'ffmpeg-mpv-raw',
            _MPV,
            _FFMPEG_LOW + ' -f yuv4mpegpipe -i - -c:v mjpeg -q:v 3 -flush_packets 1 -f mjpeg tcp://{host}:{port}',
            'raw',
        ),
        Pair('python', '{peers_python} {here}/peers/python_receiver.py {host} {port}', _PI_SEND, is_ours=True, tells=True),
        Pair(
            'python-imagezmq',
            '{peers_python} {here}/peers/python_imagezmq.py {host} {port}',
            '{peers_python} {here}/peers/imagezmq_sender.py {host} {port}',
            'framed',
            tells=True,
        ),
        # The shell's arguments behind its name are the script's.
        Pair(
            'python-capture',
            """sh -c '"$0" --bind {host}:{port} --headless --output - | "$1" {here}/peers/python_capture.py $2' """
            '{view_recv} {peers_python}',
            _PI_SEND,
            tells=True,
        ),
        # The recipe's own viewer, as slow as its drawing often is.
        Pair('slow-recipe', '{python} {here}/peers/slow_recipe.py {host} {port} 10', _PI_SEND, 'raw'),
    )
}
