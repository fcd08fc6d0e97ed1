"""Carries packets between two TUN devices as a long path would: late, and no more than so many a second.

A packet goes through the narrow place (rate), waits in front of it (queue; what does not fit is dropped),
then travels (delay). One thread, one loop: it blocks in select until a packet comes or one is due. It makes
the devices, says "ready" on standard output, and the caller moves them into their namespaces; they vanish
with this process.

    python3 -m stopwatch.forwarder DEVICE DEVICE MBIT_S DELAY_MS QUEUE_MS
"""

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES = 65536


def open_tun(name: str) -> int:
    """Makes a TUN device that gives and takes bare IP packets."""
    descriptor = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack('16sH22x', name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class Way:
    """One direction: packets that have gone in and not yet come out."""

    def __init__(self, source: int, target: int, bytes_s: float, delay: float, queue: float):
        self.source, self.target = source, target
        self._bytes_s, self._delay, self._queue = bytes_s, delay, queue
        self._free_at = 0.0
        self._travelling: deque[tuple[float, bytes]] = deque()

    def take(self) -> None:
        """Takes in all that waits at the source."""
        while True:
            try:
                packet = os.read(self.source, PACKET_BYTES)
            except BlockingIOError:
                return
            now = time.monotonic()
            begins = max(now, self._free_at)
            if begins - now > self._queue:
                continue
            self._free_at = begins + len(packet) / self._bytes_s
            self._travelling.append((self._free_at + self._delay, packet))

    def give(self, now: float) -> float | None:
        """Lets out all that is due; says when the next is."""
        while self._travelling and self._travelling[0][0] <= now:
            self._write(self._travelling.popleft()[1])
        return self._travelling[0][0] if self._travelling else None

    def _write(self, packet: bytes) -> None:
        try:
            os.write(self.target, packet)
        except OSError:
            pass  # the device is not up yet, or has just gone: packets get lost on a path


def carry(ways: list[Way]) -> None:
    """Carries until it is ended."""
    by_source = {way.source: way for way in ways}
    while True:
        due = [when for way in ways if (when := way.give(time.monotonic())) is not None]
        patience = max(0.0, min(due) - time.monotonic()) if due else None
        for source in select.select(list(by_source), [], [], patience)[0]:
            by_source[source].take()


def main() -> None:
    first, second = (open_tun(name) for name in sys.argv[1:3])
    mbit_s, delay_ms, queue_ms = map(float, sys.argv[3:6])
    limits = (mbit_s * 1e6 / 8, delay_ms / 1000, queue_ms / 1000)
    print('ready', flush=True)
    carry([Way(first, second, *limits), Way(second, first, *limits)])


if __name__ == '__main__':
    main()
