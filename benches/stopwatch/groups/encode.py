"""Encoding 1080p on two threads and on one, upright and turned: time on the wall, and CPU time in total.

The work is `benches/jpeg.rs`'s (the environment's JPEG_BENCH is the built program); its own median is the
time, what the kernel counts for the process is the CPU time. Both run the same number of pictures.
"""

import os
import re
import subprocess

from ..bench import Bench
from ..report import Check

MAX_TIME_RATIO, MAX_CPU_RATIO = 0.6, 1.1
# A quarter turn costs at most half of the encoding again.
MAX_TURNED_RATIO = 1.5
# What it is called, the benchmark's function, its threads.
Work = tuple[str, str, int]
MILLISECONDS = {'ns': 1e-6, 'µs': 1e-3, 'ms': 1.0, 's': 1e3}


def run(bench: Bench) -> None:
    bench.report.group('encode', '1920x1080, 4:2:0 planes, quality 80')
    one = ('one thread', 'encode_i420', 1)
    two = ('two threads', 'encode_i420', 2)
    quarter = ('a quarter turn, two threads', 'encode_i420_turned_by_a_quarter', 2)
    _compare(bench, 'two threads against one', one, two, MAX_TIME_RATIO, MAX_CPU_RATIO)
    _compare(bench, 'turned by a quarter against upright', two, quarter, MAX_TURNED_RATIO, None)


def _compare(bench: Bench, case: str, base: Work, other: Work, max_time: float, max_cpu: float | None) -> None:
    if not bench.wants(case):
        return
    samples = 50 if bench.quick else 200
    # In turns, so that a busy minute weighs on both.
    couples = [(_encode(base, samples), _encode(other, samples)) for _ in range(bench.runs)]
    add = bench.report.add
    for i, (name, _, _) in enumerate((base, other)):
        add(Check(case, name, 'ms', tuple(couple[i][0] for couple in couples)))
    add(Check(case, 'ratio of times', '', _ratios(couples, 0), '<=', max_time))
    limit = ('<=', max_cpu) if max_cpu else ()
    add(Check(case, 'ratio of CPU time', '', _ratios(couples, 1), *limit))


def _ratios(couples: list, figure: int) -> tuple[float, ...]:
    return tuple(other[figure] / base[figure] for base, other in couples)


def _encode(work: Work, samples: int) -> tuple[float, float]:
    """Milliseconds a picture (median), and CPU seconds of the whole run."""
    _, function, threads = work
    name = f'{function}::1920x1080, threads: {threads}'
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
