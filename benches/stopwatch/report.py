"""What is told: a table for people, JSON lines for programs, and whether the limits are kept.

A check is a figure of several runs; its median is what counts. Knows nothing of how figures come about.
"""

import json
import math
import statistics
import time
from dataclasses import dataclass
from typing import TextIO

COLUMNS = '{:<36} {:<34} {:>8} {:>8}  {:<6} {}'


@dataclass(frozen=True)
class Check:
    """`relation` is '<=' or '>='; without a limit the figure is only told."""

    case: str
    figure: str
    unit: str
    runs: tuple[float, ...]
    relation: str = ''
    limit: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def passed(self) -> bool | None:
        if self.limit is None:
            return None
        return self.median <= self.limit if self.relation == '<=' else self.median >= self.limit


class Report:
    """Prints as checks come, writes JSON lines to `record` if there is one, remembers what failed."""

    def __init__(self, record: TextIO | None):
        self._record = record
        self._group = ''
        self.failed: list[Check] = []

    def group(self, name: str, title: str) -> None:
        """What follows belongs to this group."""
        self._group = name
        print(f'\n{name}: {title}\n')
        print(COLUMNS.format('case', 'figure', 'median', 'limit', '', 'runs').rstrip(), flush=True)

    def add(self, check: Check) -> None:
        """Tells a check."""
        figure = f'{check.figure}, {check.unit}' if check.unit else check.figure
        limit = '' if check.limit is None else f'{check.relation} {check.limit:g}'
        verdict = {None: '', True: 'ok', False: 'MISSED'}[check.passed]
        runs = ' '.join(f'{run:.4g}' for run in check.runs)
        line = COLUMNS.format(check.case, figure, f'{check.median:.4g}', limit, verdict, runs)
        print(line.rstrip(), flush=True)
        if check.passed is False:
            self.failed.append(check)
        self._write('check', vars(check) | {'median': check.median, 'passed': check.passed})

    def trial(self, case: str, summary: dict) -> None:
        """Records what a single trial gave."""
        self._write('trial', {'case': case} | summary)

    def _write(self, kind: str, record: dict) -> None:
        if self._record:
            head = {'kind': kind, 'time': time.strftime('%FT%T%z'), 'group': self._group}
            print(json.dumps(_finite(head | record)), file=self._record, flush=True)


def _finite(value):
    """JSON knows no infinity and no NaN: null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
