"""A range of time, as people type it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from automation.reading import ReadingError, date_from
from automation.schedule.excluded import beginning_of_day
from automation.schedule.typed import instant_from
from automation.schedule.zones import YEARS, zone_named

_DAY = timedelta(days=1)


def range_from(begin: str, end: str, timezone: str) -> tuple[datetime, datetime]:
    """Return the first and the last instant of a range, each typed as a day, or as a day and time.

    In any digits, and in the time zone unless it says its offset from UTC. A day is there as a
    whole. Raises ScheduleError.
    """
    zone = zone_named(timezone)
    return _instant(begin, zone), _instant(end, zone, days_later=1)


def _instant(text: str, zone: ZoneInfo, days_later: int = 0) -> datetime:
    day = _day(text)
    if day is None:
        return instant_from(text, zone.key)
    begin = beginning_of_day(zone, day + days_later * _DAY)
    return begin - timedelta(microseconds=days_later)


def _day(text: str) -> date | None:
    try:
        return date_from(text, years=YEARS)
    except ReadingError:
        return None
