"""One measurement: a pair, a way between its ends, a feed; from set-up to clean-up.

The calling thread feeds; "watcher" looks at the screen some 2,000 times a second; "sampler" notes memory.
A live camera does not wait: when the sender is not ready for a picture in time, the picture is not fed.
Everything that is started here is ended here, also when something fails.
"""

import os
import select
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from . import barcode, pictures
from .network import Loopback
from .pairs import Pair
from .program import Program, free_port
from .screen import Screen

LOOK_SECONDS = 0.0004
SEARCH_SECONDS = 0.02
# After so long without a readable code it is looked for anew: the window may have moved.
LOST_SECONDS = 0.5
SAMPLE_SECONDS = 0.25
PUSH_PATIENCE_SECONDS = 20
# After this many frames not taken in time, one is handed over late: so a sender that never recovers shows.
LATE_FRAMES = 30
# How long after the connection the feed begins: threads, windows and encoders are made then.
SETTLE_SECONDS = 0.3


@dataclass(frozen=True)
class Setup:
    """What to measure. `events` are called at so many seconds after the first frame."""

    pair: Pair
    size: tuple[int, int] = (640, 480)
    fps: float = 30
    seconds: float = 10
    # What is fed in the first seconds is not counted: windows open, links are learned.
    skip_seconds: float = 1
    # How long to go on watching after the last frame.
    drain_seconds: float = 1.5
    restart_rows: bool = False
    # Whether raw pictures say that they are of full range; what ffmpeg gives says nothing, and is not.
    full_range: bool = True
    window: tuple[int, int] | None = None
    # How large the screen is, unless as the window.
    screen: tuple[int, int] | None = None
    viewer_args: tuple[str, ...] = ()
    sender_args: tuple[str, ...] = ()
    events: tuple[tuple[float, Callable[['Stage'], None]], ...] = ()
    # Whether to close the sender's input at the end and let both end by themselves.
    end_by_itself: bool = False


@dataclass(frozen=True)
class Stage:
    """What stands while a trial runs; events act on it."""

    network: object
    viewer: Program
    sender: Program | None


@dataclass
class Trial:
    """What was seen. Times are seconds since the first frame was handed over, frames count from 0."""

    setup: Setup
    own_delay_ms: float
    sent: dict[int, float] = field(default_factory=dict)
    seen: dict[int, float] = field(default_factory=dict)
    # When a script had the JPEG, where it tells.
    handed: dict[int, float] = field(default_factory=dict)
    memory: list[tuple[float, int, int]] = field(default_factory=list)
    viewer_cpu: float = 0.0
    sender_cpu: float = 0.0
    viewer_figures: list[tuple[float, dict]] = field(default_factory=list)
    sender_figures: list[tuple[float, dict]] = field(default_factory=list)
    # Why the feed ended early, if it did.
    broke: str | None = None

    def window(self, first: float | None = None, last: float = float('inf')) -> tuple[float, float]:
        return (self.setup.skip_seconds if first is None else first, last)

    def fed(self, first: float | None = None, last: float = float('inf')) -> list[int]:
        """The frames that were handed over between two times."""
        first, last = self.window(first, last)
        return [frame for frame, at in self.sent.items() if first <= at < last]

    def latencies(self, first: float | None = None, last: float = float('inf')) -> np.ndarray:
        """Milliseconds from hand-over to pixels, of the frames fed between two times that were shown."""
        shown = [frame for frame in self.fed(first, last) if frame in self.seen]
        return np.array([(self.seen[frame] - self.sent[frame]) * 1000 for frame in shown])

    def percentile(self, percent: float, first: float | None = None, last: float = float('inf')) -> float:
        """Of the latencies, in milliseconds; infinite if nothing was shown."""
        latencies = self.latencies(first, last)
        return float(np.percentile(latencies, percent)) if len(latencies) else float('inf')

    def handed_p50(self) -> float:
        """Milliseconds until a script had the JPEG, the median; infinite where it does not tell."""
        latencies = [self.handed[frame] - self.sent[frame] for frame in self.fed() if frame in self.handed]
        return 1000 * float(np.median(latencies)) if latencies else float('inf')

    def shown_share(self) -> float:
        """How much of what was fed was shown, in percent."""
        return 100 * len(self.latencies()) / max(1, len(self.fed()))

    def shown_fps(self) -> float:
        """Frames shown a second while frames were fed."""
        return len(self.latencies(last=self.setup.seconds)) / (self.setup.seconds - self.setup.skip_seconds)

    def seen_since(self, at: float) -> list[tuple[float, float]]:
        """What became visible after a time: (when, age in milliseconds), in order."""
        events = [(seen, (seen - self.sent[frame]) * 1000) for frame, seen in self.seen.items()]
        return sorted(event for event in events if event[0] > at)

    def summary(self) -> dict:
        """For the record: everything that is a number."""
        last = [figures[-1][1] if figures else None for figures in (self.sender_figures, self.viewer_figures)]
        return {
            'pair': self.setup.pair.name,
            'size': 'x'.join(map(str, self.setup.size)),
            'fps': self.setup.fps,
            'fed': len(self.fed()),
            'shown': len(self.latencies()),
            'p50_ms': round(self.percentile(50), 2),
            'p95_ms': round(self.percentile(95), 2),
            'max_ms': round(self.percentile(100), 2),
            'viewer_cpu_percent': round(self.viewer_cpu, 1),
            'sender_cpu_percent': round(self.sender_cpu, 1),
            'broke': self.broke,
            'sender': last[0],
            'viewer': last[1],
        }


def hold(setup: Setup, network=None, verbose: bool = False) -> Trial:
    """Holds the trial over this way (loopback if None), which must be entered already."""
    network = network or Loopback()
    if setup.pair.feed == 'raw':
        feed = pictures.RawFeed(setup.size, setup.fps, setup.full_range)
    else:
        feed = pictures.JpegFeed(pictures.jpegs(setup.size, setup.restart_rows))
    with ExitStack() as stack:
        window = setup.window or setup.size
        screen = stack.enter_context(Screen(setup.screen or (max(640, window[0]), max(480, window[1]))))
        stage, out = _start(stack, setup, network, screen, feed, verbose)
        run = _Run(setup, feed, stage, screen, out, Trial(setup, network.own_delay_ms))
        return run.run()


def _start(stack, setup, network, screen, feed, verbose):
    """Starts viewer and sender; gives the stage and where to push frames."""
    port = free_port()
    width, height = setup.size
    values = {'host': network.address, 'port': port, 'width': width, 'height': height, 'fps': round(setup.fps)}
    if setup.pair.knows_all:
        file = stack.enter_context(tempfile.NamedTemporaryFile())
        file.writelines(map(pictures.framed, feed.frames))
        file.flush()
        values['jpegs'] = file.name
    env = {**os.environ, 'DISPLAY': screen.display}
    env.pop('WAYLAND_DISPLAY', None)
    viewer_args = setup.viewer_args
    if setup.window:
        viewer_args += ('--window', '{}x{}'.format(*setup.window))
    argv = network.in_viewer() + setup.pair.viewer_argv(values, viewer_args)
    viewer = stack.enter_context(Program(argv, env, verbose=verbose))
    if not viewer.await_port(port):
        raise RuntimeError(f'{setup.pair.name}: the viewer does not listen; run with --verbose to see why')
    if setup.pair.sender is None:
        return Stage(network, viewer, None), stack.enter_context(_RecipeClient(network.address, port))
    argv = network.in_sender() + setup.pair.sender_argv(values, setup.sender_args)
    sender = stack.enter_context(Program(argv, env, feed=True, verbose=verbose))
    out = _Pipe(sender.stdin.fileno(), setup.pair.feed == 'framed')
    if feed.header:
        out.push(memoryview(feed.header))
    # Some peers connect only when the first picture is there.
    viewer.await_port(port, established=True) if setup.pair.is_ours else time.sleep(1)
    return Stage(network, viewer, sender), out



class _Pipe:
    """A sender's standard input."""

    def __init__(self, descriptor: int, framed: bool):
        self._descriptor, self._framed = descriptor, framed

    def push(self, frame: memoryview) -> None:
        if self._framed:
            self._write(memoryview(struct.pack('<L', len(frame))))
        self._write(frame)

    def _write(self, data: memoryview) -> None:
        while data:
            if not select.select([], [self._descriptor], [], PUSH_PATIENCE_SECONDS)[1]:
                raise TimeoutError(f'the sender has taken nothing for {PUSH_PATIENCE_SECONDS} s')
            data = data[os.write(self._descriptor, data[:65536]) :]


class _RecipeClient:
    """The plain recipe's client: a length, a JPEG."""

    def __init__(self, host: str, port: int):
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(PUSH_PATIENCE_SECONDS)

    def push(self, frame: memoryview) -> None:
        self._socket.sendall(pictures.framed(frame))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


class _Run:
    """The threads of one trial and what they share."""

    def __init__(self, setup, feed, stage, screen, out, trial):
        self._setup, self._feed, self._stage = setup, feed, stage
        self._screen, self._out, self._trial = screen, out, trial
        self._stop = threading.Event()
        self._newest = -1
        self._cell = barcode.cell_pixels(setup.size[0])
        if setup.window:
            self._cell *= setup.window[0] / setup.size[0]

    def run(self) -> Trial:
        # The watcher must not wait for the feeder's arithmetic.
        sys.setswitchinterval(0.0005)
        time.sleep(SETTLE_SECONDS)
        self._began = time.monotonic()
        threads = [threading.Thread(target=target, name=name, daemon=True)
                   for name, target in (('watcher', self._listen if self._setup.pair.tells else self._watch),
                                        ('sampler', self._sample))]  # fmt: skip
        timers = [threading.Timer(at, call, [self._stage]) for at, call in self._setup.events]
        for thread in (*threads, *timers):
            thread.start()
        try:
            self._feed_all()
            self._finish()
        except OSError as error:
            # Others may break: that is their figure. Ours may not.
            if self._setup.pair.is_ours:
                raise
            self._trial.broke = str(error)
        finally:
            self._stop.set()
            for thread in (*timers, *threads):
                if isinstance(thread, threading.Timer):
                    thread.cancel()
                thread.join()
        return self._trial

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _feed_all(self) -> None:
        interval, late = 1 / self._setup.fps, 0
        cpu_from = None
        for index in range(round(self._setup.seconds * self._setup.fps)):
            ahead = index * interval - self._now()
            if ahead > 0:
                time.sleep(ahead)
            elif -ahead > interval and late < LATE_FRAMES:
                late += 1
                continue
            late = 0
            frame = self._feed.frame(index)
            self._newest = index
            self._trial.sent[index] = self._now()
            self._out.push(frame)
            if cpu_from is None and self._now() >= self._setup.skip_seconds:
                cpu_from = self._cpu()
        if cpu_from:
            viewer, sender, wall = (now - then for now, then in zip(self._cpu(), cpu_from, strict=True))
            self._trial.viewer_cpu, self._trial.sender_cpu = 100 * viewer / wall, 100 * sender / wall

    def _finish(self) -> None:
        if self._setup.end_by_itself:
            self._stage.sender.stdin.close()
            self._stage.viewer.wait(PUSH_PATIENCE_SECONDS)
            self._stage.sender.wait(PUSH_PATIENCE_SECONDS)
        time.sleep(self._setup.drain_seconds)
        for ours, program in (('viewer_figures', self._stage.viewer), ('sender_figures', self._stage.sender)):
            if program:
                figures = [(at - self._began, figures) for at, figures in list(program.figures)]
                setattr(self._trial, ours, figures)
                # What costs nothing may not be encrypted.
                pair = self._setup.pair
                if '--key' in pair.viewer and not (figures and all(said['key'] for _, said in figures)):
                    raise RuntimeError(f'{pair.name}: the {ours} do not say that it is encrypted')

    def _cpu(self) -> tuple[float, float, float]:
        """CPU seconds of viewer and sender, and the time on the wall."""
        sender = self._stage.sender
        return self._stage.viewer.cpu_seconds(), sender.cpu_seconds() if sender else 0.0, time.monotonic()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            sender = self._stage.sender
            resident = sender.resident_bytes() if sender else 0
            self._trial.memory.append((self._now(), resident, self._stage.viewer.resident_bytes()))

    def _watch(self) -> None:
        place, good, before = None, 0.0, None
        while not self._stop.is_set():
            if place is None:
                place = self._search()
                good = self._now()
                time.sleep(SEARCH_SECONDS)
                continue
            number, now = place.read(self._screen.pixels), self._now()
            if number is not None:
                good = now
                if number != before:
                    self._note(number, now)
                    before = number
            elif now - good > LOST_SECONDS:
                place = None
            time.sleep(LOOK_SECONDS)

    def _listen(self) -> None:
        """The same, of a viewer that says itself which pictures it has."""
        heard = 0
        while not self._stop.is_set():
            for _, line in self._stage.viewer.figures[heard:]:
                heard += 1
                frame = self._note(line['number'], line['at'] - self._began)
                if line['handed']:
                    self._trial.handed.setdefault(frame, line['handed'] - self._began)
            time.sleep(LOOK_SECONDS)

    def _search(self) -> barcode.Place | None:
        """Looks for the code at each scale at which the viewer may draw."""
        found = (
            barcode.find(self._screen.pixels, self._cell * scale / 100) for scale in self._setup.pair.scales
        )
        return next(filter(None, found), None)

    def _note(self, number: int, now: float) -> int:
        """Numbers repeat; the newest frame fed that bears this one is meant, and returned."""
        frame = self._newest - (self._newest - (number - 1)) % self._feed.last_number
        if frame in self._trial.sent:
            self._trial.seen.setdefault(frame, now)
        return frame
