"""Executions claimed in advance for workers that will soon be idle, as long as runs are short."""

from datetime import timedelta

from automation.cluster.worker_process import Assignment
from automation.engine.run import lease
from automation.engine.run.claims import Claim, claim_next, give_back

#: How much is claimed ahead: seconds of work, and runs for each worker.
SECONDS, MOST = 0.05, 8


class Ahead:
    """The claims that no worker has yet."""

    def __init__(self, lease: timedelta | None) -> None:
        """Start without claims.

        `lease`: of each claim; None: nothing is claimed ahead.
        """
        self.lease = lease
        self.claims: list[Claim] = []
        self._claimed_at = 0.0
        self._pace: float | None = None  # seconds that a run took lately

    def note_end(self, work: Assignment) -> None:
        """Learn how long runs take."""
        if work.claim:
            took = lease.now() - work.handed_at
            self._pace = took if self._pace is None else 0.8 * self._pace + 0.2 * took

    def claim(self, idle: int, *, workers: int, node: str) -> bool:
        """Claim for so many idle workers, and ahead; return whether nothing more can be claimed."""
        wanted = idle + self._more_for(workers)
        self.claims = claim_next(wanted, node=node, lease=self.lease)
        self._claimed_at = lease.now()
        return len(self.claims) < wanted

    def _more_for(self, workers: int) -> int:
        """Return how many to claim beyond the idle workers, so few that none waits for long."""
        if self.lease is None or self._pace is None or self._pace * 2 > SECONDS:
            return 0
        return min(MOST, int(SECONDS / self._pace)) * workers

    @property
    def deadline(self) -> float | None:
        """When claims that still wait are given back."""
        return self._claimed_at + 2 * SECONDS if self.claims else None

    @property
    def is_late(self) -> bool:
        return self.deadline is not None and lease.now() > self.deadline

    def give_back(self) -> None:
        """Give back claims that had to wait for a worker after all."""
        if self.claims:
            give_back(self.claims)
            self.claims, self._pace = [], None

    def forget(self, executions: set[int]) -> None:
        """Drop claims that are no longer this node's."""
        self.claims = [claim for claim in self.claims if claim.execution.pk not in executions]

    def take_all(self) -> list[Claim]:
        """Return all claims, and have none any more."""
        taken, self.claims = self.claims, []
        return taken
