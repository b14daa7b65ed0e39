"""The state of a process, in the terms of monitoring."""

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from automation.models import (
    FAILED,
    Execution,
    Kind,
    Process,
    ProcessQuerySet,
    ScheduleVersion,
    Status,
    Trigger,
    is_held,
    reasons,
)
from automation.queue import schedules

#: How late a start may be, jitter apart, before the process is called late.
GRACE = timedelta(seconds=60)

_WENT_WRONG = {*FAILED, Status.MISSED}


class State(models.TextChoices):
    """The state of a process.

    Where several apply, the first of these counts: OFF, PAUSED, BROKEN, DOWN, LATE, NEW, UP.
    """

    NEW = "new", _("new")
    UP = "up", _("up")
    LATE = "late", _("late")
    DOWN = "down", _("down")
    BROKEN = "broken", _("broken")
    PAUSED = "paused", _("paused")
    OFF = "off", _("off")


def with_state(processes: ProcessQuerySet) -> models.QuerySet[Any]:
    """Give each process its `state`, and as `newest_end` the execution that it follows from.

    `newest_end`: the last run that ended and is not tried again, or the occurrence that was missed
    since; None for none. `newest_status`: its status.
    """
    ends = _ends().order_by("-pk")
    state = Case(
        When(is_enabled=False, then=Value(State.OFF)),
        When(is_held(), then=Value(State.PAUSED)),
        When(rule_kind="unreadable", then=Value(State.BROKEN)),
        When(newest_status__in=_WENT_WRONG, then=Value(State.DOWN)),
        When(Exists(_waiting()) | Exists(_due()), then=Value(State.LATE)),
        When(newest_status=None, then=Value(State.NEW)),
        default=Value(State.UP),
        output_field=models.CharField(),
    )
    annotated: models.QuerySet[Any] = processes.annotate(
        newest_end=Subquery(ends.values("pk")[:1]),
        newest_status=Subquery(ends.values("status")[:1]),
        rule_kind=Subquery(_kind_of_rule()),
        state=state,
    )
    return annotated


def state_of(process: Process) -> State | None:
    """Return the state of a process; None where it was deleted."""
    states = with_state(Process.objects.filter(pk=process.pk)).values_list("state", flat=True)
    return next((State(state) for state in states), None)


def _kind_of_rule() -> models.QuerySet[Any]:
    """The kind of the newest version of a process's schedule, such as one that cannot be read."""
    versions = ScheduleVersion.objects.filter(process=OuterRef("pk")).order_by("-id")
    return versions.values(kind=KeyTextTransform("kind", "schedule"))[:1]


def _ends() -> models.QuerySet[Execution]:
    ended = Q(status__in={*FAILED, Status.COMPLETED})
    later = Execution.objects.filter(process=OuterRef("process"), pk__gt=OuterRef("pk"))
    is_newest = ~Exists(later.filter(trigger=Trigger.SCHEDULE))
    missed = Q(status=Status.MISSED, reason=reasons.NOTHING_RUNNING) & Q(is_newest)
    retries = Execution.objects.filter(retry_of=OuterRef("pk"))
    rows = Execution.objects.filter(process=OuterRef("pk"), kind=Kind.RUN)
    return rows.filter(ended | missed).exclude(Exists(retries))


def _waiting() -> models.QuerySet[Execution]:
    """Occurrences that are queued and that no worker has taken in time."""
    rows = Execution.objects.filter(process=OuterRef("pk"), trigger=Trigger.SCHEDULE)
    return rows.filter(status=Status.PENDING, available_at__lte=timezone.now() - GRACE)


def _due() -> Any:
    """Schedule rows whose occurrence was not queued in time."""
    seconds = Cast(OuterRef("jitter"), models.IntegerField())
    jitter = models.ExpressionWrapper(
        seconds * Value(timedelta(seconds=1)), output_field=models.DurationField()
    )
    latest = Value(timezone.now() - GRACE, models.DateTimeField()) - jitter
    due_by = models.ExpressionWrapper(latest, output_field=models.DateTimeField())
    return schedules.of_outer_process().filter(next_run__lte=due_by)
