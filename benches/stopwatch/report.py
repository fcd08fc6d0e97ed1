"""What is told: a table for people, JSON lines for programs, and whether the limits are kept.

A check is a figure of several runs; its median is what counts. Knows nothing of how figures come about.
"""

import json
import statistics
import time
from dataclasses import dataclass
from typing import TextIO

COLUMNS = '{:<44} {:<26} {:>9} {:>10}  {:<7} {}'


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
        verdict = {None: '', True: 'ok', False: 'MISSED'}[check.passed]
        limit = '' if check.limit is None else f'{check.relation} {check.limit:g}'
        runs = ' '.join(f'{run:.4g}' for run in check.runs)
        print(COLUMNS.format(check.case, f'{check.figure}, {check.unit}', f'{check.median:.4g}', limit, verdict, runs).rstrip(), flush=True)
        if check.passed is False:
            self.failed.append(check)
        self._write('check', vars(check) | {'median': check.median, 'passed': check.passed})

    def trial(self, case: str, summary: dict) -> None:
        """Records what a single trial gave."""
        self._write('trial', {'case': case} | summary)

    def _write(self, kind: str, record: dict) -> None:
        if self._record:
            head = {'kind': kind, 'time': time.strftime('%FT%T%z'), 'group': self._group}
            print(json.dumps(head | record), file=self._record, flush=True)
