"""What holds processes, by pauses and maintenance: now, ahead, or within a span."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import models
from django.utils import timezone

from automation.database import statements
from automation.database.statements import Placeholder, placeholders
from automation.models.hold import NEVER, Hold, Holds
from automation.models.maintenance_window import MaintenanceWindow, WindowQuerySet
from automation.models.pause import Pause, PauseQuerySet
from automation.models.process import Process

_TIME = models.DateTimeField()


def holds_between(
    processes: Iterable[Process], since: datetime, until: datetime
) -> dict[int, Holds]:
    """Return what holds each of the processes within a span, by its id.

    The order is: its own pauses, then those of everything, then maintenance windows. In a constant
    number of statements.
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
    """Return what holds each of the processes from now on, by its id."""
    return holds_between(processes, timezone.now(), NEVER)


@statements.select((1,))
def _pauses_between(count: int) -> PauseQuerySet:
    ends_later = models.Q(until=None) | models.Q(until__gt=Placeholder("since", _TIME))
    of_them = models.Q(process=None)
    if count:
        of_them |= models.Q(process__id__in=placeholders("pks", models.BigAutoField(), count))
    begun = Pause.objects.filter(ends_later, of_them, since__lte=Placeholder("until", _TIME))
    return begun.order_by("pk")


@statements.select(())
def _windows_between() -> WindowQuerySet:
    begun = MaintenanceWindow.objects.filter(starts_at__lte=Placeholder("until", _TIME))
    return begun.filter(ends_at__gt=Placeholder("since", _TIME)).order_by("pk")


def _named_by(windows: list[MaintenanceWindow]) -> dict[int, set[int]]:
    """Return the processes that each window names; a window that names none is left out."""
    named: dict[int, set[int]] = {}
    if windows:
        rows = MaintenanceWindow.processes.through.objects.filter(maintenancewindow__in=windows)
        for window, process in rows.values_list("maintenancewindow", "process"):
            named.setdefault(window, set()).add(process)
    return named


def hold_now(process: Process) -> Hold | None:
    """Return what holds a process now; None for nothing."""
    return holds_now([process]).get(process.pk)


def holds_now(processes: Iterable[Process]) -> dict[int, Hold]:
    """Return what holds processes now, by the ids of those that are held."""
    now = timezone.now()
    found = holds_between(processes, now, now)
    return {pk: hold for pk, holds in found.items() if (hold := holds.at(now))}


def is_held() -> models.Q:
    """The condition of a process that a pause or a maintenance window holds it now."""
    of_it = models.Q(process=models.OuterRef("pk")) | models.Q(process=None)
    named = models.Q(processes=models.OuterRef("pk")) | models.Q(processes=None)
    pauses = Pause.objects.in_force().filter(of_it)
    windows = MaintenanceWindow.objects.in_force().filter(named)
    return models.Q(models.Exists(pauses)) | models.Q(models.Exists(windows))


def held_now() -> models.QuerySet[Process]:
    """Processes that do not start by themselves now: switched off, paused or maintained."""
    return Process.objects.filter(models.Q(is_enabled=False) | is_held())
