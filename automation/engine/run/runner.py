"""The story of one run, from its claim to its record."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from datetime import tzinfo
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from automation import logs
from automation.database.away import repeat_while_away
from automation.database.session import statement_limit
from automation.database.text import MAX_TEXT, storable
from automation.database.transactions import transactions_as_found
from automation.engine.end import cancel_requests
from automation.engine.end.ending import ClaimLostError, end
from automation.engine.run.claims import LEASE_GRACE, Claim, claim_one
from automation.engine.run.commit_hooks import CommitHooks
from automation.engine.run.failure import in_words, inside, traceback_of
from automation.engine.run.interruptions import (
    Interruptions,
    RunCancelled,
    TimeLimitExceeded,
    Watcher,
)
from automation.engine.run.log import RUN_LOGGER, RunLog, masked_records
from automation.engine.run.recording import UNSTORABLE, write_surely
from automation.engine.run.result import as_json
from automation.engine.start import undo
from automation.limits import MAX_PROGRESS_MESSAGE
from automation.models import Execution, Kind, Status, reasons, site_zone
from automation.reports import changes
from automation.reports.masking import masker_of
from automation.run import Run
from automation.schedule import ScheduleError, zone_named

logger = logging.getLogger(__name__)


def run_execution(execution_id: int) -> None:
    """Claim the execution that a message names and run it.

    Does nothing where it cannot be claimed.
    """
    what = f"start execution {execution_id}"
    claim = repeat_while_away(lambda: claim_one(execution_id, node=node_name()), what)
    if claim is not None:
        run(claim)


def node_name() -> str:
    """Return the name of this machine and process, as an execution's node."""
    return f"{socket.gethostname()}:{os.getpid()}"


def run(claim: Claim, watcher: Watcher | None = None) -> Status:
    """Run a claimed execution and record how it ended; return that status.

    Nothing that the function raises is raised on but a KeyboardInterrupt, which is recorded too.
    `watcher` is told of the run while it goes on.
    """
    watcher = watcher or Watcher()
    log = RunLog(watcher, masker_of(claim.execution))
    logs.started(claim.execution, _cause(claim))
    hooks = CommitHooks(claim, log, watcher)
    with masked_records(log.masker):
        status = _run(claim, log, watcher, hooks)
        if status == Status.COMPLETED:
            hooks.call()
    return status


def _run(claim: Claim, log: RunLog, watcher: Watcher, hooks: CommitHooks) -> Status:
    try:
        with logs.of_run(claim.execution), log.captured():
            status = _call_and_complete(claim, log, watcher, hooks)
    except ClaimLostError:
        logger.error("%s was given up for lost; its work was rolled back.", claim.execution)
        return Status.LOST
    except KeyboardInterrupt as error:
        if not watcher.is_at_terminal:  # Nobody pressed Ctrl-C: the function raised it.
            return _record_failure(claim, log, error)
        status = _record(claim, log, Status.CANCELLED, reason=reasons.INTERRUPTED)
        logs.ended(claim.execution, status, _seconds(claim))
        raise
    except RunCancelled:
        who = cancel_requests.who_asked(claim.execution)
        status = _record(claim, log, Status.CANCELLED, reason=reasons.CANCELLED, **who)
    except BaseException as error:  # Including SystemExit and the time limit.
        return _record_failure(claim, log, error)
    logs.ended(claim.execution, status, _seconds(claim))
    return status


def _cause(claim: Claim) -> str:
    execution = claim.execution
    what = "" if execution.kind == Kind.RUN else f"{execution.kind}, "
    due = execution.scheduled_for
    at = f", due {due.astimezone(_zone_of(claim)).isoformat(timespec='seconds')}" if due else ""
    who = execution.requested_by_name
    return f"{what}{execution.trigger}{at}{f', by {who}' if who else ''}"


def _seconds(claim: Claim) -> float:
    """Return how long the run has taken so far, in seconds."""
    return (timezone.now() - (claim.execution.started_at or timezone.now())).total_seconds()


def _call_and_complete(claim: Claim, log: RunLog, watcher: Watcher, hooks: CommitHooks) -> Status:
    if claim.execution.is_preview:
        return _record(claim, log, Status.COMPLETED, **_rehearse(claim, log, watcher))
    if not claim.function.options.atomic:
        return _record(claim, log, Status.COMPLETED, result=_call(claim, log, watcher))
    with _transaction(claim):
        # One transaction: the function's writes are kept exactly if its success is.
        result = _call(claim, log, watcher)
        _end(claim, log, Status.COMPLETED, is_followed=hooks.take(), result=result)
    return Status.COMPLETED


def _rehearse(claim: Claim, log: RunLog, watcher: Watcher) -> dict[str, Any]:
    """Call the function, look at what it changed, and roll everything back."""
    with _transaction(claim):
        result = _call(claim, log, watcher)
        # Constraints that are checked at a commit would otherwise never be.
        connection.check_constraints()
        previewed = changes.as_json(changes.written_by(claim.execution, claim.function))
        transaction.set_rollback(True)
    return {"result": result, "previewed": previewed}


@contextmanager
def _transaction(claim: Claim) -> Iterator[None]:
    with ExitStack() as stack:
        # On SQLite a transaction begins with the write lock, for which it may have to wait.
        repeat_while_away(
            lambda: stack.enter_context(transaction.atomic()),
            f"run {claim.execution}",
            seconds=LEASE_GRACE,
        )
        yield


def _call(claim: Claim, log: RunLog, watcher: Watcher) -> Any:
    """Call the function within its time limit; return its result as it is stored."""
    function, process_id = claim.function, os.getpid()
    claim.execution.started_at = timezone.now()
    with statement_limit(claim.time_limit), Interruptions(claim.time_limit) as interruptions:
        run = _context(claim, log, watcher, interruptions)
        watcher.begun()  # Reading the parameters may be the project's code too.
        if claim.execution.kind == Kind.UNDO:
            call = partial(undo.undo, function, run)
        else:
            parameters = function.parameters.load(claim.execution.parameters)
            call = partial(function.call, run, parameters)
        try:
            with transactions_as_found():
                return log.masker.json(as_json(call()))
        finally:
            if os.getpid() != process_id:
                os._exit(0)  # The function forked and let its child return: that is no run.


def _context(claim: Claim, log: RunLog, watcher: Watcher, interruptions: Interruptions) -> Run:
    zone = _zone_of(claim)
    if str(zone) != claim.zone:
        told = (
            "The zone %s of the process cannot be read here: the times of this run are those of %s."
        )
        RUN_LOGGER.warning(told, claim.zone, zone)
    return Run(
        # The function may change its copy: ours is written at the end.
        execution=copy(claim.execution),
        now=timezone.now().astimezone(zone),
        log=RUN_LOGGER,
        on_progress=partial(_note_progress, claim, log, watcher),
        is_interrupted=lambda: interruptions.happened,
    )


def _note_progress(claim: Claim, log: RunLog, watcher: Watcher, said: Execution) -> None:
    ours, message = claim.execution, storable(log.masker.text(said.progress_message), 1_000)
    ours.progress_done, ours.progress_total = said.progress_done, said.progress_total
    ours.progress_message = message[:MAX_PROGRESS_MESSAGE]
    watcher.progress(ours)


def _zone_of(claim: Claim) -> tzinfo:
    """Return the time zone of the process; where it cannot be read, that of the site."""
    try:
        return zone_named(claim.zone)
    except ScheduleError:
        return site_zone()


def _end(claim: Claim, log: RunLog, status: Status, **columns: Any) -> None:
    """Write the end, unless the claim is gone; the message is deleted with it."""
    columns |= {"started_at": claim.execution.started_at, **_progress(claim.execution)}
    end(claim.execution, status, token=claim.token, **columns)
    log.save(claim.execution)


def _progress(execution: Execution) -> dict[str, Any]:
    names = ("progress_done", "progress_total", "progress_message")
    return {name: getattr(execution, name) for name in names}


def _record_failure(claim: Claim, log: RunLog, error: BaseException) -> Status:
    status = Status.TIMED_OUT if isinstance(error, TimeLimitExceeded) else Status.FAILED
    message = storable(log.masker.text(in_words(error)), MAX_TEXT)
    recorded = _record(
        claim,
        log,
        status,
        result={"success": False, "error": message},
        error_message=message,
        traceback=storable(log.masker.text(traceback_of(error)), MAX_TEXT),
    )
    if recorded == status:
        told = error.with_traceback(inside(error))
        logs.ended(claim.execution, status, _seconds(claim), message, told)
    return recorded


def _record(claim: Claim, log: RunLog, status: Status, **columns: Any) -> Status:
    """Record an end in a transaction of its own; wait for a database that is away."""

    def write() -> None:
        with transaction.atomic():
            _end(claim, log, status, **columns)

    try:
        write_surely(write, f"record the end of {claim.execution}")
    except ClaimLostError:
        return _what_became_of(claim)
    except UNSTORABLE as error:
        return _record_plainly(claim, error)
    return status


def _record_plainly(claim: Claim, error: Exception) -> Status:
    """Record an end without anything that the run said, where that cannot be stored."""
    logger.exception("What %s said could not be stored.", claim.execution)
    told = f"What it said could not be stored: {type(error).__name__}. Its log was left out."
    ended: dict[str, Any] = {"result": {"success": False, "error": told}, "error_message": told}
    try:
        with transaction.atomic():
            end(claim.execution, Status.FAILED, token=claim.token, **ended)
    except ClaimLostError:
        return _what_became_of(claim)
    logs.ended(claim.execution, Status.FAILED, _seconds(claim), told)
    return Status.FAILED


def _what_became_of(claim: Claim) -> Status:
    """Return the status of an execution whose claim is gone.

    It may be the run's own: a COMMIT can be done without being confirmed.
    """
    ours = Execution.objects.filter(pk=claim.execution.pk, token=claim.token)
    found = ours.exclude(status=Status.RUNNING).values_list("status", flat=True).first()
    if found in {None, Status.LOST}:
        logger.error("%s was given up for lost before it ended.", claim.execution)
        return Status.LOST
    logger.warning("%s %s; the database had not confirmed it.", claim.execution, found)
    return Status(found)
