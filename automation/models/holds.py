"""Pauses and maintenance windows: what keeps processes from starting though they are due."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from automation.database import statements
from automation.database.statements import Parameter, parameters
from automation.limits import MAX_NAME
from automation.models import reasons
from automation.models.naming import MAX_LABEL, title_of
from automation.models.process import Process

_TIME = models.DateTimeField()

#: Later than anything that can be planned.
NEVER = datetime(9999, 12, 30, tzinfo=UTC)

#: Characters that are kept of a reason.
MAX_REASON = 500


@dataclass(frozen=True)
class Hold:
    """What holds a process from `since` to `until` (None: for good), as a reason with data."""

    reason: str
    data: dict[str, Any]
    since: datetime
    until: datetime | None
    #: The execution after whose failure it paused by itself.
    failure: int | None = None

    def __contains__(self, instant: datetime) -> bool:
        return self.since <= instant and (self.until is None or instant < self.until)

    def end_or_never(self) -> datetime:
        """Its end, to compare it with others; one without an end is later than any."""
        return self.until or NEVER

    @property
    def in_words(self) -> str:
        return reasons.in_words(self.reason, self.data)


class PauseQuerySet(models.QuerySet["Pause"]):
    def of(self, process: Process | None) -> Self:
        """Those that concern a process: its own, and those of everything; of None, these alone."""
        return self.filter(models.Q(process=process) | models.Q(process=None))

    def in_force(self, at: datetime | None = None) -> Self:
        at = at or timezone.now()
        return self.filter(since__lte=at).filter(models.Q(until=None) | models.Q(until__gt=at))

    def end(self, *, by: AbstractBaseUser | None = None, by_name: str = "") -> int:
        """Let what is paused by these go on; return how many pauses ended."""
        who = {
            "ended_by": by,
            "ended_by_name": (by_name or (by.get_username() if by else ""))[:MAX_NAME],
        }
        return self.in_force().update(until=timezone.now(), **who)


class Pause(models.Model):
    """That a process, or everything, does not start by itself for a while; a row for each time.

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
        """What somebody gave as the reason, or what made it pause by itself."""
        return reasons.why_paused(self.hold.data)

    @property
    def by_in_words(self) -> str:
        return reasons.who_paused(self.hold.data)

    @property
    def hold(self) -> Hold:
        reason = reasons.PAUSED if self.process_id else reasons.ALL_PAUSED
        data: dict[str, Any] = {"why": self.why, "by": self.by_name, "pause": self.pk}
        if self.failures:
            data["failures"] = self.failures
        return Hold(reason, data, self.since, self.until, self.execution_id)


class WindowQuerySet(models.QuerySet["MaintenanceWindow"]):
    def of(self, process: Process | None) -> Self:
        """Those that concern a process (None: every one): that name it, or no process at all."""
        of_it = models.Q(processes=None)
        if process is not None:
            of_it |= models.Q(processes=process)
        return self.filter(of_it).distinct()

    def in_force(self, at: datetime | None = None) -> Self:
        at = at or timezone.now()
        return self.filter(starts_at__lte=at, ends_at__gt=at)

    def of_these_alone(self, processes: Iterable[Process]) -> Self:
        """Windows that name some of these processes and no other."""
        pks = [process.pk for process in processes]
        others = MaintenanceWindow.processes.through.objects.exclude(process__in=pks)
        others = others.filter(maintenancewindow=models.OuterRef("pk"))
        return self.filter(processes__in=pks).exclude(models.Exists(others)).distinct()

    def overlapping(self, window: "MaintenanceWindow") -> Self:
        """The others that hold one of its processes at one of its times."""
        others = self.exclude(pk=window.pk)
        others = others.filter(starts_at__lt=window.ends_at, ends_at__gt=window.starts_at)
        named = list(window.processes.values_list("pk", flat=True))
        if named:
            others = others.filter(models.Q(processes__in=named) | models.Q(processes=None))
        return others.distinct()


class MaintenanceWindow(models.Model):
    """A time, once, in which some processes, or all, do not start by themselves."""

    label = models.CharField(_("label"), max_length=MAX_REASON)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    processes = models.ManyToManyField(
        Process,
        blank=True,
        related_name="windows",
        verbose_name=_("processes"),
        help_text=_("None chosen: all."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by_name = models.CharField(_("created by"), max_length=200, blank=True, editable=False)

    objects = WindowQuerySet.as_manager()

    class Meta:
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                name="window_ends_after_it_began",
                condition=models.Q(ends_at__gt=models.F("starts_at")),
            )
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": gettext("The end is not after the start.")})
        if self._state.adding and self.ends_at and self.ends_at <= timezone.now():
            raise ValidationError({"ends_at": gettext("This end has passed.")})

    @property
    def is_on(self) -> bool:
        return timezone.now() in self.hold

    @property
    def hold(self) -> Hold:
        data = {"label": self.label, "window": self.pk}
        return Hold(reasons.MAINTENANCE, data, self.starts_at, self.ends_at)


class Holds:
    """All that holds a process at some time of a span: what says most stands first."""

    def __init__(self, holds: Iterable[Hold]) -> None:
        self.all = list(holds)

    def at(self, instant: datetime) -> Hold | None:
        """The first that holds it at an instant."""
        return next((hold for hold in self.all if instant in hold), None)

    def all_at(self, instant: datetime) -> list[Hold]:
        """Each that holds it at an instant; the one that ends last stands first."""
        found = [hold for hold in self.all if instant in hold]
        return sorted(found, key=Hold.end_or_never, reverse=True)

    def free_from(self, instant: datetime) -> datetime | None:
        """The first instant from this one on at which nothing holds it; None where there is none."""
        while found := self.all_at(instant):
            if found[0].until is None:
                return None
            instant = found[0].until
        return instant


def holds_between(
    processes: Iterable[Process], since: datetime, until: datetime
) -> dict[int, Holds]:
    """What holds each of the processes at some time of a span, by its id.

    Its own pauses say most, then those of everything, then what was planned. In a constant number
    of statements.
    """
    pks = [process.pk for process in processes]
    pauses = _pauses_between(len(pks), pks=pks, since=since, until=until)
    windows = _windows_between(since=since, until=until)
    named = _named_by(windows)

    def holds_of(pk: int) -> Iterator[Hold]:
        yield from (pause.hold for pause in pauses if pause.process_id == pk)
        yield from (pause.hold for pause in pauses if pause.process_id is None)
        yield from (w.hold for w in windows if w.pk not in named or pk in named[w.pk])

    return {pk: Holds(holds_of(pk)) for pk in pks}


def holds_ahead(processes: Iterable[Process]) -> dict[int, Holds]:
    """What holds each of the processes from now on, by its id."""
    return holds_between(processes, timezone.now(), NEVER)


@statements.select((1,))
def _pauses_between(count: int) -> PauseQuerySet:
    ends_later = models.Q(until=None) | models.Q(until__gt=Parameter("since", _TIME))
    of_them = models.Q(process=None)
    if count:
        of_them |= models.Q(process__id__in=parameters("pks", models.BigAutoField(), count))
    begun = Pause.objects.filter(ends_later, of_them, since__lte=Parameter("until", _TIME))
    return begun.order_by("pk")


@statements.select(())
def _windows_between() -> WindowQuerySet:
    begun = MaintenanceWindow.objects.filter(starts_at__lte=Parameter("until", _TIME))
    return begun.filter(ends_at__gt=Parameter("since", _TIME)).order_by("pk")


def _named_by(windows: list[MaintenanceWindow]) -> dict[int, set[int]]:
    """The processes that each window names; a window that names none is left out."""
    named: dict[int, set[int]] = {}
    if windows:
        rows = MaintenanceWindow.processes.through.objects.filter(maintenancewindow__in=windows)
        for window, process in rows.values_list("maintenancewindow", "process"):
            named.setdefault(window, set()).add(process)
    return named


def hold_now(process: Process) -> Hold | None:
    """What holds a process just now."""
    return holds_now([process]).get(process.pk)


def holds_now(processes: Iterable[Process]) -> dict[int, Hold]:
    """What holds each of those processes that are held just now, by its id."""
    now = timezone.now()
    found = holds_between(processes, now, now)
    return {pk: hold for pk, holds in found.items() if (hold := holds.at(now))}


def is_held() -> models.Q:
    """The condition of a process that it is paused or maintained just now."""
    of_it = models.Q(process=models.OuterRef("pk")) | models.Q(process=None)
    named = models.Q(processes=models.OuterRef("pk")) | models.Q(processes=None)
    pauses = Pause.objects.in_force().filter(of_it)
    windows = MaintenanceWindow.objects.in_force().filter(named)
    return models.Q(models.Exists(pauses)) | models.Q(models.Exists(windows))


def held_now() -> models.QuerySet[Process]:
    """The processes that do not start by themselves just now: switched off, paused, or maintained."""
    return Process.objects.filter(models.Q(is_enabled=False) | is_held())
