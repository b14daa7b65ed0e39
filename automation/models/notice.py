"""Notice: something of which people are to be told, and whether they were."""

from datetime import timedelta
from typing import Self
from uuid import UUID, uuid4

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from automation import instants
from automation.models.execution import Execution
from automation.models.naming import MAX_LABEL, title_of
from automation.models.process import Process

#: The time between two mails about a process; notices in between are gathered into the next.
BETWEEN_MAILS = timedelta(minutes=5)
#: The time after which a notice that could not be sent is given up.
GIVEN_UP_AFTER = timedelta(days=1)
#: Notices that one mail is about at most.
GATHERED = 1_000


class NoticeEvent(models.TextChoices):
    FAILED = "failed", _("failed")
    TIMED_OUT = "timed_out", _("timed out")
    LOST = "lost", _("lost")
    AFTER_COMMIT = "after_commit", _("failed after its commit")
    LATE = "late", _("late")
    MISSED = "missed", _("missed")
    BROKEN = "broken", _("broken")
    RECOVERED = "recovered", _("recovered")


class NoticeQuerySet(models.QuerySet["Notice"]):
    def waiting(self) -> Self:
        return self.filter(sent_at__isnull=True, given_up_at__isnull=True)

    def due(self) -> Self:
        """Notices of processes to which no mail is under way, put off, or just sent."""
        same = Notice.objects.filter(process_name=models.OuterRef("process_name"))
        later = same.waiting().filter(available_at__gt=Now())
        recent = same.filter(sent_at__gt=Now() - BETWEEN_MAILS)
        return self.waiting().exclude(models.Exists(later)).exclude(models.Exists(recent))

    def take(self, process_name: str, *, lease: timedelta) -> UUID | None:
        """Take all due notices of a process for one mail; None where somebody else was faster.

        Whoever has the token reports what became of them. After the lease they are due again.
        """
        due = self.waiting().filter(available_at__lte=Now())
        pks = list(due.filter(process_name=process_name).values_list("pk", flat=True)[:GATHERED])
        token = uuid4()
        with transaction.atomic():
            taken = due.filter(pk__in=pks).update(
                token=token, attempts=models.F("attempts") + 1, available_at=Now() + lease
            )
            if taken != len(pks):
                transaction.set_rollback(True)
        return token if pks and taken == len(pks) else None

    def claimed_with(self, token: UUID) -> Self:
        return self.waiting().filter(token=token)

    def mark_sent(self, recipients: str) -> int:
        return self.update(sent_at=Now(), recipients=recipients, error="")

    def put_off(self, delay: timedelta, error: str) -> None:
        """Make these notices due again after `delay`; give up those that were tried long enough."""
        old = models.Q(created_at__lte=Now() - GIVEN_UP_AFTER)
        self.filter(old).update(given_up_at=Now(), error=error)
        self.exclude(old).update(available_at=Now() + delay, error=error)


class Notice(models.Model):
    """An event that people are to get a mail about.

    The notice of an end is written in the same transaction; mails are sent outside of any run. It
    outlives its process and its execution, whose ids stay.
    """

    event = models.CharField(_("event"), max_length=20, choices=NoticeEvent)
    process = models.ForeignKey(
        Process,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="notices",
        verbose_name=_("process"),
    )
    process_name = models.CharField(_("process"), max_length=100)
    process_label = models.CharField(
        _("label"), max_length=MAX_LABEL, blank=True, default="", db_default=""
    )
    execution = models.ForeignKey(
        Execution,
        models.DO_NOTHING,
        null=True,  # A late occurrence may not even be queued.
        db_constraint=False,
        related_name="notices",
        verbose_name=_("execution"),
    )
    recovers = models.OneToOneField(
        "self",
        models.SET_NULL,
        null=True,
        related_name="recovered_by",
        help_text="Of a recovery: the notice of the last failure. Each is recovered from once.",
    )
    created_at = models.DateTimeField(_("recorded"), db_default=Now())
    available_at = models.DateTimeField(_("not before"), db_default=Now())
    token = models.UUIDField(null=True, help_text="Who holds it is sending.")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = models.TextField(_("why not yet"), blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    given_up_at = models.DateTimeField(_("given up"), null=True)
    recipients = models.TextField(_("to"), blank=True)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    body = models.TextField(
        _("text"), blank=True, help_text="Of the newest of those that went out in one mail."
    )

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                name="notice_event_known", condition=models.Q(event__in=NoticeEvent.values)
            ),
            models.CheckConstraint(
                name="notice_only_a_recovery_recovers",
                condition=models.Q(recovers__isnull=True) | models.Q(event=NoticeEvent.RECOVERED),
            ),
        ]
        indexes = [
            models.Index(
                name="notice_waiting",
                fields=["process_name", "available_at"],
                condition=models.Q(sent_at__isnull=True, given_up_at__isnull=True),
            ),
            models.Index(name="notice_sent", fields=["process_name", "sent_at"]),
            models.Index(name="notice_of_process", fields=["process", "-id"]),
        ]

    def __str__(self) -> str:
        title = self.process_title
        return f"{title} #{self.execution_id}" if self.execution_id else title

    @property
    def process_title(self) -> str:
        """The label or name that the process had when the notice was recorded."""
        return title_of(self.process_label, self.process_name)

    @property
    def in_words(self) -> str:
        """A sentence whether people were told, or why not yet. It names nobody."""
        if self.sent_at:
            told = gettext("A notice was sent by e-mail at %(when)s.")
            return told % {"when": instants.to_second(self.sent_at)}
        if self.given_up_at:
            told = gettext("No notice could be sent by e-mail; it was given up at %(when)s.")
            return told % {"when": instants.to_second(self.given_up_at)}
        if self.error:
            told = gettext(
                "A notice could not be sent by e-mail yet; it is tried again at %(when)s."
            )
            return told % {"when": instants.to_second(self.available_at)}
        return gettext("A notice by e-mail is about to be sent.")
