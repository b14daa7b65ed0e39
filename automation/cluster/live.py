"""The log lines and the progress of runs that go on, so that others see them."""

from collections.abc import Iterable

from automation.cluster import lease
from automation.cluster.worker_process import Assignment
from automation.engine.run.claims import Claim
from automation.engine.run.log import save_lines
from automation.models import Execution

#: Seconds for which a run goes on before its lines are written while it does, and between.
AFTER = 0.5


class Live:
    """Writes them now and then."""

    def __init__(self) -> None:
        self._wrote_at = lease.now()

    def write(self, running: Iterable[Assignment]) -> None:
        """If it is time to. On SQLite whoever writes goes first."""
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
