"""Try an ended execution again, as its process says or because a person asks for it."""

import random
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from automation import logs, registry
from automation.models import (
    OPEN,
    Execution,
    Kind,
    Process,
    Status,
    Trigger,
    locking,
    name_of,
    reasons,
)
from automation.queue import messages
from automation.why_not import RefusedError, WhyNot


class RetryError(RefusedError):
    """The execution cannot be tried again; the text says why."""


@transaction.atomic
def retry(execution: Execution, **who: Any) -> Execution:
    """Try an ended execution again, with the parameters it had; return the new one.

    `who`: `requested_by` and `requested_by_name`. Raises RetryError where that cannot be.
    """
    process = locking.lock(execution.process_id)
    execution.refresh_from_db()
    refusal = why_not_retry(execution)
    if process is None or refusal:
        raise RetryError(refusal or process_deleted())
    user = who.get("requested_by")
    name = name_of(user, who.pop("requested_by_name", ""))
    return again(
        execution,
        process,
        attempt=execution.attempt if execution.never_began else execution.attempt + 1,
        delay=timedelta(0),
        requested_by_name=name,
        **who,
    )


def why_not_retry(execution: Execution) -> WhyNot | None:
    """Return why an execution cannot be tried again; None if it can."""
    if not execution.is_final:
        return WhyNot("not_ended", _("It has not ended yet."))
    if execution.kind != Kind.RUN:
        return WhyNot("no_run", _("Only runs are tried again, not previews or undoings."))
    if execution.process_id is None:
        return process_deleted()
    if execution.status == Status.COMPLETED:
        return WhyNot("completed", _("It completed: run the process again instead."))
    if (
        execution.status == Status.MISSED
        or execution.occurrences > 1
        or _has_no_parameters(execution)
    ):
        return WhyNot("never_began", _("It never began: run the process instead."))
    if registry.find(execution.function) is None:
        told = _("The function %(function)s is not in the code.")
        return WhyNot("function_gone", told % {"function": execution.function})
    waiting = execution.retries.filter(status__in=OPEN).first()
    if waiting is not None:
        told = _("It is tried again already: %(retry)s.")
        return WhyNot("retried_already", told % {"retry": waiting})
    return None


def process_deleted() -> WhyNot:
    """Return why nothing can be started for an execution whose process was deleted."""
    return WhyNot("process_deleted", _("Its process was deleted."))


def _has_no_parameters(execution: Execution) -> bool:
    """Whether an execution was skipped before it got parameters."""
    without = {reasons.FUNCTION_GONE, reasons.PARAMETERS_REFUSED}
    return execution.status == Status.SKIPPED and execution.reason in without


def try_again(execution: Execution, status: Status, reason: str) -> bool:
    """Queue another attempt of a failed run; return whether that was done.

    It is where the process says so, or where only the node was stopped.
    """
    process = Process.objects.filter(pk=execution.process_id or 0).first()
    if process is None:
        return False
    if status == Status.LOST and reason == reasons.NODE_STOPPED:
        if process.is_atomic:  # Nothing of it was kept: it is as if it had not begun.
            again(execution, process, attempt=execution.attempt, delay=timedelta(0))
        return process.is_atomic
    if not process.is_enabled or execution.attempt > process.max_retries:
        return False
    delay = delay_of(process, execution.attempt)
    again(execution, process, attempt=execution.attempt + 1, delay=delay)
    return True


def delay_of(process: Process, attempt: int) -> timedelta:
    """Return how long after the end of this attempt (from 1) the next one may start.

    It is the delay of the process's policy, and a random part of the jitter (a percentage) on top.
    """
    seconds = process.delay_before(attempt)
    return timedelta(seconds=seconds * (1 + random.random() * process.retry_jitter / 100))  # noqa: S311


def again(
    execution: Execution, process: Process, *, attempt: int, delay: timedelta, **columns: Any
) -> Execution:
    """Queue another attempt of an execution, with the same parameters, for after `delay`."""
    retry = Execution.of(
        process,
        function=execution.function,
        trigger=Trigger.RETRY,
        retry_of=execution,
        attempt=attempt,
        # A retry of a backfill still comes after the others.
        priority=min(process.priority, execution.priority),
        scheduled_for=execution.scheduled_for,
        available_at=timezone.now() + delay,
        parameters=execution.parameters,
        **{"note": execution.note, **columns},
    )
    with transaction.atomic():
        messages.record(retry, time_limit=process.effective_time_limit)
        logs.retried(retry, attempt, execution, retry.available_at)
    return retry
