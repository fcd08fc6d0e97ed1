"""A viewer that nobody looks at: what recording costs, headless, in CPU time.

A file of numbered JPEGs goes through pi-send, unchanged, to `view-recv --headless --record`. That every frame
is in the recording is a condition, and checked: a recorder that drops frames is cheap.
"""

import os
import signal
import tempfile
import time
from pathlib import Path

from .. import pictures
from ..bench import Bench
from ..program import Program, free_port
from ..report import Check

SIZE, FPS = (1920, 1080), 30
MAX_CPU_PERCENT = 3
# Connecting, the first frame, which is decoded, and the file's beginning are not what is measured.
SETTLING_SECONDS = 2
# Of all frames in the time that is measured.
MIN_RECORDED = 0.98


def run(bench: Bench) -> None:
    bench.report.group('recorder', 'headless, every frame recorded, no pixels asked for')
    case = f'{SIZE[0]}x{SIZE[1]}@{FPS}'
    if not bench.wants(case):
        return
    seconds = 5 if bench.quick else 20
    trials = [_record(seconds, bench.verbose) for _ in range(bench.runs)]
    add = bench.report.add
    add(Check(case, "viewer's CPU", '% of a core', tuple(cpu for cpu, _ in trials), '<=', MAX_CPU_PERCENT))
    add(Check(case, 'frames recorded, of those due', '', tuple(share for _, share in trials), '>=', MIN_RECORDED))


def _record(seconds: float, verbose: bool) -> tuple[float, float]:
    """The recorder's CPU in per cent of a core, and the share of the frames that it recorded."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, 'source.mjpeg')
        source.write_bytes(b''.join(pictures.jpegs(SIZE, restart_rows=False)))
        port = free_port()
        viewer = [
            os.environ.get('VIEW_RECV', 'view-recv'), '--bind', f'127.0.0.1:{port}', '--headless',
            '--record', str(Path(folder, 'recording.mkv')), '--stats', 'json',
        ]
        sender = [
            os.environ.get('PI_SEND', 'pi-send'), '--host', f'127.0.0.1:{port}', '--source', str(source),
            '--loop', '--fps', str(FPS), '--name', 'stopwatch',
        ]
        with Program(viewer, os.environ | {}, verbose=verbose) as recorder:
            if not recorder.await_port(port):
                raise RuntimeError('view-recv does not listen')
            with Program(sender, os.environ | {}, verbose=verbose):
                time.sleep(SETTLING_SECONDS)
                before, began = recorder.cpu_seconds(), time.monotonic()
                time.sleep(seconds)
                cpu, took = recorder.cpu_seconds() - before, time.monotonic() - began
            recorder.send(signal.SIGTERM)
            recorder.wait(5)
            within = [figures['recorded'] for at, figures in recorder.figures if began <= at <= began + took]
            dropped = recorder.figures[-1][1]['record_dropped']
        if len(within) < 2 or dropped:
            raise RuntimeError(f'too few figures, or {dropped} frames dropped')
        return 100 * cpu / took, (within[-1] - within[0]) / (len(within) - 1) / FPS
