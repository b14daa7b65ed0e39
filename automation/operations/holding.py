"""Operations that pause and resume processes, or everything."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.engine.end import pausing
from automation.instants import to_minute
from automation.models import Pause, Process, coming, site_zone
from automation.operations.naming import names_of, nothing_changed
from automation.operations.operation import Asker, Operation, Said

#: The subject of a pause; None: everything.
Processes = Sequence[Process] | None


class Held(NamedTuple):
    """What came of a pause, or of its end."""

    processes: Processes
    #: Titles of the processes of which something changed.
    titles: list[str]
    changed: int
    #: Until when it is paused, as people read it.
    until: str = ""


def _pause(who: Asker, processes: Processes, *, why: str, until: datetime | None = None) -> Held:
    titles = _titles(processes, paused=False)
    count = pausing.pause(processes, why=why, until=until, by=who.user, by_name=who.name)
    return Held(processes, titles, count, _written(until, processes))


def _written(until: datetime | None, processes: Processes) -> str:
    one = processes[0] if processes and len(processes) == 1 else None
    return to_minute(until, one.zone if one else site_zone()) if until else ""


def _said_of_pause(held: Held) -> list[Said]:
    if not held.changed:
        return [nothing_changed()]
    told = _("Everything is paused.")
    if held.processes is not None:
        told = ngettext(
            "Paused %(count)s process: %(names)s.",
            "Paused %(count)s processes: %(names)s.",
            len(held.titles),
        )
        told %= {"count": len(held.titles), "names": names_of(held.titles)}
    end = _("Until %(time)s.") % {"time": held.until} if held.until else ""
    return [Said.plainly(f"{told} {end}".rstrip())]


def _resume(who: Asker, processes: Processes) -> Held:
    titles = _titles(processes, paused=True)
    count = pausing.resume(processes, by=who.user, by_name=who.name)
    return Held(processes, titles, count)


def _said_of_resuming(held: Held) -> list[Said]:
    said = [nothing_changed()]
    if held.changed:
        told = _("Not everything is paused any more.")
        if held.processes is not None:
            told = ngettext(
                "Resumed %(count)s process: %(names)s.",
                "Resumed %(count)s processes: %(names)s.",
                len(held.titles),
            )
            told %= {"count": len(held.titles), "names": names_of(held.titles)}
        said = [Said.plainly(told)]
    told = _("%(process)s still does not start by itself. %(why)s")
    still = pausing.why_still_held(held.processes or [])
    return said + [
        Said.plainly(told % {"process": process, "why": why}, "warning") for process, why in still
    ]


class Skipped(NamedTuple):
    process: Process
    at: datetime


def _skip_next(who: Asker, process: Process, *, why: str, at: datetime | None = None) -> Skipped:
    skipped = pausing.skip_next(process, why=why, at=at, by=who.user, by_name=who.name)
    return Skipped(process, skipped)


def _said_of_skipping(skipped: Skipped) -> list[Said]:
    process = skipped.process
    told = _("%(process)s skips %(time)s.") % {
        "process": process,
        "time": to_minute(skipped.at, process.zone),
    }
    after = coming(process).next_run
    then = (
        _("It starts next at %(time)s.") % {"time": to_minute(after, process.zone)} if after else ""
    )
    return [Said.plainly(f"{told} {then}".rstrip())]


def _titles(processes: Processes, *, paused: bool) -> list[str]:
    """Return the titles of the processes that have a pause of their own now, or that have none."""
    chosen = processes or []
    own = Pause.objects.filter(process__in=[process.pk for process in chosen])
    held = set(own.in_force().values_list("process", flat=True))
    if paused:
        held |= set(own.to_come().values_list("process", flat=True))
    return [process.title for process in chosen if (process.pk in held) == paused]


_PERMISSION = "automation.pause_process"

#: Their subjects are processes, or None for everything. Options of PAUSE: `why` and `until`.
PAUSE: Operation[Processes, Held] = Operation("pause", _PERMISSION, act=_pause, say=_said_of_pause)
RESUME: Operation[Processes, Held] = Operation(
    "resume", _PERMISSION, act=_resume, say=_said_of_resuming
)
#: Of a process, with `why`, and `at`, the occurrence that is meant. Resuming takes it back.
SKIP_NEXT: Operation[Process, Skipped] = Operation(
    "skip_next",
    _PERMISSION,
    act=_skip_next,
    say=_said_of_skipping,
    obstacle=pausing.why_not_skip_next,
)
