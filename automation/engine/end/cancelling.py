"""Cancel executions that wait or run."""

from contextlib import suppress
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import OperationalError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from automation import logs
from automation.database import locks
from automation.database.listen import CANCEL, notify
from automation.engine.end import cancel_requests
from automation.engine.end.cancel_requests import ask
from automation.models import OPEN, Execution, ExecutionQuerySet, Status, locking, name_of, reasons
from automation.queue import messages
from automation.why_not import RefusedError, WhyNot


class CancelError(RefusedError):
    """The execution cannot be cancelled any more; the text says why."""


#: Seconds that cancelling waits on SQLite for a writer, before the request is written to a file.
LONGEST_WAIT = 0.3


def cancel(
    execution: Execution, *, by: AbstractBaseUser | None = None, by_name: str = ""
) -> Execution:
    """Stop an execution: one that waits at once, one that runs within seconds.

    Its worker is interrupted by an exception, and killed 3 s later if that did not end it. Returns
    it as it stands now. Raises CancelError for one that has ended. On SQLite, where an atomic run
    lets nobody write, the request lies beside the database for whoever runs it.
    """
    name = name_of(by, by_name)
    who = {
        "cancel_requested_at": Now(),
        "cancel_requested_by": by and by.pk,
        "cancel_requested_by_name": name,
    }
    try:
        with locks.waiting_at_most(LONGEST_WAIT):
            return _cancel(execution, who)
    except OperationalError as error:
        if not locks.is_locked(error) or not ask(
            execution.pk, by=by.pk if by else None, by_name=name
        ):
            raise
    execution.refresh_from_db()
    execution.cancel_requested_at, execution.cancel_requested_by_name = timezone.now(), name
    return execution


def carry_out(execution_id: int) -> None:
    """Cancel the execution for which there is a request in a file, now that it can be stored."""
    execution = Execution.objects.filter(pk=execution_id).first()
    who = cancel_requests.who_asked(execution) if execution else {}
    if execution is not None and not execution.is_final and who:
        with suppress(CancelError):
            _cancel(execution, who)
    if execution is None or not who or execution.status != Status.RUNNING:
        cancel_requests.forget(execution_id)


@transaction.atomic
def _cancel(execution: Execution, who: dict[str, Any]) -> Execution:
    running = Execution.objects.filter(pk=execution.pk, status=Status.RUNNING)
    # Without locking the process: the run that is to end may itself have locked its row.
    if execution.status != Status.RUNNING or not running.update(**who):
        _cancel_by_the_gate(execution, who)
    notify(CANCEL)
    execution.refresh_from_db()
    return execution


def _cancel_by_the_gate(execution: Execution, who: dict[str, Any]) -> None:
    locking.lock(execution.process_id)
    rows = Execution.objects.filter(pk=execution.pk)
    name = who["cancel_requested_by_name"]
    if rows.filter(status=Status.PENDING).cancel(reasons.CANCELLED, **who):
        messages.delete([execution.message])
        logs.cancelled_before_start(execution, name)
    elif not rows.filter(status=Status.RUNNING).update(**who):
        execution.refresh_from_db()
        raise CancelError(_ended_already(execution))


def why_not_cancel(execution: Execution) -> WhyNot | None:
    """Return why an execution cannot be cancelled any more; None if it can."""
    return _ended_already(execution) if execution.is_final else None


def _ended_already(execution: Execution) -> WhyNot:
    told = _("%(execution)s has ended already: %(status)s.")
    status = execution.get_status_display()
    return WhyNot("ended_already", told % {"execution": execution.title, "status": status})


def cancel_each(
    executions: ExecutionQuerySet, *, by: AbstractBaseUser | None = None, by_name: str = ""
) -> int:
    """Stop all of the executions that have not ended; return how many.

    Running ones come first: they may have locked the process of another. One whose process stays
    locked is passed over. Raises OperationalError for it where none could be stopped.
    """
    cancelled, locked = 0, dict[int | None, OperationalError]()
    open_ones = executions.filter(status__in=OPEN)
    for execution in sorted(open_ones, key=lambda one: (one.status != Status.RUNNING, one.pk)):
        if execution.process_id in locked:
            continue
        try:
            cancel(execution, by=by, by_name=by_name)
        except CancelError:  # It ended meanwhile.
            continue
        except OperationalError as error:
            if not locks.is_locked_row(error):
                raise
            locked[execution.process_id] = error
        else:
            cancelled += 1
    if locked and not cancelled:
        raise next(iter(locked.values()))
    return cancelled
