"""Execution: one run of a process, or the record of why it did not run."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from automation import registry
from automation.limits import MAX_PROGRESS_MESSAGE
from automation.models import reasons
from automation.models.after_commit import AfterCommit
from automation.models.concurrency_group import ConcurrencyGroup
from automation.models.naming import MAX_LABEL, title_of
from automation.models.process import Process, ProcessQuerySet
from automation.models.zones import site_zone


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


#: The life of an execution: the statuses each may be entered from; None is a new row.
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

#: No status is entered from these.
FINAL = set(Status) - {status for sources in ENTERED_FROM.values() for status in sources if status}


#: Ends that come of no start at all, or may.
_WITHOUT_START = {Status.SKIPPED, Status.MISSED, Status.CANCELLED}

_MAY_HAVE_UNDONE = [Status.PENDING, Status.RUNNING, Status.COMPLETED]


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def real(self) -> Self:
        """Without previews, which leave nothing behind and are in nobody's way."""
        return self.exclude(kind=Kind.PREVIEW)

    def undoings(self) -> Self:
        """Those that undo, or did undo, another one; a failed undoing undid nothing."""
        return self.filter(kind=Kind.UNDO, status__in=_MAY_HAVE_UNDONE)

    def expired(self) -> Self:
        """Those whose node gave no sign of life for as long as it had promised one.

        By the clock of the database, which all nodes share.
        """
        return self.filter(status=Status.RUNNING, lease_until__lte=Now())

    def held_with(self, tokens: Iterable[UUID]) -> Self:
        return self.filter(status=Status.RUNNING, token__in=tokens)

    def renew(self, held: Mapping[int, UUID], lease: timedelta) -> set[int]:
        """Promise further signs of life of claims, tokens by id; return the ids that are gone.

        One that ended well meanwhile is not gone.
        """
        rows = self.filter(pk__in=list(held))
        renewed = rows.filter(status=Status.RUNNING, token__in=held.values())
        if renewed.update(lease_until=Now() + lease) == len(held):
            return set()
        seen = rows.values_list("pk", "token", "status")
        ours = {pk for pk, token, status in seen if token == held[pk] and status != Status.LOST}
        return set(held) - ours

    def covering(self, process: Process, since: datetime) -> Self:
        """The rows that account for occurrences of a process from `since` on, in their order."""
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

    def release(self, tokens: Iterable[UUID]) -> int:
        """Give claims back whose function was not called; return how many."""
        return self.held_with(tokens)._enter(
            Status.PENDING,
            started_at=None,
            node="",
            release="",
            token=None,
            slot=None,
            group_slot=None,
            lease_until=None,
        )

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
        """The rows that may enter `status`, and their columns then."""
        if status in FINAL:
            changes |= {"slot": None, "group_slot": None, "lease_until": None}
        sources = [source for source in ENTERED_FROM[status] if source]
        return self.filter(status__in=sources), {"status": status, **changes}


class Execution(models.Model):
    process = models.ForeignKey(
        Process,
        models.SET_NULL,
        null=True,
        db_index=False,  # An index of the history begins with it.
        related_name="executions",
        verbose_name=_("process"),
    )
    process_name = models.CharField(_("process"), max_length=100)
    process_label = models.CharField(
        _("label"), max_length=MAX_LABEL, blank=True, default="", db_default=""
    )
    function = models.CharField(_("function"), max_length=200)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.PENDING)
    reason = models.CharField(_("reason"), max_length=50, blank=True)
    reason_data = models.JSONField(default=dict, blank=True)
    trigger = models.CharField(_("trigger"), max_length=20, choices=Trigger)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.RUN)
    undo_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        db_index=False,  # A partial index has those that have one.
        related_name="undone_by",
        verbose_name=_("undoes"),
    )
    applied_preview = models.BigIntegerField(
        null=True, help_text="The number of the preview that it carries out for real."
    )
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    retry_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        db_index=False,  # A partial index has those that have one.
        related_name="retries",
        verbose_name=_("retry of"),
    )
    priority = models.SmallIntegerField(_("priority"), default=0)
    scheduled_for = models.DateTimeField(_("due"), null=True)
    scheduled_until = models.DateTimeField(_("due until"), null=True)
    occurrences = models.PositiveIntegerField(_("occurrences"), default=1)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    available_at = models.DateTimeField(_("not before"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True)
    completed_at = models.DateTimeField(_("ended"), null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,  # A partial index has those that have one.
        related_name="+",
        verbose_name=_("requested by"),
    )
    requested_by_name = models.CharField(_("requested by"), max_length=200, blank=True)
    note = models.TextField(_("note"), blank=True)
    parameters = models.JSONField(_("parameters"), default=dict)
    result = models.JSONField(_("result"), null=True)
    previewed = models.JSONField(
        null=True, help_text="The change rows that a preview wrote before it was rolled back."
    )
    progress_done = models.PositiveBigIntegerField(_("done"), null=True)
    progress_total = models.PositiveBigIntegerField(_("of"), null=True)
    progress_message = models.CharField(_("progress"), max_length=MAX_PROGRESS_MESSAGE, blank=True)
    error_message = models.TextField(_("error"), blank=True)
    traceback = models.TextField(_("traceback"), blank=True)
    after_commit = models.CharField(
        _("after the commit"),
        max_length=20,
        choices=AfterCommit,
        blank=True,
        db_default="",
        default="",
        help_text="Of a completed run: how that ended, if not well, which was to follow its commit.",
    )
    exit_code = models.SmallIntegerField(
        _("exit code"), null=True, help_text="Of a worker that died; negative: the signal."
    )
    cancel_requested_at = models.DateTimeField(_("cancelling asked for"), null=True)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,
        db_constraint=True,
        related_name="+",
        verbose_name=_("cancelled by"),
    )
    cancel_requested_by_name = models.CharField(_("cancelled by"), max_length=200, blank=True)
    node = models.CharField(_("node"), max_length=200, blank=True)
    release = models.CharField(_("release"), max_length=100, blank=True)
    message = models.BigIntegerField(null=True, help_text="The id of its django-q2 message.")
    token = models.UUIDField(null=True, help_text="Who holds it ends it, and nobody else.")
    slot = models.PositiveSmallIntegerField(null=True)
    concurrency_group = models.ForeignKey(
        ConcurrencyGroup, models.SET_NULL, null=True, db_index=False, related_name="+"
    )
    group_slot = models.PositiveSmallIntegerField(null=True)
    lease_until = models.DateTimeField(null=True)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        verbose_name = _("execution")
        verbose_name_plural = _("executions")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("cancel_execution", "Can cancel execution")]
        constraints = [
            models.CheckConstraint(
                name="execution_trigger_known", condition=models.Q(trigger__in=Trigger.values)
            ),
            models.CheckConstraint(
                name="execution_kind_known", condition=models.Q(kind__in=Kind.values)
            ),
            models.CheckConstraint(
                name="execution_only_an_undo_undoes",
                condition=models.Q(undo_of__isnull=True) | models.Q(kind=Kind.UNDO),
            ),
            models.CheckConstraint(
                name="execution_completed_at_exactly_when_final",
                condition=models.Q(completed_at__isnull=False, status__in=sorted(FINAL))
                | models.Q(completed_at__isnull=True, status__in=sorted(set(Status) - FINAL)),
            ),
            models.CheckConstraint(
                name="execution_running_is_claimed",
                condition=~models.Q(status=Status.RUNNING)
                | models.Q(
                    started_at__isnull=False,
                    token__isnull=False,
                    slot__isnull=False,
                    lease_until__isnull=False,
                ),
            ),
            models.UniqueConstraint(
                name="execution_once_per_occurrence",
                fields=["process", "scheduled_for"],
                condition=models.Q(trigger=Trigger.SCHEDULE),
            ),
            models.UniqueConstraint(
                name="execution_one_per_slot",
                fields=["process", "slot"],
                condition=models.Q(status=Status.RUNNING) & ~models.Q(kind=Kind.PREVIEW),
            ),
            models.UniqueConstraint(
                name="execution_one_per_group_slot",
                fields=["concurrency_group", "group_slot"],
                condition=models.Q(status=Status.RUNNING, group_slot__isnull=False),
            ),
            models.UniqueConstraint(
                name="execution_undone_once",
                fields=["undo_of"],
                condition=models.Q(status__in=_MAY_HAVE_UNDONE),
            ),
        ]
        indexes = [
            models.Index(
                name="execution_open",
                fields=["process", "id"],
                condition=models.Q(status__in=[Status.PENDING, Status.RUNNING]),
            ),
            # The queue.
            models.Index(
                models.F("priority").desc(),
                "available_at",
                "id",
                name="execution_queue",
                condition=models.Q(status=Status.PENDING),
            ),
            models.Index(
                name="execution_retries",
                fields=["retry_of"],
                condition=models.Q(retry_of__isnull=False),
            ),
            models.Index(name="execution_of_process", fields=["process", "-id"]),
            # What the list filters by. Each leaves out the value that most rows have: those are
            # found at the newest end at once, and writing them costs nothing.
            models.Index(
                name="execution_by_status",
                fields=["status", "-id"],
                condition=~models.Q(status=Status.COMPLETED),
            ),
            models.Index(
                name="execution_after_commit",
                fields=["after_commit", "-id"],
                condition=~models.Q(after_commit=""),
            ),
            models.Index(
                name="execution_by_trigger",
                fields=["trigger", "-id"],
                condition=~models.Q(trigger=Trigger.SCHEDULE),
            ),
            models.Index(
                name="execution_by_kind",
                fields=["kind", "-id"],
                condition=~models.Q(kind=Kind.RUN),
            ),
            models.Index(
                name="execution_by_person",
                fields=["requested_by", "-id"],
                condition=models.Q(requested_by__isnull=False),
            ),
            models.Index(name="execution_by_date", fields=["created_at"]),
            models.Index(
                name="execution_undoings",
                fields=["undo_of"],
                condition=models.Q(undo_of__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.process_name} #{self.pk}"

    @property
    def title(self) -> str:
        """For people; `str()` is for logs and programs."""
        return f"{self.process_title} #{self.pk}"

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its times are written: that of its process, else that of the site."""
        return self.process.zone if self.process else site_zone()

    @property
    def process_title(self) -> str:
        """What its process was called for people when it was recorded."""
        return title_of(self.process_label, self.process_name)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def never_began(self) -> bool:
        """It ended without a start: it was no attempt at its work."""
        return self.is_final and self.started_at is None and self.status in _WITHOUT_START

    @property
    def is_preview(self) -> bool:
        return self.kind == Kind.PREVIEW

    @property
    def parameters_shown(self) -> dict[str, Any]:
        """Its parameters as a person may see them."""
        return registry.masked(self.function, self.parameters)

    @property
    def reason_in_words(self) -> str:
        zone = self.zone if "until" in self.reason_data else None
        return reasons.in_words(self.reason, self.reason_data, zone)

    @property
    def has_result(self) -> bool:
        """Whether its function returned something; the result of a failed run repeats its error."""
        return self.result is not None and self.status == Status.COMPLETED

    @property
    def after_commit_in_words(self) -> str:
        """A sentence where what was to follow its commit did not go well; else ""."""
        if self.after_commit not in AfterCommit.values:
            return ""
        return AfterCommit(self.after_commit).sentence

    @property
    def duration(self) -> timedelta | None:
        if self.started_at and self.completed_at:
            return self.completed_at - self.started_at
        return None


def with_last_status(processes: ProcessQuerySet) -> ProcessQuerySet:
    """Give each process the status of its newest execution as `last_status`; None for none."""
    newest = Execution.objects.real().filter(process=models.OuterRef("pk")).order_by("-pk")
    return processes.annotate(last_status=models.Subquery(newest.values("status")[:1]))


class LastRun(NamedTuple):
    """As much of an execution as a list of processes shows."""

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
