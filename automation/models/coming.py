"""When a process starts next by itself: by its rule, and by everything that holds it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from automation.models.held import holds_ahead
from automation.models.hold import Hold, Holds
from automation.models.process import Process

_INSTANT = timedelta(microseconds=1)


class Coming(NamedTuple):
    """What holds a process now, and when it starts next by itself."""

    #: What holds it now; the hold that ends last comes first.
    holds: list[Hold]
    #: From when on nothing holds it: now, where nothing does; None where that is not known.
    free_from: datetime | None
    #: The next occurrence that nothing holds, in the zone of the process; None where there is none.
    next_run: datetime | None

    @property
    def hold(self) -> Hold | None:
        """The hold that ends last; None where nothing holds the process."""
        return self.holds[0] if self.holds else None


def coming_of(processes: Iterable[Process]) -> dict[int, Coming]:
    """Return when each process starts next, by its id, in a constant number of statements."""
    chosen, now = list(processes), timezone.now()
    held = holds_ahead(chosen)
    return {process.pk: _coming(process, held[process.pk], now) for process in chosen}


def coming(process: Process) -> Coming:
    """Return when one process starts next."""
    return coming_of([process])[process.pk]


def _coming(process: Process, holds: Holds, now: datetime) -> Coming:
    return Coming(holds.all_at(now), holds.free_from(now), _next_run(process, holds, now))


def _next_run(process: Process, holds: Holds, now: datetime) -> datetime | None:
    rule = None if process.is_broken else process.usable_rule
    at = rule.next_after(now) if rule else None
    while rule and at:
        free = holds.free_from(at)
        if free is None:
            return None
        if free == at and not holds.at(process.start_of(at)):
            return at.astimezone(rule.zone)
        # An occurrence is skipped as well where only its start, delayed by a jitter, is held.
        at = rule.next_after(max(free - _INSTANT, at))
    return None
