"""When a process starts next by itself: by its rule, and by all that holds it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from automation.models.held import holds_ahead
from automation.models.hold import Hold, Holds
from automation.models.process import Process

_INSTANT = timedelta(microseconds=1)


class Coming(NamedTuple):
    """What holds a process just now, and when it starts next by itself."""

    #: The hold that ends last stands first.
    holds: list[Hold]
    #: When nothing holds it any more; None where nobody said so. Now, where nothing holds it.
    free_from: datetime | None
    #: The next occurrence that nothing holds, in the zone of the process; None where there is none.
    next_run: datetime | None

    @property
    def hold(self) -> Hold | None:
        """The one that decides."""
        return self.holds[0] if self.holds else None


def coming_of(processes: Iterable[Process]) -> dict[int, Coming]:
    """What comes of each of the processes, by its id. In a constant number of statements."""
    chosen, now = list(processes), timezone.now()
    held = holds_ahead(chosen)
    return {process.pk: _coming(process, held[process.pk], now) for process in chosen}


def coming(process: Process) -> Coming:
    """What comes of one process."""
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
        # One whose start alone is held, for its jitter, is skipped as well.
        at = rule.next_after(max(free - _INSTANT, at))
    return None
