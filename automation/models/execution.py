"""Execution: one run of a process, or the record of why it did not run."""

from datetime import timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from automation import registry
from automation.limits import MAX_PROGRESS_MESSAGE
from automation.models import reasons
from automation.models.after_commit import AfterCommit
from automation.models.asked import Asked
from automation.models.claim import Claimed, ClaimQuerySet
from automation.models.execution_life import (
    FINAL,
    MAY_HAVE_UNDONE,
    OPEN,
    WITHOUT_START,
    Kind,
    Status,
    Trigger,
)
from automation.models.naming import MAX_LABEL, title_of
from automation.models.occurrence import Occurrences
from automation.models.process import Process
from automation.models.zones import site_zone


class ExecutionQuerySet(ClaimQuerySet["Execution"]):
    def real(self) -> Self:
        """All but previews, which leave nothing behind and need no slot."""
        return self.exclude(kind=Kind.PREVIEW)

    def undoings(self) -> Self:
        """Runs that undo, or did undo, another one; a failed one has undone nothing."""
        return self.filter(kind=Kind.UNDO, status__in=MAY_HAVE_UNDONE)


class Execution(Occurrences, Asked, Claimed):
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
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    available_at = models.DateTimeField(_("not before"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True)
    completed_at = models.DateTimeField(_("ended"), null=True)
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
                | models.Q(completed_at__isnull=True, status__in=sorted(OPEN)),
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
                condition=models.Q(status__in=MAY_HAVE_UNDONE),
            ),
        ]
        indexes = [
            models.Index(
                name="execution_open",
                fields=["process", "id"],
                condition=models.Q(status__in=sorted(OPEN)),
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
            # The filters of the list. Each index leaves out the value that most rows have: such rows
            # are found at the newest end at once, and writing them costs nothing.
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

    @classmethod
    def of(cls, process: Process, **columns: Any) -> Self:
        """Return an execution of a process, not saved.

        It has what has to be known of the process after its deletion.
        """
        return cls(
            process=process,
            process_name=process.name,
            process_label=process.label,
            **{"function": process.function, **columns},
        )

    @property
    def title(self) -> str:
        """The label and the number, for people; `str()` is for logs and programs."""
        return f"{self.process_title} #{self.pk}"

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its times are written: that of its process, else that of the site."""
        return self.process.zone if self.process else site_zone()

    @property
    def process_title(self) -> str:
        """The label or name that the process had when the execution was recorded, for people."""
        return title_of(self.process_label, self.process_name)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def never_began(self) -> bool:
        """Whether it ended without a start, and so was no attempt at its work."""
        return self.is_final and self.started_at is None and self.status in WITHOUT_START

    @property
    def is_preview(self) -> bool:
        return self.kind == Kind.PREVIEW

    @property
    def parameters_shown(self) -> dict[str, Any]:
        """The parameters as a person may see them."""
        return registry.masked(self.function, self.parameters)

    @property
    def reason_in_words(self) -> str:
        zone = self.zone if "until" in self.reason_data else None
        return reasons.in_words(self.reason, self.reason_data, zone)

    @property
    def has_result(self) -> bool:
        """Whether the function returned something; the result of a failed run repeats its error."""
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
