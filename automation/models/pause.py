"""Pause: the reason why a process, or everything, does not start by itself for a while."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from automation.limits import MAX_REASON
from automation.models import reasons
from automation.models.asked import name_of
from automation.models.hold import Hold
from automation.models.naming import MAX_LABEL, title_of
from automation.models.process import Process

#: How long a pause is that skips a single occurrence: it begins with it, and holds nothing else.
ONE_OCCURRENCE = timedelta(microseconds=1)


class PauseQuerySet(models.QuerySet["Pause"]):
    def of(self, process: Process | None) -> Self:
        """Pauses of a process, its own and those of everything; of None, the latter alone."""
        return self.filter(models.Q(process=process) | models.Q(process=None))

    def in_force(self, at: datetime | None = None) -> Self:
        at = at or timezone.now()
        return self.filter(since__lte=at).filter(models.Q(until=None) | models.Q(until__gt=at))

    def end(self, *, by: AbstractBaseUser | None = None, by_name: str = "") -> int:
        """End the pauses that are in force or to come; return how many there were."""
        who = {
            "ended_by": by,
            "ended_by_name": name_of(by, by_name),
        }
        ended: int = self.to_come().update(until=models.F("since"), **who)
        return ended + self.in_force().update(until=timezone.now(), **who)

    def to_come(self) -> Self:
        """Pauses that are still to begin: each skips a single occurrence."""
        return self.filter(since__gt=timezone.now(), until__gt=models.F("since"))

    def not_over(self) -> Self:
        """Pauses that are in force or to come."""
        lasting = models.Q(until__gt=timezone.now()) & models.Q(until__gt=models.F("since"))
        return self.filter(lasting | models.Q(until=None))

    def of_spans(self) -> Self:
        """Pauses that are, or were, more than the skipping of a single occurrence."""
        longer = models.Q(until__gt=models.F("since") + ONE_OCCURRENCE)
        return self.filter(longer | models.Q(until=None))


class Pause(models.Model):
    """A pause of a process, or of everything.

    It outlives its process, whose id, name and label stay.
    """

    process = models.ForeignKey(
        Process,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="pauses",
        verbose_name=_("process"),
        help_text=_("Empty: everything."),
    )
    process_name = models.CharField(
        _("process"), max_length=100, blank=True, default="", db_default=""
    )
    process_label = models.CharField(
        _("label"), max_length=MAX_LABEL, blank=True, default="", db_default=""
    )
    why = models.CharField(_("reason"), max_length=MAX_REASON)
    since = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by")
    )
    by_name = models.CharField(_("by"), max_length=200, blank=True)
    execution = models.ForeignKey(
        "automation.Execution",
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("failure"),
        help_text=_("The failure after which it paused by itself."),
    )
    failures = models.PositiveSmallIntegerField(
        null=True,
        help_text="After how many in a row it paused by itself; null: somebody paused it.",
    )
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    ended_by_name = models.CharField(_("ended by"), max_length=200, blank=True)

    objects = PauseQuerySet.as_manager()

    class Meta:
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                name="pause_ends_after_it_began",
                condition=models.Q(until__isnull=True) | models.Q(until__gte=models.F("since")),
            ),
            models.UniqueConstraint(
                name="pause_without_end_once",
                fields=["process"],
                condition=models.Q(until__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        if self.process_id is None:
            return gettext("everything")
        return title_of(self.process_label, self.process_name) or f"#{self.process_id}"

    @property
    def is_on(self) -> bool:
        return timezone.now() in self.hold

    @property
    def why_in_words(self) -> str:
        """The reason that somebody gave, or the failures after which it paused by itself."""
        return reasons.why_paused(self.hold.data)

    @property
    def by_in_words(self) -> str:
        return reasons.who_paused(self.hold.data)

    @property
    def is_of_one_occurrence(self) -> bool:
        return self.until is not None and self.until - self.since <= ONE_OCCURRENCE

    @property
    def hold(self) -> Hold:
        reason = reasons.PAUSED if self.process_id else reasons.ALL_PAUSED
        if self.is_of_one_occurrence:
            reason = reasons.SKIPPED_ONCE
        data: dict[str, Any] = {"why": self.why, "by": self.by_name, "pause": self.pk}
        if self.failures:
            data["failures"] = self.failures
        return Hold(reason, data, self.since, self.until, self.execution_id)
