"""The viewer for Windows under wine, beside the Linux build on the same screen: frame to pixel, in turns.

wine is no Windows. What is compared is our own code there, and wine's way to an X server; how long Windows itself
takes is known only there.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..bench import Bench
from ..pairs import PAIRS, Pair
from ..trial import Setup
from .latency import HD, VGA, compare

# Where Debian has them. (Its script `wine` is for those who have both, 32 bits and 64.)
WINE, WINESERVER = '/usr/lib/wine/wine64', '/usr/lib/wine/wineserver64'
# What Rust's standard library wants, and wine has only from version 9 on.
LIBRARY = Path(__file__).parents[3] / 'tests/windows/bcryptprimitives.c'
# Larger than the pictures: a window has a frame there, and is made smaller to fit the screen with it.
SCREENS = {VGA: (1280, 800), HD: (2560, 1440)}
MAX_RATIO = 2


def run(bench: Bench) -> None:
    bench.report.group('windows', 'from hand-over to pixels, the viewer for Windows under wine against the one for Linux')
    program = os.environ.get('VIEW_RECV_WINDOWS')
    if not program:
        print('left out: there is no view-recv.exe (built on Debian 12 for amd64, unless all programs are named; or VIEW_RECV_WINDOWS)')
        return
    with _wine(Path(program)) as pair:
        for size, screen in SCREENS.items():
            linux = Setup(PAIRS['ours-recv'], size, 30, 4 if bench.quick else 10, screen=screen)
            case = 'viewer for Windows, {}x{}@{}'.format(*size, linux.fps)
            compare(bench, case, replace(linux, pair=pair), linux, MAX_RATIO, other_name='Linux')


@contextlib.contextmanager
def _wine(program: Path) -> Iterator[Pair]:
    """A wine of its own, with the program in it. It ends with this, and all that runs in it."""
    with tempfile.TemporaryDirectory(prefix='stopwatch-wine-') as name:
        home = Path(name)
        shutil.copy(program, home / 'view-recv.exe')
        library = home / 'bcryptprimitives.dll'
        subprocess.run(['x86_64-w64-mingw32-gcc', '-shared', LIBRARY, '-ladvapi32', '-o', library], check=True)
        environ = {
            'WINEPREFIX': name + '/prefix',
            'HOME': name,
            'WINELOADER': WINE,
            'WINEDEBUG': '-all',
            # No question whether to install these.
            'WINEDLLOVERRIDES': 'mscoree,mshtml=',
        }
        env = ['env', *(f'{key}={value}' for key, value in environ.items())]
        end = f'{WINESERVER} -k; {WINESERVER} -w'
        subprocess.run([*env, WINE, 'wineboot', '--init'], check=True, stderr=subprocess.DEVNULL)
        # Its desktop is that of the screen which was there when it started, and each trial has another.
        start = shlex.join([*env, 'sh', '-c', f'{end}; exec {WINE} "$@"', 'sh', str(home / 'view-recv.exe')])
        try:
            yield Pair('ours-recv-windows', start + ' --bind {host}:{port} --stats json', is_ours=True)
        finally:
            subprocess.run([*env, 'sh', '-c', end], check=False, stderr=subprocess.DEVNULL)
