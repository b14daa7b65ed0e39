"""Pause and resume processes, or everything: paused, they do not start by themselves."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from automation import instants
from automation.database.listen import RUN, SCHEDULE, notify
from automation.limits import MAX_REASON
from automation.models import (
    FAILED,
    Execution,
    Kind,
    MaintenanceWindow,
    Pause,
    Process,
    Status,
    coming,
    coming_of,
    locking,
    name_of,
    zone_or_sites,
)
from automation.models.pause import ONE_OCCURRENCE
from automation.queue import schedules
from automation.why_not import RefusedError, WhyNot


class PauseError(RefusedError):
    """A pause cannot be made; the text says why."""


def pause(
    processes: Iterable[Process] | None,
    *,
    why: str,
    until: datetime | None = None,
    by: AbstractBaseUser | None = None,
    by_name: str = "",
) -> int:
    """Pause those of the processes (None: everything) that are not paused; return how many.

    What runs goes on, and people can still start a process; retries wait. Raises PauseError without
    a reason, or for an end that has passed.
    """
    if not why.strip():
        raise PauseError(WhyNot("no_reason", _("Say why.")))
    if until is not None and until <= timezone.now():
        raise PauseError(WhyNot("end_passed", _("This end has passed.")))
    subjects: list[Process | None] = [None] if processes is None else list(processes)
    paused = set(Pause.objects.in_force().values_list("process", flat=True))
    wanted = [one for one in subjects if (one.pk if one else None) not in paused]
    return len(_create(wanted, why=why.strip(), until=until, by=by, by_name=name_of(by, by_name)))


@transaction.atomic
def skip_next(
    process: Process,
    *,
    why: str,
    at: datetime | None = None,
    by: AbstractBaseUser | None = None,
    by_name: str = "",
) -> datetime:
    """Let the next occurrence that nothing holds be skipped; return it.

    It is a pause that holds this one instant: retries do not wait, and resuming takes it back.
    `at`: the occurrence that is meant. Raises PauseError without a reason, where nothing is due
    next, where one that is overdue comes first, and where another than `at` is next by now.
    """
    if not why.strip():
        raise PauseError(WhyNot("no_reason", _("Say why.")))
    locked = locking.lock(process.pk)
    found = coming(locked).next_run if locked else None
    if found is None:
        raise PauseError(_nothing_due(process))
    if refusal := _overdue(process):
        raise PauseError(refusal)
    # Python takes a local time that comes twice for unequal to the same instant in another zone.
    since = found.astimezone(UTC)
    if (at is not None and since != at.astimezone(UTC)) or _is_launched(process, since):
        told = _("Another time is the next one by now: look again.")
        raise PauseError(WhyNot("not_next", told))
    columns = {"since": since, "until": since + ONE_OCCURRENCE}
    _create([locked], why=why.strip(), by=by, by_name=name_of(by, by_name), **columns)
    return found


def why_not_skip_next(process: Process) -> WhyNot | None:
    """Why no next occurrence can be skipped; None where one can."""
    return _overdue(process) if coming(process).next_run else _nothing_due(process)


def _nothing_due(process: Process) -> WhyNot:
    told = _("%(process)s has no next time that could be skipped.")
    return WhyNot("nothing_due", told % {"process": process})


def _overdue(process: Process) -> WhyNot | None:
    """Why no start after one that is overdue can be skipped; None where none is overdue."""
    overdue = schedules.next_run_of(process.pk)
    if overdue is None or overdue > timezone.now():
        return None
    told = _("%(process)s is due since %(time)s, and that start comes first: look again after it.")
    since = instants.to_minute(overdue, zone_or_sites(process.effective_timezone))
    return WhyNot("overdue", told % {"process": process, "time": since})


def _is_launched(process: Process, at: datetime) -> bool:
    """Whether an occurrence that is to come was started already, by a node whose clock is ahead."""
    planned = schedules.next_run_of(process.pk)
    return planned is not None and planned > at


def resume(
    processes: Iterable[Process] | None,
    *,
    by: AbstractBaseUser | None = None,
    by_name: str = "",
) -> int:
    """End the pauses of the processes (None: that of everything); return how many there were.

    A single occurrence that was to be skipped is not skipped any more.

    What came due meanwhile stays skipped; retries that waited start.
    """
    pauses = Pause.objects.filter(process=None)
    if processes is not None:
        pauses = Pause.objects.filter(process__in=[process.pk for process in processes])
    ended = pauses.end(by=by, by_name=by_name)
    _wake()
    return ended


def why_still_held(processes: Iterable[Process]) -> list[tuple[Process, str]]:
    """Return the processes that still do not start by themselves, each with the reason."""
    chosen = list(processes)
    comings = coming_of(chosen)
    found = []
    for process in chosen:
        hold = comings[process.pk].hold
        if hold is not None:
            found.append((process, hold.in_words))
        elif not process.is_enabled:
            found.append((process, _("It is switched off.")))
    return found


def pause_after_failures(execution: Execution, _status: Status) -> None:
    """Pause the process where this was one failure too many in a row.

    Call it in a transaction.
    """
    process = Process.objects.filter(pk=execution.process_id or 0).first()
    most = process.pause_after_failures if process else None
    if process is None or most is None or not _are_failures(process, most):
        return
    _create([process], why="", failures=most, execution=execution)


def _are_failures(process: Process, count: int) -> bool:
    """Whether the last `count` runs failed for good, counted since the process was resumed."""
    retries = Execution.objects.filter(retry_of=OuterRef("pk"))
    ended = Execution.objects.filter(
        process=process, kind=Kind.RUN, status__in=[*FAILED, Status.COMPLETED]
    ).exclude(Exists(retries))
    resumed_at = Pause.objects.of_spans().filter(process=process).aggregate(at=Max("until"))["at"]
    if resumed_at is not None:
        ended = ended.filter(completed_at__gt=resumed_at)
    last = list(ended.order_by("-pk").values_list("status", flat=True)[:count])
    return len(last) == count and set(last) <= FAILED


def _create(subjects: Iterable[Process | None], *, why: str, **columns: Any) -> list[Pause]:
    pauses = [Pause(**_named(one), why=why[:MAX_REASON], **columns) for one in subjects]
    # Where two pause the same process at once, only one pause is made.
    created = Pause.objects.bulk_create(pauses, ignore_conflicts=True)
    _wake()
    return created


def _named(process: Process | None) -> dict[str, Any]:
    """Return the columns of a pause that name its process, also for after its deletion.

    Empty for a pause of everything.
    """
    if process is None:
        return {}
    return {
        "process": process,
        "process_name": process.name,
        "process_label": process.label,
    }


def let_go(process: Process, *, by: AbstractBaseUser | None = None) -> None:
    """End what holds only this process, which is about to be deleted. Call it in a transaction.

    Its pauses stay as history. A maintenance window that names no other process is deleted: a
    window without any would hold everything.
    """
    Pause.objects.filter(process=process).end(by=by)
    for window in MaintenanceWindow.objects.filter(processes=process):
        window.processes.remove(process)
        if not window.processes.exists():
            window.delete()


def _wake() -> None:
    notify(RUN)
    notify(SCHEDULE)
