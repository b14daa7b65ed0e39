"""ScheduleVersion: which rule was in force for a process, and from when on."""

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from automation.database import statements
from automation.database.statements import Placeholder
from automation.models.asked import name_of
from automation.models.process import Process
from automation.schedule import Rule, ScheduleError, Unreadable, schedule_from_json


class Span(NamedTuple):
    """The part of a span in which one version was in force: after `since`, not after `until`."""

    version: "ScheduleVersion"
    since: datetime
    until: datetime

    def due(self) -> Iterator[datetime]:
        rule = self.version.rule
        return rule.between(self.since, self.until) if rule else iter(())


class ScheduleVersionQuerySet(models.QuerySet["ScheduleVersion"]):
    def in_force_at(self, process: Process, at: datetime) -> "ScheduleVersion | None":
        """Return the version by which an instant was due, or was not.

        A version holds after its `valid_from`.
        """
        return self.filter(process=process, valid_from__lt=at).order_by("-id").first()

    def record(self, process: Process, rule: Rule | None, since: datetime) -> None:
        """Record the rule that is in force from an instant on, unless it is recorded already."""
        newest = ScheduleVersion.newest_of(process)
        schedule = rule.as_json() if rule else None
        if (newest.schedule if newest else None) == schedule:
            return
        # A clock that was set back must not make versions overlap.
        since = max(since, newest.valid_from) if newest else since
        name = name_of(getattr(process, "_history_user", None))
        self.create(process=process, valid_from=since, schedule=schedule, changed_by_name=name)

    def spans_of(self, process: Process, since: datetime, until: datetime) -> Iterator[Span]:
        """Yield the versions in force within a span of time, in order."""
        rows = self.filter(process=process)
        first = rows.filter(valid_from__lte=since).order_by("-id").values("id")[:1]
        rows = rows.filter(id__gte=Coalesce(models.Subquery(first), 0), valid_from__lt=until)
        versions = list(rows.order_by("id"))
        ends = [version.valid_from for version in versions[1:]] + [until]
        for version, end in zip(versions, ends, strict=False):
            span = Span(version, max(version.valid_from, since), min(end, until))
            if span.since < span.until:
                yield span

    def overdue(
        self,
        process: Process,
        since: datetime,
        until: datetime,
        newest: "ScheduleVersion | None" = None,
    ) -> list[Span]:
        """Return the versions in force within a span, the first one from its beginning on.

        For a process that is known to be due since then. `newest`: the newest version, where it is
        known.
        """
        newest = newest or ScheduleVersion.newest_of(process)
        if newest is not None and newest.valid_from <= since < until:
            return [Span(newest, since, until)]  # The usual case, in one statement.
        spans = list(self.spans_of(process, since, until))
        return [spans[0]._replace(since=since), *spans[1:]] if spans else []

    def due(self, process: Process, since: datetime, until: datetime) -> Iterator[datetime]:
        """Yield what was due after `since` and not after `until`, by the rules in force then."""
        return chain.from_iterable(span.due() for span in self.spans_of(process, since, until))


class ScheduleVersion(models.Model):
    process = models.ForeignKey(Process, models.CASCADE, related_name="schedule_versions")
    valid_from = models.DateTimeField(_("in force from"))
    schedule = models.JSONField(
        null=True, help_text="Rule, zone, limits and exclusions; null: nothing made it due."
    )
    changed_by_name = models.CharField(_("changed by"), max_length=200, blank=True)

    objects = ScheduleVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("schedule version")
        verbose_name_plural = _("schedule versions")
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.process_id} {self.valid_from.isoformat()}"

    @staticmethod
    def newest_of(process: Process) -> "ScheduleVersion | None":
        return next(iter(_newest(process=process.pk)), None)

    @property
    def is_unreadable(self) -> bool:
        """Whether a rule made it due and it is not known when."""
        rule = self.rule
        unknown = rule is None or (isinstance(rule, Unreadable) and rule.known is None)
        return bool(self.schedule) and unknown

    @cached_property
    def rule(self) -> Rule | None:
        """The stored rule; None where there is none or it cannot be read.

        Its zone may be gone, for example.
        """
        try:
            return schedule_from_json(self.schedule) if self.schedule else None
        except ScheduleError:
            return None


@statements.select(())
def _newest() -> ScheduleVersionQuerySet:
    rows = ScheduleVersion.objects.filter(process=Placeholder("process", models.BigAutoField()))
    return rows.order_by("-id")[:1]
