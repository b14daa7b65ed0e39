"""What people type of a schedule; `automation.reading` reads it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from automation.instants import as_typed
from automation.reading import ReadingError, datetime_from, plain
from automation.schedule.errors import ScheduleError
from automation.schedule.zone_changes import next_change
from automation.schedule.zones import TWO_DAYS, YEARS, usable, wall_clock, zone_named

__all__ = ["instant_from", "plain", "wall_time_from"]


def instant_from(text: str, timezone: str, *, needs_time: bool = True) -> datetime:
    """Return the instant that was typed, in UTC: a local time of the zone, or one with an offset.

    Of a local time that comes twice, because clocks go back, the first is meant. A day alone is its
    beginning, unless `needs_time`. Raises ScheduleError for a local time that does not exist,
    because clocks jump over it, and for another text.
    """
    zone = zone_named(timezone)
    wall = _typed(text, needs_time=needs_time)
    if wall.tzinfo is not None:
        return usable("at", wall)
    at = usable("at", wall.replace(tzinfo=zone, fold=0))
    if wall_clock(zone, at) != wall:
        change = next_change(zone, at - TWO_DAYS, at)
        first = change.wall_after if change else wall_clock(zone, at)
        told = _(
            "%(time)s does not exist in %(zone)s: clocks jump over it. "
            "The next time that exists is %(next)s."
        )
        times = {"time": as_typed(wall), "next": as_typed(first)}
        raise ScheduleError("at", told % {**times, "zone": zone.key})
    return at


def wall_time_from(text: str, zone: ZoneInfo) -> datetime:
    """Return the instant that was typed, in the zone: without an offset it is a local time there.

    Of a local time that comes twice the first is meant; one that clocks jump over comes back as it
    is. Raises ScheduleError.
    """
    instant = _typed(text)
    if instant.tzinfo is None:
        return instant.replace(tzinfo=zone)
    return usable("at", instant).astimezone(UTC).astimezone(zone)


def _typed(text: str, *, needs_time: bool = False) -> datetime:
    try:
        return datetime_from(text, needs_time=needs_time, years=YEARS)
    except ReadingError as error:
        raise ScheduleError("at", str(error)) from error
