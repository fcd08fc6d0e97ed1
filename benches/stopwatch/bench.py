"""What every group needs: the report, how often and how long to measure, and a short way to hold trials."""

from collections.abc import Callable
from dataclasses import dataclass

from .report import Check, Report
from .trial import Setup, Trial, hold

# A figure taken from a trial: its name, unit, how to get it, and optionally relation and limit.
Figure = tuple[str, str, Callable[[Trial], float]] | tuple[str, str, Callable[[Trial], float], str, float]


@dataclass(frozen=True)
class Bench:
    """`runs` counts each case's trials; `quick` is for development: shorter, and no promise."""

    report: Report
    runs: int
    quick: bool
    verbose: bool
    # Which cases to measure: those whose name contains this.
    only: str = ''

    def wants(self, case: str) -> bool:
        return self.only in case

    def hold(self, case: str, setup: Setup, network=None) -> Trial:
        """One trial over a way of its own (loopback if None), recorded."""
        if network is None:
            trial = hold(setup, verbose=self.verbose)
        else:
            with network:
                trial = hold(setup, network, self.verbose)
        self.report.trial(case, trial.summary())
        return trial

    def measure(self, case: str, setup: Setup, figures: list[Figure], network: Callable | None = None) -> None:
        """Holds a case's trials and tells its figures; `network` makes a way for each trial."""
        if not self.wants(case):
            return
        trials = [self.hold(case, setup, network and network()) for _ in range(self.runs)]
        for name, unit, of, *limit in figures:
            self.report.add(Check(case, name, unit, tuple(of(trial) for trial in trials), *limit))
