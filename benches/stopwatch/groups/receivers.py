"""One sender, several receivers: what the others cost it, and what they cost each other.

pi-send listens and sends its test picture; headless viewers dial. The latency is the number that both programs show (the
median of its medians a second); CPU time is pi-send's alone. Everything is compared within one round: with one receiver, then
with more.
"""

import os
import signal
import socket
import statistics
import threading
import time
from contextlib import ExitStack

from ..bench import Bench
from ..program import Program, free_port
from ..report import Check

SIZES, FPS = ((640, 480), (1920, 1080)), 30
SETTLING_SECONDS = 3
SLOW_BYTES_PER_SECOND = 125_000
RESTARTED_EVERY_SECONDS = 1.0


def run(bench: Bench) -> None:
    bench.report.group('receivers', 'one pi-send that listens, viewers that dial')
    for width, height in SIZES[: 1 if bench.quick else 2]:
        size = f'{width}x{height}'
        several(bench, size)
        troubled(bench, size)


def several(bench: Bench, size: str) -> None:
    for case, slow, limit in ((f'{size}, four', 0, 1.3), (f'{size}, four, one at 1 Mbit/s', 1, 2)):
        if not bench.wants(case):
            continue
        costs = []
        for _ in range(bench.runs):
            one, _, _ = _measure(bench, size, 1)
            four, _, _ = _measure(bench, size, 4 - slow, slow=slow)
            costs.append(four / one)
        bench.report.add(Check(case, "pi-send's CPU, of that for one", '', tuple(costs), '<=', limit))


def troubled(bench: Bench, size: str) -> None:
    case = f'{size}, three in trouble'
    if not bench.wants(case):
        return
    rows = []
    for _ in range(bench.runs):
        _, alone, _ = _measure(bench, size, 1)
        _, beside, lost = _measure(bench, size, 1, slow=1, stopped=1, restarted=1)
        rows.append((beside / alone, lost))
    add = bench.report.add
    add(Check(case, "the other one's latency, of one alone", '', tuple(row[0] for row in rows), '<=', 1.1))
    add(Check(case, 'frames that the other one lost', '', tuple(row[1] for row in rows), '<=', 0))


def _measure(
    bench: Bench, size: str, healthy: int, slow: int = 0, stopped: int = 0, restarted: int = 0
) -> tuple[float, float, float]:
    """pi-send's CPU seconds a second; the first viewer's latency in ms, and the frames that it did not get or show."""
    seconds, port = (5 if bench.quick else 20), free_port()
    with ExitStack() as stack:
        def start(argv: list[str]) -> Program:
            return stack.enter_context(Program(argv, os.environ | {}, verbose=bench.verbose))

        sender = start([
            os.environ.get('PI_SEND', 'pi-send'), '--listen', f'127.0.0.1:{port}', '--source', 'test',
            '--res', size, '--fps', str(FPS), '--stats', 'json',
        ])
        if not sender.await_port(port):
            raise RuntimeError('pi-send does not listen')
        viewers = [start(_viewer(port)) for _ in range(healthy + stopped)]
        over = threading.Event()
        stack.callback(over.set)
        for _ in range(slow):
            threading.Thread(target=_read_slowly, args=(port, over), daemon=True).start()
        time.sleep(SETTLING_SECONDS)
        for viewer in viewers[healthy:]:
            viewer.send(signal.SIGSTOP)
        cpu, began = sender.cpu_seconds(), time.monotonic()
        while time.monotonic() < began + seconds:
            if not restarted:
                time.sleep(seconds)
                continue
            with Program(_viewer(port), os.environ | {}, verbose=bench.verbose) as other:
                time.sleep(RESTARTED_EVERY_SECONDS)
                other.send(signal.SIGKILL)
        took = time.monotonic() - began
        cpu = sender.cpu_seconds() - cpu
        within = [figures for at, figures in viewers[0].figures if began <= at <= began + took]
        sent = [figures for at, figures in sender.figures if began <= at <= began + took]
    latencies = [figures['latency_ms'] for figures in within if figures['latency_ms'] is not None]
    if len(latencies) < 2 or len(sent) < 2:
        raise RuntimeError('too few figures')
    due = (_grown(sent, 'frames') + _grown(sent, 'skipped')) / (len(sent) - 1)
    came = (_grown(within, 'frames') - _grown(within, 'dropped')) / (len(within) - 1)
    # A second's frames are counted to one more or less.
    lost = max(0.0, round((due - came) * (len(within) - 1) - 2))
    return cpu / took, statistics.median(latencies), lost


def _grown(figures: list[dict], name: str) -> int:
    return figures[-1][name] - figures[0][name]


def _viewer(port: int) -> list[str]:
    viewer = os.environ.get('VIEW_RECV', 'view-recv')
    return [viewer, '--connect', f'127.0.0.1:{port}', '--headless', '--stats', 'json']


def _read_slowly(port: int, over: threading.Event) -> None:
    """A plain receiver over 1 Mbit/s."""
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        link.connect(('127.0.0.1', port))
        while not over.wait(0.02) and link.recv(SLOW_BYTES_PER_SECOND // 50):
            pass
