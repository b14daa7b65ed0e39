"""The newest executions of processes, as a list of processes shows them."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db import models
from django.db.models.functions import Coalesce

from automation.models import Execution, Process, ProcessQuerySet


def with_last_status(processes: ProcessQuerySet) -> ProcessQuerySet:
    """Give each process the status of its newest execution as `last_status`; None for none."""
    newest = Execution.objects.real().filter(process=models.OuterRef("pk")).order_by("-pk")
    return processes.annotate(last_status=models.Subquery(newest.values("status")[:1]))


class LastRun(NamedTuple):
    """The columns of an execution that a list of processes shows."""

    process_id: int
    pk: int
    status: str
    created_at: datetime
    after_commit: str


def last_runs(processes: Collection[int], count: int) -> dict[int, list[LastRun]]:
    """Return the newest executions of each process (by id), oldest first, previews left out.

    In two statements that read no more than these rows, however long the history is.
    """
    real = Execution.objects.real().filter(process=models.OuterRef("pk")).order_by("-pk")
    since = models.Subquery(real.values("pk")[count - 1 : count])
    starts = Process.objects.filter(pk__in=processes).values_list("pk", Coalesce(since, 0))
    wanted = models.Q(pk__in=[])
    for process_id, start in starts.order_by("pk"):
        wanted |= models.Q(process=process_id, pk__gte=start)
    runs: dict[int, list[LastRun]] = {}
    rows = Execution.objects.real().filter(wanted).order_by("pk")
    for row in rows.values_list(*LastRun._fields):
        run = LastRun(*row)
        runs.setdefault(run.process_id, []).append(run)
    return runs
