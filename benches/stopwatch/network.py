"""The ways between sender and viewer: loopback, a cable of some rate, a long path.

Each end is a network namespace (a host) of its own. A cable runs through a third, a router whose tbf limits
both directions, with a queue of 100 ms in front: on the sender's own device the kernel would hold packets
back before they queue, and know of each that is lost. A long path is two TUN devices and a process that
holds packets back (see forwarder), because not every kernel has netem. Namespaces and devices bear this
process's number and go when their `with` ends. Needs root, but for loopback.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NAME = 'stopwatch'
SENDER_ADDRESS, VIEWER_ADDRESS = '10.77.1.1', '10.77.2.1'
QUEUE_MS = 100
# What passes at once: two packets, or so many milliseconds' worth for the higher rates. Not more: a bucket
# that holds a frame lets each through as if the cable were as fast as loopback (seen: at 6 Mbit/s with
# the usual 32 kB, p50 was 2.7 ms where the cable alone needs 25).
BURST_BYTES, BURST_MS = 3200, 2


def _run(command: str) -> None:
    done = subprocess.run(command.split(), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'{command}: {done.stderr.strip() or done.returncode} (root, and iproute2, are needed)')


@dataclass
class Loopback:
    """Both on this host."""

    address: str = '127.0.0.1'
    own_delay_ms: float = 0.0

    def in_sender(self) -> list[str]:
        """What to put before a command so that it runs on the sender's host."""
        return []

    def in_viewer(self) -> list[str]:
        """Likewise, on the viewer's."""
        return []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class _Hosts:
    """Two network namespaces; the sender's has the congestion control that is asked for."""

    address = VIEWER_ADDRESS
    own_delay_ms = 0.0

    def __init__(self, congestion_control: str | None = None):
        self._congestion_control = congestion_control
        self.sender, self.viewer = (f'{NAME}-{os.getpid()}-{end}' for end in ('s', 'v'))

    def in_sender(self) -> list[str]:
        return ['ip', 'netns', 'exec', self.sender]

    def in_viewer(self) -> list[str]:
        return ['ip', 'netns', 'exec', self.viewer]

    def __enter__(self):
        try:
            for host in (self.sender, self.viewer):
                _run(f'ip netns add {host}')
                _run(f'ip -n {host} link set lo up')
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self) -> None:
        raise NotImplementedError

    def _plug(self, host: str, device: str, address: str) -> None:
        """Gives a host's device its address and sets it up."""
        _run(f'ip -n {host} addr add {address}/24 dev {device}')
        _run(f'ip -n {host} link set {device} up')

    def _lead_out(self, host: str, way: str) -> None:
        """Gives a host its default route. The sender's names the congestion control: a namespace's own setting
        takes only what the kernel's administrator has set free, which may lack cubic."""
        chosen = f' congctl {self._congestion_control}' if self._congestion_control and host == self.sender else ''
        _run(f'ip -n {host} route add default {way}{chosen}')

    def _ends(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return (self.sender, SENDER_ADDRESS), (self.viewer, VIEWER_ADDRESS)

    def __exit__(self, *_):
        for host in (self.sender, self.viewer):
            _delete(host)


class Cable(_Hosts):
    """A cable that carries `mbit_s` each way, or nothing while it is dark."""

    def __init__(self, mbit_s: float, congestion_control: str | None = None):
        super().__init__(congestion_control)
        burst = max(BURST_BYTES, round(mbit_s * 1000 / 8 * BURST_MS))
        self._limits = f'rate {mbit_s}mbit burst {burst} latency {QUEUE_MS}ms'
        self._router = f'{NAME}-{os.getpid()}-r'

    def _connect(self) -> None:
        _run(f'ip netns add {self._router}')
        for port, (host, address) in enumerate(self._ends()):
            _run(f'ip link add eth0 netns {host} type veth peer name port{port} netns {self._router}')
            _run(f'ip -n {self._router} link set port{port} up')
            gateway = address.rpartition('.')[0] + '.254'
            _run(f'ip -n {self._router} addr add {gateway}/24 dev port{port}')
            self._plug(host, 'eth0', address)
            self._lead_out(host, f'via {gateway}')
            _run(f'tc -n {self._router} qdisc add dev port{port} root tbf {self._limits}')
        self.set_dark(False)

    def set_dark(self, dark: bool) -> None:
        """Whether packets are lost without anybody being told."""
        self._in_router(f'sysctl -qw net.ipv4.ip_forward={int(not dark)}')

    def _in_router(self, command: str) -> None:
        _run(f'ip netns exec {self._router} {command}')

    def __exit__(self, *_):
        super().__exit__()
        _delete(self._router)


class LongPath(_Hosts):
    """A path that carries `mbit_s` and holds every packet back by `delay_ms`, each way."""

    def __init__(self, mbit_s: float, delay_ms: float, congestion_control: str | None = None):
        super().__init__(congestion_control)
        self._mbit_s = mbit_s
        self.own_delay_ms = delay_ms
        self._forwarder = None

    def _connect(self) -> None:
        devices = [f'sw{os.getpid()}{end}' for end in ('s', 'v')]
        numbers = [str(number) for number in (self._mbit_s, self.own_delay_ms, QUEUE_MS)]
        self._forwarder = subprocess.Popen(
            [sys.executable, '-m', 'stopwatch.forwarder', *devices, *numbers],
            env={**os.environ, 'PYTHONPATH': str(Path(__file__).parent.parent)},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if self._forwarder.stdout.readline() != b'ready\n':
            raise RuntimeError('the forwarder did not start (its reason is above): /dev/net/tun and root are needed')
        for device, (host, address) in zip(devices, self._ends(), strict=True):
            _run(f'ip link set {device} netns {host}')
            self._plug(host, device, address)
            self._lead_out(host, f'dev {device}')

    def __exit__(self, *_):
        if self._forwarder:
            self._forwarder.terminate()
            self._forwarder.wait()
            self._forwarder.stdout.close()
        super().__exit__()


def _delete(host: str) -> None:
    subprocess.run(['ip', 'netns', 'del', host], stderr=subprocess.DEVNULL)


def clear_leftovers() -> None:
    """Removes the namespaces of a stopwatch that was killed before it could."""
    for path in Path('/run/netns').glob(f'{NAME}-*'):
        owner = re.fullmatch(rf'{NAME}-(\d+)-[srv]', path.name)
        if owner and not Path(f'/proc/{owner[1]}').exists():
            _delete(path.name)


def congestion_controls() -> list[str]:
    """What this kernel can use at once."""
    return Path('/proc/sys/net/ipv4/tcp_available_congestion_control').read_text().split()
