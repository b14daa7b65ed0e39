"""Time zones by name, and what their clocks show."""

import difflib
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.utils.translation import gettext as _

from automation import reading
from automation.schedule.errors import ScheduleError
from automation.schedule.zone_links import NEW_NAMES

#: Years in which something may begin, end or be left out: far from where Python's calendar ends.
YEARS = FIRST_YEAR, LAST_YEAR = 1970, 2199

#: More than the distance from a clock change to any local time that it skips or repeats.
TWO_DAYS = timedelta(days=2)

zone_names = cache(available_timezones)  # It reads the file system.


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA time zone of this name. Raises ScheduleError where there is none."""
    # The list first: ZoneInfo itself opens whatever file a name leads to.
    if name not in zone_names():
        text = _("There is no time zone %(name)r.") % {"name": name}
        raise ScheduleError("timezone", f"{text} {_hint_for(name)}")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # gone since, or damaged
        text = _("The time zone %(name)r cannot be read on this machine: %(error)s.")
        raise ScheduleError("timezone", text % {"name": name, "error": error}) from error


def _hint_for(name: str) -> str:
    new = NEW_NAMES.get(name)
    if new in zone_names():
        return _("It is an old name of %(name)s.") % {"name": new}
    close = difflib.get_close_matches(name, zone_names(), n=1, cutoff=0.8)
    if close:
        return _("Did you mean %(name)s?") % {"name": close[0]}
    return _(
        "Use an IANA name, such as Asia/Tehran. If it is one, this machine lacks it: install its time "
        "zone data (tzdata)."
    )


def offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    """Return how far the zone's clocks are ahead of UTC."""
    return offset_of(instant.astimezone(zone))


def offset_of(local: datetime) -> timedelta:
    """Return how far a local time with a zone is ahead of UTC."""
    offset = local.utcoffset()
    if offset is None:
        raise ValueError(f"{local} has no time zone.")
    return offset


def wall_clock(zone: ZoneInfo, instant: datetime) -> datetime:
    """Return what clocks on the wall show, without a zone."""
    return instant.astimezone(zone).replace(tzinfo=None)


def usable(field: str, instant: datetime) -> datetime:
    """Return an instant in UTC. Raises ScheduleError for one without a zone, or in a far year."""
    if instant.utcoffset() is None:
        text = _("%(time)s has no time zone.")
        raise ScheduleError(field, text % {"time": instant.isoformat(" ")})
    refuse_far_year(field, instant.year)
    return instant.astimezone(UTC)


def usable_minute(field: str, instant: datetime) -> datetime:
    """Return the beginning of the instant's minute in UTC. Raises ScheduleError as `usable` does."""
    return usable(field, instant).replace(second=0, microsecond=0)


def refuse_far_year(field: str, year: int) -> None:
    """Raise ScheduleError for a year that nobody means, such as one of another calendar."""
    try:
        reading.refuse_far_year(year, years=YEARS)
    except reading.ReadingError as error:
        raise ScheduleError(field, str(error)) from error
