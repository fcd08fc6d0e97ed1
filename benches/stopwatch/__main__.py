"""python3 -m stopwatch: the groups of scripts/bench, or one pair by name."""

import argparse
import contextlib
import signal
import sys
import time

from . import network
from .bench import Bench
from .groups import encode, idle, latency, links, memory, peers, receivers, recorder, scaling, start, windows
from .report import Report

GROUPS = {
    'latency': latency.run,
    'links': links.run,
    'scaling': scaling.run,
    'encode': encode.run,
    'memory': memory.run,
    'recorder': recorder.run,
    'idle': idle.run,
    'start': start.run,
    'receivers': receivers.run,
    'windows': windows.run,
    'peers': peers.run,
}
# Measured only when named: it needs programs that are nobody's dependencies.
EXTRA = {'peers'}
# Left out in a hurry, unless named: what it builds takes longer than all else.
SLOW = {'windows'}
RUNS, QUICK_RUNS = 3, 1


def main() -> None:
    """Exit status: 0 all limits kept, 1 some missed, 2 wrong usage."""
    options = parse()
    # Through the `with`s, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    network.clear_leftovers()
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(open(options.json, 'a', encoding='utf-8')) if options.json else None
        report = Report(record)
        runs = options.runs or (QUICK_RUNS if options.quick else RUNS)
        bench = Bench(report, runs, options.quick, options.verbose, options.only)
        left_out = EXTRA | SLOW if options.quick else EXTRA
        for name in options.groups or [name for name in GROUPS if name not in left_out]:
            began = time.monotonic()
            GROUPS[name](bench)
            report.took(time.monotonic() - began)
    sys.exit(0 if report.page() else 1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='scripts/bench', usage='scripts/bench [OPTION]... [GROUP]... (--help says more)')
    parser.add_argument('groups', nargs='*', metavar='GROUP', help=f'{", ".join(GROUPS)} (default: all but peers)')
    parser.add_argument('--runs', type=int)
    parser.add_argument('--quick', action='store_true', help='shorter trials, fewer cases: for development, no promise')
    parser.add_argument('--only', default='', metavar='TEXT', help='only the cases whose name contains this')
    parser.add_argument('--json', metavar='FILE', help='append a JSON line for each check and trial')
    parser.add_argument('--verbose', action='store_true', help='let the programs speak')
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f'unknown group: {", ".join(unknown)}; there are: {", ".join(GROUPS)}')
    if options.runs is not None and options.runs < 1:
        parser.error('--runs: expected a whole number above 0')
    return options


if __name__ == '__main__':
    main()
