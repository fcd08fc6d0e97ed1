"""A program that is measured: started in its place, watched from outside, ended with all its children.

Its memory comes from /proc, its CPU time from its clock. Where it prints figures as JSON lines on its standard output
(ours do, with --stats json), they are kept with the time at which they came. Knows no network and no
picture.
"""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

PAGE = os.sysconf('SC_PAGE_SIZE')
PATIENCE_SECONDS = 5
LOOK_SECONDS = 0.002
ESTABLISHED, LISTENING = '01', '0A'


def free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


class Program:
    """Use with `with`. `verbose` lets its messages through."""

    def __init__(self, argv: list[str], env: dict[str, str], feed: bool = False, verbose: bool = False):
        self.figures: list[tuple[float, dict]] = []
        self._process = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read_figures, daemon=True)
        self._reader.start()

    def _read_figures(self) -> None:
        for line in self._process.stdout:
            if line.startswith(b'{'):
                self.figures.append((time.monotonic(), json.loads(line)))

    @property
    def stdin(self):
        return self._process.stdin

    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """Its exit status, None if it still runs after so long."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def cpu_seconds(self) -> float:
        """Time on the CPU so far, its children's too."""
        return sum(map(_cpu_seconds, self._pids()))

    def wakeups(self) -> int:
        """How often its threads that live have been woken so far: each waited once before that."""
        texts = [_read(task / 'status') for task in Path(f'/proc/{self.pid}/task').iterdir()]
        return sum(map(int, re.findall(r'^voluntary_ctxt_switches:\s+(\d+)', ''.join(texts), re.M)))

    def all_wakeups(self) -> int:
        """How often all threads that it ever had were woken; kills it, so that it wakes none of them to end."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_nvcsw
        self.send(signal.SIGKILL)
        if self.wait(PATIENCE_SECONDS) is None:
            raise RuntimeError('it does not end')
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_nvcsw - before

    def resident_bytes(self) -> int:
        """Resident memory now, its children's too."""
        return sum(_resident_pages(pid) for pid in self._pids()) * PAGE

    def await_port(self, port: int, established: bool = False) -> bool:
        """Waits until it listens on this port, or has a connection there."""
        state = ESTABLISHED if established else LISTENING
        line = re.compile(rf'^ *\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:[0-9A-F]+ {state} ', re.M)
        tables = [Path(f'/proc/{self.pid}/net/{name}') for name in ('tcp', 'tcp6')]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self.status() is None:
            if any(line.search(table.read_text()) for table in tables):
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def _pids(self) -> list[int]:
        pids = [self.pid]
        for pid in pids:
            for children in Path(f'/proc/{pid}/task').glob('*/children'):
                pids += map(int, _read(children).split())
        return pids

    def _end(self) -> None:
        self._signal_all(signal.SIGTERM)
        # A stopped program takes no SIGTERM before it goes on.
        self._signal_all(signal.SIGCONT)
        self.wait(2)
        self._signal_all(signal.SIGKILL)
        self._process.wait()
        self._reader.join(2)
        for pipe in filter(None, (self._process.stdin, self._process.stdout)):
            pipe.close()

    def _signal_all(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass  # it ended by itself, and its children with it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ''  # it ended meanwhile


def _cpu_seconds(pid: int) -> float:
    """By the process's own clock (clock_getcpuclockid), which counts nanoseconds, and threads that have ended."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0  # it ended meanwhile


def _resident_pages(pid: int) -> int:
    fields = _read(Path(f'/proc/{pid}/statm')).split()
    return int(fields[1]) if fields else 0
