"""Occurrences that nothing started: recorded as a row for each stretch that has one cause."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from automation.models import reasons
from automation.models.execution import Execution, Status, Trigger
from automation.models.process import Process


@dataclass(frozen=True)
class Cause:
    """Why an occurrence was not started: its row's status, reason and data."""

    status: Status
    reason: str
    data: dict[str, Any] = field(default_factory=dict)


def record_unstarted(process: Process, occurrences: Iterable[tuple[datetime, Cause]]) -> None:
    """Record those of the occurrences, in order, that have no row yet; each with its cause.

    In a constant number of statements, however many they are.
    """
    rows: list[Execution] = []
    known: list[tuple[datetime, datetime]] | None = None
    is_open = False
    for at, cause in occurrences:
        if known is None:
            known = _spans_since(process, at)
        if any(since <= at <= end for since, end in known):
            is_open = False
        elif is_open and _cause_of(rows[-1]) == cause:
            rows[-1].scheduled_until = at
            rows[-1].occurrences += 1
        else:
            rows.append(unstarted(process, at, cause))
            is_open = True
    if rows and extend_newest(rows[0]) is not None:
        del rows[0]
    Execution.objects.bulk_create(rows)


def unstarted(process: Process, at: datetime, cause: Cause) -> Execution:
    """The row of one occurrence, not saved."""
    return Execution(
        process=process,
        process_name=process.name,
        function=process.function,
        trigger=Trigger.SCHEDULE,
        status=cause.status,
        reason=cause.reason,
        reason_data=cause.data,
        scheduled_for=at,
        completed_at=timezone.now(),
    )


def extend_newest(row: Execution) -> Execution | None:
    """Let the newest row of the process account for this one too, if its cause goes on.

    Return that row, or None where it is another matter. Call it with the process locked.
    """
    if row.scheduled_for is None or row.reason not in reasons.LASTING:
        return None
    newest = Execution.objects.filter(process=row.process).order_by("-id").first()
    if newest is None or newest.trigger != Trigger.SCHEDULE or _cause_of(newest) != _cause_of(row):
        return None
    if (newest.scheduled_until or newest.scheduled_for or row.scheduled_for) >= row.scheduled_for:
        return None  # A clock was set back.
    Execution.objects.filter(pk=newest.pk).update(
        scheduled_until=row.scheduled_until or row.scheduled_for,
        occurrences=models.F("occurrences") + row.occurrences,
    )
    newest.refresh_from_db()
    return newest


def _cause_of(row: Execution) -> Cause:
    return Cause(Status(row.status), row.reason, row.reason_data)


def _spans_since(process: Process, first: datetime) -> list[tuple[datetime, datetime]]:
    """What has rows already, from an instant on."""
    until = Coalesce("scheduled_until", "scheduled_for")
    rows = Execution.objects.filter(process=process, trigger=Trigger.SCHEDULE)
    spans = (
        rows.annotate(until=until).filter(until__gte=first).values_list("scheduled_for", "until")
    )
    return [(since, end) for since, end in spans if since]
