"""Write the ends that workers could not write because they died."""

from dataclasses import dataclass

from automation.cluster.stock import results
from automation.cluster.worker_process import Assignment
from automation.database.forking import cause_of
from automation.engine.run import lease
from automation.engine.run.claims import Claim, give_back
from automation.engine.run.killed import Killed
from automation.engine.run.killed import record as record_killed
from automation.models import reasons
from automation.queue.ordinary import Ordinary, give_back_ordinary


@dataclass(frozen=True, kw_only=True)
class Death:
    """A worker died while it had work."""

    assignment: Assignment
    exit_code: int | None
    at: float  # `lease.now`
    is_stopped: bool  # because its node was stopped, and could not wait any longer

    @property
    def begun_at(self) -> float:
        begun_at = self.assignment.begun_at
        return self.at if begun_at is None else begun_at

    @property
    def is_over_time(self) -> bool:
        limit = self.assignment.time_limit
        return limit is not None and self.at - self.begun_at >= limit


def unbegun(claim: Claim) -> Death:
    """Return a claim as the work of a worker that died before it called the function."""
    return Death(assignment=Assignment(claim), exit_code=None, at=lease.now(), is_stopped=False)


def record(death: Death) -> Ordinary | None:
    """Write what became of a dead worker's work; return work that is still left to do, or None."""
    work = death.assignment.work
    if not isinstance(work, Claim):
        return _record_ordinary(death, work)
    if death.assignment.begun_at is None:
        give_back([work])
    else:
        record_killed(_killed(death, work))
    return None


def _killed(death: Death, claim: Claim) -> Killed:
    work = death.assignment
    committing = None
    if work.committing_at is not None:
        committing = death.at - work.committing_at, work.commit_limit
    return Killed(
        claim=claim,
        reason=_reason(death),
        exit_code=death.exit_code,
        seconds=death.at - death.begun_at,
        lines=list(work.lines),
        committing=committing,
    )


def _reason(death: Death) -> str:
    if death.assignment.is_cancelled:
        return reasons.CANCELLED
    if death.is_over_time:
        return reasons.TIME_LIMIT_IGNORED
    return reasons.NODE_STOPPED if death.is_stopped else reasons.WORKER_DIED


def _record_ordinary(death: Death, work: Ordinary) -> Ordinary | None:
    """Write, or have a worker write, what became of ordinary work.

    Recording it runs code of the project, which may kill its process.
    """
    has_begun = death.assignment.begun_at is not None
    if work.died_with:
        if not has_begun:
            return work
        results.record_plainly(work.message, work.died_with)
    elif not has_begun or death.is_stopped:
        give_back_ordinary([work.message])
    else:
        return work._replace(died_with=_died_with(death))
    return None


def _died_with(death: Death) -> str:
    if death.is_over_time:
        limit = death.assignment.time_limit
        return f"Task exceeded maximum timeout value ({limit} seconds), and was killed"
    return f"Its worker died ({cause_of(death.exit_code)})."
