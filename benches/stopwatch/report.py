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


    def spread(self, digits: int) -> str:
        """The median, and between which figures the runs were."""
        median, least, most = (f'{figure:.{digits}f}' for figure in (self.median, min(self.runs), max(self.runs)))
        return median if least == most else f'{median} ({least} – {most})'


class Report:
    """Prints as checks come, writes JSON lines to `record` if there is one, and ends with a page of all goals."""

    def __init__(self, record: TextIO | None):
        self._record = record
        self._group = ''
        self._goals: list[Check] = []
        self._times: list[str] = []

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
        if check.passed is not None:
            self._goals.append(check)
        self._write('check', vars(check) | {'median': check.median, 'passed': check.passed})

    def table(self, title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Prints Markdown, as the README has it."""
        print(f'\n{title}\n\n| ' + ' | '.join(head) + ' |\n' + '|---' * len(head) + '|')
        for row in rows:
            print('| ' + ' | '.join(row) + ' |')

    def took(self, seconds: float) -> None:
        """How long the last group took."""
        self._times.append(f'{self._group} {seconds:.0f}')

    def page(self) -> bool:
        """Prints all goals, those that were missed first, and returns whether all were kept."""
        missed = sum(not check.passed for check in self._goals)
        print(f'\n{len(self._goals)} goals, {missed} missed' if missed else f'\nall {len(self._goals)} goals kept')
        for check in sorted(self._goals, key=lambda check: check.passed):
            goal = f'{check.figure} {check.relation} {check.limit:g}'
            print(f'  {"kept  " if check.passed else "MISSED"} {check.median:<9.4g} {check.case}: {goal} {check.unit}'.rstrip())
        print(f'\nseconds: {", ".join(self._times)}')
        return not missed

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
