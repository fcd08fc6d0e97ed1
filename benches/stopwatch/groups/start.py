"""How soon there is something to see: from a process's start to the first numbered picture on the screen.

Ours, GStreamer's and ffplay's, in turns. A viewer's sender is the stopwatch itself, which connects the moment that somebody
listens; a sender's viewer listens already. Of a pair, ours are started at once, as people do; the others' senders end where
nobody listens yet, so they are started when somebody does. The first picture is there before the program.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from .. import barcode, pictures
from ..bench import Bench
from ..pairs import PAIRS, Pair
from ..program import Program, free_port
from ..report import Check
from ..screen import Screen

SIZE, FPS = (640, 480), 30
# Those that are compared, and what they are called.
NAMES = {'ours': 'ours', 'gst': 'GStreamer', 'ffplay-low': 'ffplay'}
# They take a second each, so there are at least so many.
RUNS = 5
# Of GStreamer's time.
MAX_RATIO = 1.0
# How long what is there before has to come to rest.
SETTLING_SECONDS = 1
LOOK_SECONDS, PATIENCE_SECONDS = 0.001, 10


def run(bench: Bench) -> None:
    bench.report.group('start', "from a process's start to its first picture, {}x{}@{}".format(*SIZE, FPS))
    for case, start in (('viewer, its sender is there', _viewer), ('sender, its viewer is there', _sender), ('both', _both)):
        if not bench.wants(case):
            continue
        # The first turn fetches the programs from the disk.
        turns = [[_measure(bench, PAIRS[pair], start) for pair in NAMES] for _ in range(max(bench.runs, RUNS) + 1)][1:]
        for name, runs in zip(NAMES.values(), zip(*turns, strict=True), strict=True):
            bench.report.add(Check(case, name, 'ms', runs))
        ratios = tuple(ours / gst for ours, gst, _ in turns)
        bench.report.add(Check(case, "ours, of GStreamer's", '', ratios, '<=', MAX_RATIO))


def _measure(bench: Bench, pair: Pair, start: Callable[['_Stage'], float]) -> float:
    """Milliseconds."""
    with ExitStack() as stack:
        screen = stack.enter_context(Screen(SIZE))
        began = start(_Stage(stack, screen, pair, bench.verbose))
        while barcode.find(screen.pixels, barcode.cell_pixels(SIZE[0])) is None:
            if time.monotonic() > began + PATIENCE_SECONDS:
                raise RuntimeError(f'{pair.name}: no picture in {PATIENCE_SECONDS} s; run with --verbose to see why')
            time.sleep(LOOK_SECONDS)
        return 1000 * (time.monotonic() - began)


class _Stage:
    """Where the programs of one trial are started; what is started ends with the stack."""

    def __init__(self, stack: ExitStack, screen: Screen, pair: Pair, verbose: bool):
        self.pair, self.port = pair, free_port()
        self._stack, self._verbose, self._over = stack, verbose, threading.Event()
        self._env = {**os.environ, 'DISPLAY': screen.display}
        self._env.pop('WAYLAND_DISPLAY', None)
        self._values = {'host': '127.0.0.1', 'port': self.port, 'width': SIZE[0], 'height': SIZE[1], 'fps': FPS}
        # Made before, and what feeds ends at once.
        self._pictures = pictures.jpegs(SIZE, restart_rows=False)
        stack.callback(self._over.set)

    def viewer(self) -> Program:
        return self._start(self.pair.viewer_argv(self._values))

    def sender(self) -> None:
        stdin = self._start(self.pair.sender_argv(self._values), feed=True).stdin
        self._feed(lambda: stdin.write)

    def client(self) -> None:
        """In the sender's place."""
        self._feed(self._connect)

    def _start(self, argv: list[str], feed: bool = False) -> Program:
        return self._stack.enter_context(Program(argv, self._env, feed=feed, verbose=self._verbose))

    def _connect(self) -> Callable[[bytes], None]:
        while not self._over.wait(LOOK_SECONDS):
            with contextlib.suppress(ConnectionRefusedError):
                link = self._stack.enter_context(socket.create_connection(('127.0.0.1', self.port)))
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return lambda jpeg: link.sendall(pictures.framed(jpeg) if self.pair.is_ours else jpeg)
        raise ConnectionRefusedError

    def _feed(self, connect: Callable[[], Callable[[bytes], None]]) -> None:
        """Gives pictures from now on, as a camera does, until the other side goes away."""

        def give() -> None:
            with contextlib.suppress(OSError, ValueError):
                put = connect()
                for jpeg in self._pictures:
                    put(jpeg)
                    if self._over.wait(1 / FPS):
                        break

        threading.Thread(target=give, daemon=True).start()


def _viewer(stage: _Stage) -> float:
    began = time.monotonic()
    stage.viewer()
    stage.client()
    return began


def _sender(stage: _Stage) -> float:
    stage.viewer().await_port(stage.port)
    time.sleep(SETTLING_SECONDS)
    began = time.monotonic()
    stage.sender()
    return began


def _both(stage: _Stage) -> float:
    began = time.monotonic()
    viewer = stage.viewer()
    if not stage.pair.is_ours:
        viewer.await_port(stage.port)
    stage.sender()
    return began
