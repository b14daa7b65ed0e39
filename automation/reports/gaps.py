"""Gaps: the times of a process that were missed since it last ran on time."""

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

#: How far back gaps are looked for by default.
LONGEST = timedelta(days=30)
#: Up to how many times are counted while a process was switched off.
COUNTED = 1_000

_NOT_STARTED = {*reasons.LASTING, reasons.DISABLED} - {reasons.STILL_RUNNING}


class Gap(NamedTuple):
    """Times that nothing started, and about which nobody has decided yet."""

    times: int
    since: datetime


def begin_of_gap(process: Process) -> datetime:
    """Return when the process last ran on time, within LONGEST and the life of the process."""
    earliest = max(process.created_at, timezone.now() - LONGEST)
    last = _of(process).filter(_on_time(process), scheduled_for__gt=earliest).order_by("-pk")
    ran = last.values_list("scheduled_for", flat=True).first()
    return ran + timedelta(minutes=1) if ran else earliest  # Rules are due at whole minutes.


def gap_of(process: Process) -> Gap | None:
    """Return what was missed since the process last ran on time, or since somebody last decided.

    None where nothing was, and while the process is off or held: the gap goes on then. In a
    constant number of statements.
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
    """The condition of an execution that completed and caught nothing up.

    It was recorded when it was due, or it is a retry.
    """
    late = timedelta(seconds=ON_TIME + process.jitter)
    on_time = Q(trigger=Trigger.SCHEDULE, created_at__lte=F("scheduled_for") + late)
    return Q(status=Status.COMPLETED) & (on_time | Q(trigger=Trigger.RETRY))


def _spans_without_rule(process: Process, since: datetime) -> Iterator[Span]:
    """Yield the spans in which nothing made the process due, as it was switched off.

    Versions begin with the first rule of a process.
    """
    spans = ScheduleVersion.objects.spans_of(process, since, timezone.now())
    return (span for span in spans if span.version.schedule is None)
