"""Record occurrences that were not started: one row for each stretch with one cause."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import models
from django.utils import timezone

from automation import logs
from automation.models import reasons
from automation.models.execution import Execution
from automation.models.execution_life import Status, Trigger
from automation.models.node import Silence
from automation.models.process import Process
from automation.models.schedule_version import ScheduleVersion


@dataclass(frozen=True)
class Cause:
    """Why an occurrence was not started: its row's status, reason and data."""

    status: Status
    reason: str
    data: dict[str, Any] = field(default_factory=dict)


def outage_at(at: datetime, silences: Iterable[Silence]) -> Cause | None:
    """Return the cause of an occurrence that was missed as no node was there; else None."""
    silence = next((one for one in silences if at in one), None)
    return Cause(Status.MISSED, reasons.NOTHING_RUNNING, silence.data) if silence else None


def nothing_running(at: datetime, silences: Iterable[Silence]) -> Cause:
    """Return why an occurrence was missed: no node was there, or, if unknown, none in time."""
    return outage_at(at, silences) or Cause(Status.MISSED, reasons.NOTHING_RUNNING)


def record_unstarted(
    process: Process, occurrences: Iterable[tuple[datetime, Cause | None]]
) -> None:
    """Record the occurrences that have no row yet, each with its cause.

    They come in order and without a gap. One with the cause None is not recorded, and no row
    reaches across it. In a constant number of statements, however many they are.
    """
    rows: list[Execution] = []
    is_known: Callable[[datetime], bool] | None = None
    is_open = False
    for at, cause in occurrences:
        if cause is None:
            is_open = False
            continue
        is_known = is_known or _known_from(process, at)
        if is_known(at):
            is_open = False
        elif is_open and _cause_of(rows[-1]) == cause:
            rows[-1].scheduled_until = at
            rows[-1].occurrences += 1
        else:
            rows.append(unstarted(process, at, cause))
            is_open = True
    for row in rows:
        logs.not_started(
            row.process_name,
            row.status,
            row.scheduled_for,
            row.scheduled_until,
            row.occurrences,
            partial(reasons.in_words, row.reason, row.reason_data),
        )
    if rows and extend_newest(rows[0]) is not None:
        del rows[0]
    if rows:
        Execution.objects.bulk_create(rows)


def unstarted(process: Process, at: datetime, cause: Cause) -> Execution:
    """Return the row of one occurrence, not saved."""
    return Execution.of(
        process,
        trigger=Trigger.SCHEDULE,
        status=cause.status,
        reason=cause.reason,
        reason_data=cause.data,
        scheduled_for=at,
        completed_at=timezone.now(),
    )


def extend_newest(row: Execution) -> Execution | None:
    """Let the process's newest row account for this one too, if its cause lasts; return that row.

    None where it has another cause. Call it with the process locked.
    """
    if row.process is None or row.scheduled_for is None or row.reason not in reasons.LASTING:
        return None
    newest = Execution.objects.filter(process=row.process).order_by("-id").first()
    if newest is None or newest.trigger != Trigger.SCHEDULE or _cause_of(newest) != _cause_of(row):
        return None
    if (newest.scheduled_until or newest.scheduled_for or row.scheduled_for) >= row.scheduled_for:
        return None  # A clock was set back.
    if _is_due_between(row.process, newest.scheduled_until or newest.scheduled_for, row):
        return None
    Execution.objects.filter(pk=newest.pk).update(
        scheduled_until=row.scheduled_until or row.scheduled_for,
        occurrences=models.F("occurrences") + row.occurrences,
    )
    newest.refresh_from_db()
    return newest


def _cause_of(row: Execution) -> Cause:
    return Cause(Status(row.status), row.reason, row.reason_data)


def _is_due_between(process: Process, end: datetime | None, row: Execution) -> bool:
    """Whether another occurrence, with a row of its own or none yet, lies before the row."""
    if end is None or row.scheduled_for is None:
        return False
    until = row.scheduled_for
    return next(ScheduleVersion.objects.due(process, end, until), until) < until


def _known_from(process: Process, first: datetime) -> Callable[[datetime], bool]:
    """Return a function that says of an instant whether it has a row.

    It has to be asked in order, from `first` on.
    """
    rows = Execution.objects.covering(process, first)
    spans = rows.values_list("scheduled_for", "scheduled_until").iterator()
    span: tuple[Any, Any] | None = next(spans, None)

    def is_known(at: datetime) -> bool:
        nonlocal span
        while span and (span[1] or span[0]) < at:
            span = next(spans, None)
        return bool(span and span[0] <= at)

    return is_known
