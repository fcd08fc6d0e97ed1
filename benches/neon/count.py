"""Counts the aarch64 instructions that a program executes under qemu-user, and which of them are Neon's.

    python3 benches/neon/count.py [--root DIRECTORY] [--set NAME=VALUE]... PROGRAM [ARGUMENT]...

No aarch64 machine is needed, and none is measured: this says which code runs and how much of it, not how long that takes. What
is counted is what qemu logs: each block as it is translated, with its instructions, and each time that it is run. Functions are
told by the program's own symbols; those with mangled names are Rust's, the others C's; what has none is the C library's.
benches/neon/run builds what there is to count.
"""

import argparse
import os
import re
import subprocess
import tempfile
from collections import Counter

QEMU = 'qemu-aarch64-static'
TOLD = 8
BLOCK = re.compile(r'Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/\S+ ?(\S*)')
INSTRUCTION = re.compile(r'(?:0x|OBJD-T: )?([0-9a-f]+):? +([0-9a-f]{8})\b')


def is_neon(word: int) -> bool:
    """By the encoding's main table: data processing on vectors, without the scalars; loads and stores of vectors."""
    group = word >> 25 & 0b1111
    if group & 0b0111 == 0b0111:
        return word >> 24 & 0b01011111 != 0b00011110
    return group & 0b0101 == 0b0100 and bool(word >> 26 & 1)


def function(symbol: str) -> str:
    """A symbol without its hash."""
    if not symbol.startswith('_ZN'):
        return symbol or '(C library)'
    parts, rest = [], symbol[3:]
    while match := re.match(r'\d+', rest):
        length, rest = int(match[0]), rest[match.end() :]
        parts.append(rest[:length])
        rest = rest[length:]
    return re.sub(r'\$\w+\$|\.\.', '_', '::'.join(parts[:-1]))


def count(argv: list[str], environment: dict[str, str], root: str) -> tuple[Counter, Counter]:
    """Instructions by symbol: all, and Neon's."""
    blocks: dict[str, tuple[int, int]] = {}
    everything, neon = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        pipe = os.path.join(folder, 'log')
        os.mkfifo(pipe)
        sets = [argument for pair in environment.items() for argument in ('-E', '='.join(pair))]
        qemu = [QEMU, '-L', root, *sets, '-d', 'in_asm,exec,nochain', '-D', pipe, *argv]
        program = subprocess.Popen(qemu, stdout=subprocess.DEVNULL)
        first, words = '', []
        with open(pipe, encoding='ascii', errors='replace') as log:
            for line in log:
                if line.startswith('Trace '):
                    at, symbol = BLOCK.match(line).groups()
                    length, vectors = blocks.get(at, (0, 0))
                    everything[symbol] += length
                    neon[symbol] += vectors
                elif line.startswith('----'):
                    first, words = '', []
                elif found := INSTRUCTION.match(line):
                    first = first or found[1].zfill(16)
                    words.append(int(found[2], 16))
                    blocks[first] = len(words), sum(map(is_neon, words))
        if program.wait():
            raise SystemExit(f'{" ".join(qemu)}: ended with {program.returncode}')
    return everything, neon


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', default='/usr/aarch64-linux-gnu', help='where its C library is')
    parser.add_argument('--set', action='append', default=[], metavar='NAME=VALUE', help="into the program's environment")
    parser.add_argument('program', nargs=argparse.REMAINDER)
    options = parser.parse_args()
    everything, neon = count(options.program, dict(pair.split('=', 1) for pair in options.set), options.root)
    print(f'{sum(everything.values()):>14,} instructions, {sum(neon.values()):,} of them Neon\'s')
    for symbol, instructions in everything.most_common(TOLD):
        print(f'{instructions:>14,} {100 * neon[symbol] / max(1, instructions):>4.0f} % {function(symbol)}')


if __name__ == '__main__':
    main()
