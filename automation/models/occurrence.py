"""The columns of an execution that say for which occurrences of its schedule it stands."""

from datetime import datetime
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from automation.models.execution_life import LifeQuerySet, Trigger
from automation.models.process import Process

M = TypeVar("M", bound=models.Model)


class OccurrenceQuerySet(LifeQuerySet[M]):
    def covering(self, process: Process, since: datetime) -> Self:
        """Rows that account for occurrences of a process from `since` on, in their order."""
        rows = self.filter(process=process, trigger=Trigger.SCHEDULE, scheduled_for__isnull=False)
        before = rows.filter(scheduled_for__lte=since).order_by("-scheduled_for")
        first = Coalesce(models.Subquery(before.values("scheduled_for")[:1]), since)
        return rows.filter(scheduled_for__gte=first).order_by("scheduled_for", "id")

    def accounted_until(self, process: Process) -> datetime | None:
        """The last instant that a row of the process accounts for."""
        ends = self.filter(process=process).ends_of_occurrences()
        at: datetime | None = ends.values_list("end", flat=True).first()
        return at

    def ends_of_occurrences(self) -> "models.QuerySet[Any, Any]":
        """Rows that account for occurrences, each with the last one as `end`; the newest first."""
        rows = self.filter(trigger=Trigger.SCHEDULE, scheduled_for__isnull=False)
        ends = rows.annotate(end=Coalesce("scheduled_until", "scheduled_for"))
        return ends.order_by("-scheduled_for")


class Occurrences(models.Model):
    scheduled_for = models.DateTimeField(_("due"), null=True)
    scheduled_until = models.DateTimeField(_("due until"), null=True)
    occurrences = models.PositiveIntegerField(_("occurrences"), default=1)

    class Meta:
        abstract = True
