"""The life of an execution: its statuses, and the guarded changes from one to another."""

from typing import Any, Self, TypeVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

M = TypeVar("M", bound=models.Model)


class Status(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    TIMED_OUT = "timed_out", _("timed out")
    CANCELLED = "cancelled", _("cancelled")
    LOST = "lost", _("lost")
    SKIPPED = "skipped", _("skipped")
    MISSED = "missed", _("missed")


class Trigger(models.TextChoices):
    SCHEDULE = "schedule", _("schedule")
    MANUAL = "manual", _("by hand")
    RETRY = "retry", _("retry")
    BACKFILL = "backfill", _("backfill")


class Kind(models.TextChoices):
    RUN = "run", _("run")
    PREVIEW = "preview", _("preview")
    UNDO = "undo", _("undo")


#: The life of an execution: for each status, the statuses it may be entered from; None: a new row.
ENTERED_FROM: dict[Status, set[Status | None]] = {
    Status.PENDING: {None, Status.RUNNING},
    Status.RUNNING: {Status.PENDING},
    Status.COMPLETED: {Status.RUNNING},
    Status.FAILED: {Status.RUNNING, Status.PENDING},
    Status.TIMED_OUT: {Status.RUNNING},
    Status.CANCELLED: {Status.PENDING, Status.RUNNING},
    Status.LOST: {Status.RUNNING},
    Status.SKIPPED: {None, Status.PENDING},
    Status.MISSED: {None},
}

#: Statuses that are never left.
FINAL = set(Status) - {status for sources in ENTERED_FROM.values() for status in sources if status}

#: Statuses of an execution that waits or runs.
OPEN = set(Status) - FINAL

#: Statuses of an execution that was begun and failed: its process may have it tried again.
FAILED = {Status.FAILED, Status.TIMED_OUT, Status.LOST}

#: Final statuses of executions that did not start, or may not have.
WITHOUT_START = {Status.SKIPPED, Status.MISSED, Status.CANCELLED}

#: Statuses of an undoing that has undone something, or still may.
MAY_HAVE_UNDONE = [*sorted(OPEN), Status.COMPLETED]


class LifeQuerySet(models.QuerySet[M]):
    """Executions, with the changes of their status that the table allows."""

    def cancel(self, reason: str, **columns: Any) -> int:
        return self._enter(Status.CANCELLED, reason=reason, **columns)

    def skip(self, reason: str, **data: Any) -> int:
        return self._enter(Status.SKIPPED, reason=reason, reason_data=data)

    def lose(self, reason: str, **data: Any) -> int:
        return self._enter(Status.LOST, reason=reason, reason_data=data)

    def _enter(self, status: Status, **changes: Any) -> int:
        """Move the rows that may enter `status`; return how many did.

        Condition and change are one UPDATE: of two that race for a row exactly one gets it.
        """
        if status in FINAL:
            changes["completed_at"] = timezone.now()
        rows, columns = self.entering(status, **changes)
        return rows.update(**columns)

    def entering(self, status: Status, **changes: Any) -> tuple[Self, dict[str, Any]]:
        """Return the rows that may enter `status`, and the columns that they then get."""
        if status in FINAL:
            changes |= {"slot": None, "group_slot": None, "lease_until": None}
        sources = [source for source in ENTERED_FROM[status] if source]
        return self.filter(status__in=sources), {"status": status, **changes}
