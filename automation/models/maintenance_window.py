"""MaintenanceWindow: a planned time in which processes do not start by themselves."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from automation.limits import MAX_REASON
from automation.models import reasons
from automation.models.hold import Hold
from automation.models.process import Process


class WindowQuerySet(models.QuerySet["MaintenanceWindow"]):
    def of(self, process: Process | None) -> Self:
        """Windows of a process (None: of every one): they name it, or no process at all."""
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
        """Other windows that hold a process of this one at a time of this one."""
        others = self.exclude(pk=window.pk)
        others = others.filter(starts_at__lt=window.ends_at, ends_at__gt=window.starts_at)
        named = list(window.processes.values_list("pk", flat=True))
        if named:
            others = others.filter(models.Q(processes__in=named) | models.Q(processes=None))
        return others.distinct()


class MaintenanceWindow(models.Model):
    """A planned time in which some processes, or all, do not start by themselves."""

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
