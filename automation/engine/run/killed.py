"""The record of a run whose process ended before it could write how the run ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from automation import logs
from automation.database.forking import cause_of
from automation.engine.end import cancel_requests, ending
from automation.engine.run import commit_hooks
from automation.engine.run.claims import Claim
from automation.engine.run.log import save_lines
from automation.models import LogLine, Status, locking, reasons


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What is known of such a run by whoever guards it."""

    claim: Claim
    #: Why it ended, a code of `reasons`: cancelled, interrupted, time limit ignored, node stopped,
    #: worker died.
    reason: str
    exit_code: int | None
    seconds: float  # that the run took
    lines: Sequence[LogLine] = ()  # that it logged
    #: Where something was to follow its commit: the seconds since that began, and its limit in
    #: seconds.
    committing: tuple[float, int] | None = None


def record(killed: Killed) -> None:
    """Write how the run ended; where it is on record already, only what followed its commit."""
    execution = killed.claim.execution
    status, columns = _how_it_ended(killed)
    columns |= {"reason": killed.reason, "exit_code": killed.exit_code}
    try:
        with transaction.atomic():
            locking.lock(execution.process_id)
            ending.end(execution, status, token=killed.claim.token, **columns)
            save_lines(execution.pk, list(killed.lines))
    except ending.ClaimLostError:  # It had ended well, or another node has it.
        _record_after_commit(killed)
    else:
        logs.ended(execution, status, killed.seconds, _what_happened(killed))


def _record_after_commit(killed: Killed) -> None:
    if killed.committing is not None:
        took, limit = killed.committing
        commit_hooks.record_death(
            killed.claim, killed.exit_code, took=took, limit=limit, lines=killed.lines
        )


def _how_it_ended(killed: Killed) -> tuple[Status, dict[str, Any]]:
    reason = killed.reason
    if reason == reasons.TIME_LIMIT_IGNORED:
        limit = killed.claim.time_limit
        told = f"It ran longer than its time limit of {limit} s, and was killed."
        result = {"success": False, "error": told}
        return Status.TIMED_OUT, {"error_message": told, "result": result}
    if reason == reasons.CANCELLED:
        return Status.CANCELLED, cancel_requests.who_asked(killed.claim.execution)
    if reason == reasons.INTERRUPTED:
        return Status.CANCELLED, {}
    if reason == reasons.NODE_STOPPED:
        return Status.LOST, {}
    return Status.LOST, {"reason_data": {"exit_code": killed.exit_code}}


def _what_happened(killed: Killed) -> str:
    if killed.reason == reasons.NODE_STOPPED:
        return "its node was stopped and could not wait any longer."
    return f"its worker ended with {cause_of(killed.exit_code)}."
