"""Executions that are claimed for workers which will be idle in a moment, as long as runs are short."""

from datetime import timedelta

from automation.cluster import lease
from automation.cluster.worker_process import Assignment
from automation.engine.run.claims import Claim, claim_next, give_back

#: For how many seconds of work, and how many runs a worker, is claimed ahead.
SECONDS, MOST = 0.05, 8


class Ahead:
    """The claims that no worker has yet."""

    def __init__(self, lease: timedelta | None) -> None:
        """`lease`: of each claim; None: nothing is claimed ahead."""
        self.lease = lease
        self.claims: list[Claim] = []
        self._claimed_at = 0.0
        self._pace: float | None = None  # seconds that a run takes, lately

    def note_end(self, work: Assignment) -> None:
        """Learn how long runs take."""
        if work.claim:
            took = lease.now() - work.handed_at
            self._pace = took if self._pace is None else 0.8 * self._pace + 0.2 * took

    def claim(self, idle: int, *, workers: int, node: str) -> bool:
        """Claim for so many idle workers, and ahead; whether that is all there is."""
        wanted = idle + self._more_for(workers)
        self.claims = claim_next(wanted, node=node, lease=self.lease)
        self._claimed_at = lease.now()
        return len(self.claims) < wanted

    def _more_for(self, workers: int) -> int:
        """How many beyond the idle: what a moment will take, so that none waits for long."""
        if self.lease is None or self._pace is None or self._pace * 2 > SECONDS:
            return 0
        return min(MOST, int(SECONDS / self._pace)) * workers

    @property
    def deadline(self) -> float | None:
        """When those that still wait are given back."""
        return self._claimed_at + 2 * SECONDS if self.claims else None

    @property
    def is_late(self) -> bool:
        return self.deadline is not None and lease.now() > self.deadline

    def give_back(self) -> None:
        """What was claimed ahead, and then had to wait after all, is anybody's again."""
        if self.claims:
            give_back(self.claims)
            self.claims, self._pace = [], None

    def forget(self, executions: set[int]) -> None:
        """These are not this node's any more."""
        self.claims = [claim for claim in self.claims if claim.execution.pk not in executions]

    def take_all(self) -> list[Claim]:
        """They are not to begin here any more, and still to be given back."""
        taken, self.claims = self.claims, []
        return taken
