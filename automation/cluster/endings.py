"""What a dispatcher writes of runs: how those ended that could not say so, and how others go on."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from automation import logs
from automation.cluster import lease
from automation.cluster.pool import Assignment
from automation.cluster.stock import results
from automation.database.forking import cause_of
from automation.engine.end import cancel_requests, ending
from automation.engine.run import commit_hooks
from automation.engine.run.claims import Claim, give_back
from automation.engine.run.log import save_lines
from automation.models import Execution, Status, locking, reasons
from automation.queue import messages


@dataclass(frozen=True, kw_only=True)
class Death:
    """A worker died while it had work."""

    run: Assignment
    exit_code: int | None
    at: float
    is_stopped: bool  # because its node was, and could not wait any longer

    @property
    def cause(self) -> str:
        return cause_of(self.exit_code)


def unbegun(claim: Claim) -> Death:
    """What is to be given back, as if its worker had died before it called the function."""
    return Death(run=Assignment(claim), exit_code=None, at=lease.now(), is_stopped=False)


def record(death: Death) -> messages.Ordinary | None:
    """Write what became of the work of a dead worker; return what is left to do of it."""
    if isinstance(death.run.work, Claim):
        _record_execution(death, death.run.work)
        return None
    return _record_ordinary(death, death.run.work)


def _record_execution(death: Death, claim: Claim) -> None:
    if death.run.begun_at is None:
        give_back([claim])
        return
    status, columns = _how_it_ended(death)
    columns["exit_code"] = death.exit_code
    try:
        with transaction.atomic():
            locking.lock(claim.execution.process_id)
            ending.end(claim.execution, status, token=claim.token, **columns)
            save_lines(claim.execution.pk, list(death.run.lines))
    except ending.ClaimLostError:  # It had ended well, or another node has it.
        if death.run.committing_at is not None:
            took, limit = death.at - death.run.committing_at, death.run.commit_limit
            lines = list(death.run.lines)
            commit_hooks.record_death(claim, death.exit_code, took=took, limit=limit, lines=lines)
        return
    begun_at = death.run.begun_at or death.at
    told = f"its worker ended with {death.cause}."
    if death.is_stopped:
        told = "its node was stopped and could not wait any longer."
    logs.ended(claim.execution, status, death.at - begun_at, told)


def _how_it_ended(death: Death) -> tuple[Status, dict[str, Any]]:
    run = death.run
    if run.is_cancelled:
        who = cancel_requests.who_asked(run.claim.execution) if run.claim else {}
        return Status.CANCELLED, {"reason": reasons.CANCELLED, **who}
    begun = death.at if run.begun_at is None else run.begun_at
    if run.time_limit is not None and death.at - begun >= run.time_limit:
        told = f"It ran longer than its time limit of {run.time_limit} s, and was killed."
        columns = {"reason": reasons.TIME_LIMIT_IGNORED, "error_message": told}
        return Status.TIMED_OUT, {**columns, "result": {"success": False, "error": told}}
    if death.is_stopped:
        return Status.LOST, {"reason": reasons.NODE_STOPPED}
    return Status.LOST, {
        "reason": reasons.WORKER_DIED,
        "reason_data": {"exit_code": death.exit_code},
    }


def _record_ordinary(death: Death, work: messages.Ordinary) -> messages.Ordinary | None:
    """A worker records it: that runs code of the project, which may kill whoever calls it."""
    if work.epitaph:
        if death.run.begun_at is None:
            return work
        results.record_plainly(work.message, work.epitaph)
    elif death.run.begun_at is None or death.is_stopped:
        messages.give_back_ordinary([work.message])
    else:
        return work._replace(epitaph=_epitaph(death))
    return None


def _epitaph(death: Death) -> str:
    run = death.run
    if run.time_limit is not None and death.at - (run.begun_at or death.at) >= run.time_limit:
        return f"Task exceeded maximum timeout value ({run.time_limit} seconds), and was killed"
    return f"Its worker died ({death.cause})."


def write_live(run: Assignment, claim: Claim) -> None:
    """Let others see how far a run is that goes on."""
    if run.lines:
        save_lines(claim.execution.pk, list(run.lines))
        run.lines.clear()
    if run.progress is not None:
        Execution.objects.all().claimed_with([claim.token]).update(**run.progress)
        run.progress = None
