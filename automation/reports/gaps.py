"""gaps: which times of a process were missed since it last ran on time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from django.db.models import F, Min, Q, Sum
from django.utils import timezone

from automation.limits import ON_TIME
from automation.models import (
    Execution,
    ExecutionQuerySet,
    Process,
    ScheduleVersion,
    Span,
    Status,
    Trigger,
    hold_now,
    reasons,
)

#: How far back anybody looks for them by default.
LONGEST = timedelta(days=30)
#: Times of a process that was switched off are counted so far.
COUNTED = 1_000

_NOT_STARTED = {*reasons.LASTING, reasons.DISABLED} - {reasons.STILL_RUNNING}


class Gap(NamedTuple):
    """Times that nothing started, and for which nobody has decided yet."""

    times: int
    since: datetime


def begin_of_gap(process: Process) -> datetime:
    """When the process last ran on time; within LONGEST, and the life of the process."""
    earliest = max(process.created_at, timezone.now() - LONGEST)
    last = _of(process).filter(_on_time(process), scheduled_for__gt=earliest).order_by("-pk")
    ran = last.values_list("scheduled_for", flat=True).first()
    return ran + timedelta(minutes=1) if ran else earliest  # Rules know no seconds.


def gap_of(process: Process) -> Gap | None:
    """What was missed since it last ran on time, or somebody last chose; None for nothing.

    None too while it is off or held: then the gap goes on. In a constant number of statements.
    """
    rule = process.usable_rule
    if rule is None or hold_now(process):
        return None
    earliest = timezone.now() - LONGEST
    rows = _of(process).filter(created_at__gt=earliest)
    settled = rows.filter(_on_time(process) | Q(trigger=Trigger.BACKFILL)).order_by("-pk").first()
    unstarted = rows.filter(pk__gt=settled.pk if settled else 0, trigger=Trigger.SCHEDULE).filter(
        Q(status=Status.MISSED) | Q(status=Status.SKIPPED, reason__in=_NOT_STARTED)
    )
    found = unstarted.aggregate(count=Sum("occurrences"), since=Min("scheduled_for"))
    spans = _spans_without_rule(process, settled.created_at if settled else earliest)
    off = [at for span in spans for at in islice(rule.between(span.since, span.until), COUNTED)]
    instants = [at for at in (found["since"], *off[:1]) if at]
    return Gap((found["count"] or 0) + len(off), min(instants)) if instants else None


def _of(process: Process) -> ExecutionQuerySet:
    return Execution.objects.real().filter(process=process)


def _on_time(process: Process) -> Q:
    """It completed, and was no catching up: it was recorded when it was due, or tried again."""
    late = timedelta(seconds=ON_TIME + process.jitter)
    on_time = Q(trigger=Trigger.SCHEDULE, created_at__lte=F("scheduled_for") + late)
    return Q(status=Status.COMPLETED) & (on_time | Q(trigger=Trigger.RETRY))


def _spans_without_rule(process: Process, since: datetime) -> Iterator[Span]:
    """When nothing made it due: it was switched off. Versions begin with its first rule."""
    spans = ScheduleVersion.objects.spans_of(process, since, timezone.now())
    return (span for span in spans if span.version.schedule is None)
