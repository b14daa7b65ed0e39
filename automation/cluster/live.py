"""Write log lines and progress of runs that go on, so that others can see them."""

from collections.abc import Iterable

from automation.cluster.worker_process import Assignment
from automation.engine.run import lease
from automation.engine.run.claims import Claim
from automation.engine.run.log import save_lines
from automation.models import Execution

#: Seconds until lines of a run that goes on are written first, and then between.
AFTER = 0.5


class Live:
    """Writes lines and progress of running executions from time to time."""

    def __init__(self) -> None:
        self._wrote_at = lease.now()

    def write(self, running: Iterable[Assignment]) -> None:
        """Write, if it is time to; on SQLite any other writer comes first."""
        now = lease.now()
        if now - self._wrote_at < AFTER:
            return
        self._wrote_at = now
        for work in running:
            if work.claim and work.begun_at and now - work.begun_at >= AFTER:
                _write(work, work.claim)

    def deadline(self, running: Iterable[Assignment]) -> float | None:
        """When there is something to write."""
        if any(work.lines or work.progress for work in running):
            return self._wrote_at + AFTER
        return None


def _write(work: Assignment, claim: Claim) -> None:
    if work.lines:
        save_lines(claim.execution.pk, list(work.lines))
        work.lines.clear()
    if work.progress is not None:
        Execution.objects.all().claimed_with([claim.token]).update(**work.progress)
        work.progress = None
