"""Delete history that is old, a batch at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, Max, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone

from automation.models import (
    FAILED,
    FINAL,
    Execution,
    ExecutionQuerySet,
    Node,
    Notice,
    Pause,
    Process,
    Status,
    Trigger,
    locking,
)

#: Executions that are deleted in one transaction, with the log lines of each.
BATCH = 200

#: A function that is told how many processes are done, of how many, and which is next.
Progress = Callable[[int, int, str], None]


def prune(*, keep_days: int, keep_runs: int, on_progress: Progress) -> dict[str, int]:
    """Delete what is older than so many days, or not among the newest so many of its process.

    A process may set other numbers. Returns how many rows of each kind were deleted.
    """
    processes: list[Process | None] = [*Process.objects.order_by("pk"), None]
    executions, longest = 0, keep_days
    for number, process in enumerate(processes):
        on_progress(number, len(processes), process.title if process else "")
        days = (process and process.keep_days) or keep_days
        runs = (process and process.keep_runs) or keep_runs
        executions += _prune_executions(process, _days_ago(days), runs)
        longest = max(longest, days)
    on_progress(len(processes), len(processes), "")
    return {
        "executions": executions,
        "notices": _prune_notices(_days_ago(keep_days)),
        "nodes": _prune_nodes(_days_ago(longest)),
        "pauses": _prune_pauses(_days_ago(longest)),
    }


def _days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def _prune_executions(process: Process | None, before: datetime, runs: int) -> int:
    rows = _prunable(process, before, runs)
    deleted = 0
    while count := _prune_batch(process, rows):
        deleted += count
    return deleted


def _prunable(process: Process | None, before: datetime, runs: int) -> ExecutionQuerySet:
    """Return what ended before, or is not among the newest; never the last success or failure."""
    rows = Execution.objects.filter(process=process)
    newest = rows.order_by("-pk").values_list("pk", flat=True)
    too_many = models.Q(pk__lte=next(iter(newest[runs : runs + 1]), 0))
    # A shared row is as old as the last occurrence that it accounts for.
    old = models.Q(completed_at__lt=before) & (
        models.Q(scheduled_until=None) | models.Q(scheduled_until__lt=before)
    )
    last = [
        pk for ends in ([Status.COMPLETED], FAILED) for pk in newest.filter(status__in=ends)[:1]
    ]
    return rows.filter(too_many | old, status__in=FINAL).exclude(
        models.Q(pk__in=last) | _is_needed()
    )


def _is_needed() -> models.Q:
    """The condition of an execution that a row of another app keeps from being deleted."""
    needed = models.Q(pk__in=[])
    for relation in Execution._meta.related_objects:
        kept = relation.on_delete in {models.PROTECT, models.RESTRICT}
        bare = relation.on_delete is models.DO_NOTHING and getattr(
            relation.field, "db_constraint", False
        )
        if kept or bare:
            rows = relation.related_model._base_manager.filter(
                **{relation.field.name: OuterRef("pk")}
            )
            needed |= models.Q(Exists(rows))
    return needed


@transaction.atomic
def _prune_batch(process: Process | None, rows: ExecutionQuerySet) -> int:
    """Delete a batch of the oldest; note that the proof of the ledger begins after these."""
    # Locked, so that no row is extended to more occurrences meanwhile.
    locked = locking.lock(process.pk) if process else None
    numbers = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    batch = Execution.objects.filter(pk__in=numbers)
    end = batch.filter(trigger=Trigger.SCHEDULE).aggregate(
        at=Max(Coalesce("scheduled_until", "scheduled_for"))
    )["at"]
    begun = locked.history_begins_at if locked else None
    if locked and end and (begun is None or end > begun):
        Process.objects.filter(pk=locked.pk).update(history_begins_at=end)
    batch.delete()
    return len(numbers)


def _prune_notices(before: datetime) -> int:
    """Delete notices that were sent or given up, but for the newest of each process.

    The newest one says what a process's recovery is from.
    """
    newer = Notice.objects.filter(process=OuterRef("process"), pk__gt=OuterRef("pk"))
    done = models.Q(sent_at__lt=before) | models.Q(given_up_at__lt=before)
    return _delete(Notice.objects.filter(done, Exists(newer)))


def _prune_nodes(before: datetime) -> int:
    """Delete nodes that were not seen since, but for the newest of them.

    With that one begins the time in which no node was there.
    """
    old = Node.objects.filter(seen_at__lt=before)
    newest = old.order_by("-seen_at").values_list("pk", flat=True).first()
    return _delete(old.exclude(pk=newest or 0))


def _prune_pauses(before: datetime) -> int:
    """Delete pauses that ended before, but for the newest of each process.

    Failures are counted since the end of that one.
    """
    newest = Pause.objects.of_spans().order_by().values("process").annotate(last=Max("pk"))
    return _delete(Pause.objects.filter(until__lt=before).exclude(pk__in=newest.values("last")))


def _delete(rows: models.QuerySet[Any]) -> int:
    """Delete rows in batches; return how many, without rows that go with them."""
    deleted = 0
    while numbers := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        rows.filter(pk__in=numbers).delete()
        deleted += len(numbers)
    return deleted
