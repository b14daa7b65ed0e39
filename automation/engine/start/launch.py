"""Record an execution and queue it, or record why it was not started."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext

from automation import database, logs, registry
from automation.database.text import storable
from automation.engine.end import cancel_requests, cancelling, recovery
from automation.models import (
    Execution,
    Kind,
    OverlapPolicy,
    Process,
    Status,
    Trigger,
    extend_newest,
    launching,
    locking,
    name_of,
    reasons,
)
from automation.parameters import ParameterError
from automation.queue import messages
from automation.why_not import RefusedError, WhyNot

#: Characters of a note that are kept.
MAX_NOTE = 2_000


class PreviewError(RefusedError):
    """The author of the function did not promise that it can be rolled back."""


def launch(process: Process, **options: Any) -> Execution:
    """Start a process in a transaction of its own; `options` are those of `launch_locked`."""
    make_way(process, **options)
    with transaction.atomic():
        locked = locking.lock(process.pk)
        if locked is None:
            raise Process.DoesNotExist(f"{process} was deleted.")
        return launch_locked(locked, **options)


def make_way(process: Process, **options: Any) -> None:
    """On SQLite, ask the runs to end that a launch with these options is about to cancel.

    For an atomic run that has to happen before the launch, which waits for its end. Call it before
    the transaction: inside one it does nothing.
    """
    if options.get("kind") == Kind.PREVIEW or options.get("waits"):
        return  # Such a launch cancels none.
    if not database.one_writer() or connection.in_atomic_block:
        return
    function = registry.find(process.function)
    if function is None or process.overlap_policy != OverlapPolicy.CANCEL_RUNNING:
        return
    try:
        function.parameters.clean({**process.parameters, **(options.get("parameters") or {})})
    except (ParameterError, TypeError):
        return  # Such a launch will not start anything.
    ahead = list(launching.ahead_of(process))
    for older in ahead[: max(len(ahead) - process.max_concurrency + 1, 0)]:
        if older.status == Status.RUNNING:
            cancel_requests.ask(older.pk, by=None, by_name=process.title)


class Columns(TypedDict, total=False):
    """What a start says of itself in its row."""

    requested_by: AbstractBaseUser | None
    #: In place of the user's name, or where no user is known.
    requested_by_name: str
    note: str
    kind: Kind
    undo_of: Execution | None
    applied_preview: int | None
    priority: int


def launch_locked(
    process: Process,
    *,
    trigger: Trigger,
    scheduled_for: datetime | None = None,
    parameters: Mapping[str, Any] | None = None,
    queue: bool = True,
    waits: bool = False,
    **columns: Unpack[Columns],
) -> Execution:
    """Start a process that the transaction has locked; return its execution.

    The execution is `pending` and queued, or `skipped` with the reason. For an occurrence that has
    a row already, that row is returned.
    `parameters` override those of the process. A preview waits for nobody. `queue=False` leaves the
    message out: the caller claims the execution in the same transaction. `waits`: it waits where as
    many run as may at once, whatever the policy of the process is.

    Raises ParameterError where a person gave parameters that do not fit (those of a schedule are
    recorded instead), PreviewError for a preview of a function that offers none.
    """
    occurrence = scheduled_for if trigger == Trigger.SCHEDULE else None
    known = launching.row_of_occurrence(process, occurrence) if occurrence else None
    if known:
        return known
    execution = record_of(process, trigger=trigger, scheduled_for=scheduled_for, **columns)
    if occurrence:
        execution.available_at = max(execution.available_at, process.start_of(occurrence))
    if not _make_ready(execution, process, parameters or {}, waits=waits):
        return _record_skip(execution)
    if queue:
        messages.record(execution, time_limit=process.effective_time_limit)
    else:
        execution.save()
    return execution


def why_not_preview(process: Process) -> WhyNot | None:
    """Return why no preview of a process can be run; None if it can."""
    function = registry.find(process.function)
    if function is None:
        told = gettext("The function %(function)s is not in the code.")
        return WhyNot("function_gone", told % {"function": process.function})
    if not function.options.preview:
        told = gettext("%(function)s offers no preview.")
        return WhyNot("no_preview", told % {"function": function.key})
    return None


def record_of(
    process: Process,
    *,
    trigger: Trigger,
    scheduled_for: datetime | None,
    **columns: Unpack[Columns],
) -> Execution:
    """Return an execution of the process, not saved, that says who asked for it and why."""
    asked = columns.get("requested_by"), columns.get("requested_by_name", "")
    told = {
        "priority": process.priority,
        **columns,
        "requested_by_name": name_of(*asked),
        "note": storable(columns.get("note", ""), MAX_NOTE),
    }
    return Execution.of(process, trigger=trigger, scheduled_for=scheduled_for, **told)


def _make_ready(
    execution: Execution, process: Process, overrides: Mapping[str, Any], *, waits: bool
) -> bool:
    """Give the execution its parameters; False, with the reason, where it cannot start."""
    function = registry.find(process.function)
    if function is None:
        return _skip(execution, reasons.FUNCTION_GONE, {"function": process.function})
    if execution.is_preview and (refusal := why_not_preview(process)):
        raise PreviewError(refusal)
    try:
        if execution.kind != Kind.UNDO:  # An undoing takes change rows, and no parameters.
            execution.parameters = function.parameters.clean({**process.parameters, **overrides})
    except (ParameterError, TypeError) as error:
        if execution.trigger == Trigger.MANUAL and isinstance(error, ParameterError):
            raise
        return _skip(execution, reasons.PARAMETERS_REFUSED, {"error": str(error)})
    return waits or execution.is_preview or _find_room(execution, process)


def _find_room(execution: Execution, process: Process) -> bool:
    """Apply the process's policy where as many executions run, or are about to, as may at once."""
    if process.overlap_policy == OverlapPolicy.WAIT or launching.has_room(process):
        return True
    recovery.mark_lost(process)
    ahead = launching.ahead_of(process)
    too_many = ahead.count() - process.max_concurrency + 1
    if too_many > 0 and process.overlap_policy == OverlapPolicy.SKIP:
        return _skip(execution, reasons.STILL_RUNNING, {"execution": ahead[0].pk})
    for older in ahead[: max(too_many, 0)]:
        cancelling.cancel(older, by_name=process.title)
    return True


def _skip(execution: Execution, reason: str, data: dict[str, Any]) -> bool:
    execution.status, execution.reason, execution.reason_data = Status.SKIPPED, reason, data
    execution.completed_at = timezone.now()
    return False


def _record_skip(execution: Execution) -> Execution:
    """Save the skipped row, or let the process's newest row account for it too."""
    newest = extend_newest(execution)
    if newest is None:
        execution.save()
    logs.skipped(newest or execution, lambda: execution.reason_in_words)
    return newest or execution
