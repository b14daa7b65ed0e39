"""What a start looks up first, by compiled statements."""

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from automation.database import statements
from automation.database.statements import Placeholder
from automation.models.execution import Execution, ExecutionQuerySet
from automation.models.execution_life import Status, Trigger
from automation.models.process import Process

#: Up to this limit executions are counted by fetching them.
FEW = 10

_ID, _TIME = models.BigAutoField(), models.DateTimeField()


def row_of_occurrence(process: Process, scheduled_for: datetime) -> Execution | None:
    """Return the row that accounts for an occurrence, alone or among several."""
    return next(iter(_rows_of_occurrence(process=process.pk, at=scheduled_for)), None)


@statements.select(())
def _rows_of_occurrence() -> ExecutionQuerySet:
    process, at = Placeholder("process", _ID), Placeholder("at", _TIME)
    rows = Execution.objects.filter(process=process, trigger=Trigger.SCHEDULE)
    reaching = models.Q(scheduled_for=at) | models.Q(scheduled_until__gte=at)
    return rows.filter(reaching, scheduled_for__lte=at).order_by("-pk")[:1]


def has_room(process: Process) -> bool:
    """Whether a start finds fewer executions ahead of it than may go on at once."""
    limit = process.max_concurrency
    if limit > FEW:
        return ahead_of(process).count() < limit
    values = {"process": process.pk, "priority": process.priority, "now": timezone.now()}
    return len(_first_ahead(limit, **values)) < limit


def ahead_of(process: Process) -> ExecutionQuerySet:
    """Executions that a start has to wait for; backfills and their retries are not among them."""
    return _ahead(process.pk, process.priority, timezone.now())


@statements.select((1,))
def _first_ahead(count: int) -> "models.QuerySet[Any, Any]":
    process, priority = (
        Placeholder("process", _ID),
        Placeholder("priority", models.SmallIntegerField()),
    )
    return _ahead(process, priority, Placeholder("now", _TIME)).values_list("pk")[:count]


def _ahead(process: Any, priority: Any, now: Any) -> ExecutionQuerySet:
    waiting = models.Q(status=Status.PENDING, available_at__lte=now)
    retries = models.Q(trigger=Trigger.RETRY, priority__lt=priority)
    rows = Execution.objects.real().filter(waiting | models.Q(status=Status.RUNNING))
    yielding = models.Q(trigger=Trigger.BACKFILL) | retries
    return rows.filter(process=process).exclude(yielding).order_by("id")
