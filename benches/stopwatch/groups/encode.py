"""Encoding 1080p on two threads and on one: time on the wall, and CPU time in total.

The work is `benches/jpeg.rs`'s (the environment's JPEG_BENCH is the built program); its own median is the
time, what the kernel counts for the process is the CPU time. Both run the same number of pictures.
"""

import os
import re
import subprocess

from ..bench import Bench
from ..report import Check

MAX_TIME_RATIO, MAX_CPU_RATIO = 0.6, 1.1
MILLISECONDS = {'ns': 1e-6, 'µs': 1e-3, 'ms': 1.0, 's': 1e3}


def run(bench: Bench) -> None:
    bench.report.group('encode', '1920x1080, 4:2:0 planes, quality 80')
    case = 'two threads against one'
    if not bench.wants(case):
        return
    samples = 50 if bench.quick else 200
    # In turns, so that a busy minute weighs on both.
    couples = [(_encode(1, samples), _encode(2, samples)) for _ in range(bench.runs)]
    ones, twos = ([couple[i] for couple in couples] for i in (0, 1))
    add = bench.report.add
    add(Check(case, 'one thread', 'ms', tuple(time for time, _ in ones)))
    add(Check(case, 'two threads', 'ms', tuple(time for time, _ in twos)))
    times = tuple(two[0] / one[0] for one, two in couples)
    add(Check(case, 'ratio of times', '', times, '<=', MAX_TIME_RATIO))
    cpu = tuple(two[1] / one[1] for one, two in couples)
    add(Check(case, 'ratio of CPU time', '', cpu, '<=', MAX_CPU_RATIO))


def _encode(threads: int, samples: int) -> tuple[float, float]:
    """Milliseconds a picture (median), and CPU seconds of the whole run."""
    name = f'encode_i420::1920x1080, threads: {threads}'
    argv = [os.environ['JPEG_BENCH'], '--bench', '--sample-count', str(samples), '--sample-size', '5', name]
    before = os.times()
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return _median_ms(out), cpu


def _median_ms(table: str) -> float:
    """The third column of divan's only row: fastest, slowest, median."""
    row = re.search(r'threads: \d +[\d.]+ \S+ +│ +[\d.]+ \S+ +│ +([\d.]+) (\S+)', table)
    if not row:
        raise RuntimeError(f'no row of figures in what the benchmark printed:\n{table}')
    return float(row[1]) * MILLISECONDS[row[2]]
