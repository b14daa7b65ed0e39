"""end: write how an execution ended, with all that follows from it, in one transaction."""

import random
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from automation import logs
from automation.engine.end import notices, pausing
from automation.models import Execution, Kind, Process, Status, Trigger, claiming, reasons
from automation.queue import messages

#: The ends after which a process's policy may try again.
RETRIED = pausing.FAILURES


class ClaimLostError(Exception):
    """The execution was given up for lost meanwhile: nothing of this run may be kept."""


def end(
    execution: Execution,
    status: Status,
    *,
    token: UUID,
    is_followed: bool = False,
    **columns: Any,
) -> None:
    """End a running execution that is held with `token`; call it in a transaction.

    `is_followed`: whether it works again is known only after what follows the commit.
    Raises ClaimLostError where the claim is gone.
    """
    if not claiming.finish(execution.pk, status, token=token, **columns):
        raise ClaimLostError
    messages.delete([execution.message])
    if status in RETRIED:
        _follow_policy(execution, status, columns.get("reason", ""))
    elif status == Status.COMPLETED and not is_followed:
        notices.after_success(execution)


def lose(executions: Iterable[Execution], reason: str) -> int:
    """End running executions whose workers are gone; return how many. Call it in a transaction."""
    lost = 0
    for execution in executions:
        if Execution.objects.filter(pk=execution.pk, token=execution.token).lose(reason):
            messages.delete([execution.message])
            logs.lost(execution, partial(reasons.in_words, reason, {}))
            _follow_policy(execution, Status.LOST, reason)
            lost += 1
    return lost


def _follow_policy(execution: Execution, status: Status, reason: str) -> None:
    """Put it in line again where its process says so, or where only its node was stopped.

    Where no further attempt comes, people are told, and it may pause.
    """
    if execution.kind == Kind.RUN and not _try_again(execution, status, reason):
        pausing.pause_after_failures(execution)
        notices.after_failure(execution, status)


def _try_again(execution: Execution, status: Status, reason: str) -> bool:
    process = Process.objects.filter(pk=execution.process_id or 0).first()
    if process is None:
        return False
    if status == Status.LOST and reason == reasons.NODE_STOPPED:
        if process.is_atomic:  # Nothing of it stayed: it is as if it had not begun.
            again(execution, process, attempt=execution.attempt, delay=timedelta(0))
        return process.is_atomic
    if not process.is_enabled or execution.attempt > process.max_retries:
        return False
    delay = delay_of(process, execution.attempt)
    again(execution, process, attempt=execution.attempt + 1, delay=delay)
    return True


def delay_of(process: Process, attempt: int) -> timedelta:
    """How long after the end of this attempt (from 1) the next may start.

    That of its policy, and a random part of the jitter's percentage on top.
    """
    seconds = process.delay_before(attempt)
    return timedelta(seconds=seconds * (1 + random.random() * process.retry_jitter / 100))  # noqa: S311


def again(
    execution: Execution, process: Process, *, attempt: int, delay: timedelta, **columns: Any
) -> Execution:
    """Queue another attempt of an execution, with the same parameters, for after `delay`."""
    retry = Execution(
        process=process,
        process_name=process.name,
        process_label=process.label,
        function=execution.function,
        trigger=Trigger.RETRY,
        retry_of=execution,
        attempt=attempt,
        priority=min(process.priority, execution.priority),  # A backfill goes on giving way.
        scheduled_for=execution.scheduled_for,
        available_at=timezone.now() + delay,
        parameters=execution.parameters,
        **{"note": execution.note, **columns},
    )
    with transaction.atomic():
        messages.record(retry, time_limit=process.effective_time_limit)
        logs.retried(retry, attempt, execution, retry.available_at)
    return retry
