"""What our programs cost while nothing happens: wake-ups of all their threads, and CPU time.

A viewer that waits for its first sender, one whose sender has fallen silent, one without a window, and a sender whose receiver
is not there. That each is in the state that is measured is a condition, and checked by its own figures.
"""

import os
import signal
import time
from contextlib import ExitStack

from ..bench import Bench
from ..program import Program, free_port
from ..report import Check
from ..screen import Screen

MAX_WAKEUPS, MAX_CPU_PERCENT = 5, 0.1
SETTLING_SECONDS = 3


def run(bench: Bench) -> None:
    bench.report.group('idle', 'while nothing happens')
    for case, start, state in (
        ('viewer, waiting', _waiting, 'waiting'),
        ('viewer, stalled', _stalled, 'stalled'),
        ('viewer, waiting, headless', _headless, 'waiting'),
        ('sender, without a host', _hostless, 'connecting'),
    ):
        if not bench.wants(case):
            continue
        rounds = [_measure(bench, start, state) for _ in range(bench.runs)]
        wakeups, cpu = zip(*rounds, strict=True)
        bench.report.add(Check(case, 'wake-ups', 'a second', wakeups, '<=', MAX_WAKEUPS))
        bench.report.add(Check(case, 'CPU', '% of a core', cpu, '<=', MAX_CPU_PERCENT))


def _measure(bench: Bench, start, state: str) -> tuple[float, float]:
    """Wake-ups a second, and CPU in per cent of a core."""
    seconds = 10 if bench.quick else 30
    with ExitStack() as stack:
        screen = stack.enter_context(Screen((1280, 1024)))
        env = {**os.environ, 'DISPLAY': screen.display}
        env.pop('WAYLAND_DISPLAY', None)
        program = start(stack, env, bench.verbose)
        time.sleep(SETTLING_SECONDS)
        cpu, woken, began = program.cpu_seconds(), program.wakeups(), time.monotonic()
        time.sleep(seconds)
        cpu, took = program.cpu_seconds() - cpu, time.monotonic() - began
        states = {figures['state'] for at, figures in program.figures if at >= began}
        if states != {state}:
            raise RuntimeError(f'not {state}, but {states}')
        # Threads that live for a moment only, as those that dial, are known at the end alone; so this is a little too much.
        woken = program.all_wakeups() - woken
    return woken / took, 100 * cpu / took


def _waiting(stack: ExitStack, env: dict, verbose: bool, port: int = 0, *more: str) -> Program:
    bind = f'127.0.0.1:{port}'
    argv = [os.environ.get('VIEW_RECV', 'view-recv'), '--bind', bind, '--stats', 'json', *more]
    return stack.enter_context(Program(argv, env, verbose=verbose))


def _headless(stack: ExitStack, env: dict, verbose: bool) -> Program:
    return _waiting(stack, env, verbose, 0, '--headless')


def _stalled(stack: ExitStack, env: dict, verbose: bool) -> Program:
    port = free_port()
    # Else its place is free again after some seconds, and it waits.
    viewer = _waiting(stack, env, verbose, port, '--idle-timeout', '0')
    viewer.await_port(port)
    sender = _sender(stack, env, verbose, port)
    viewer.await_port(port, established=True)
    time.sleep(1)
    sender.send(signal.SIGSTOP)
    return viewer


def _hostless(stack: ExitStack, env: dict, verbose: bool) -> Program:
    return _sender(stack, env, verbose, free_port())


def _sender(stack: ExitStack, env: dict, verbose: bool, port: int) -> Program:
    argv = [os.environ.get('PI_SEND', 'pi-send'), '--host', f'127.0.0.1:{port}', '--source', 'test', '--stats', 'json']
    return stack.enter_context(Program(argv, env, verbose=verbose))
