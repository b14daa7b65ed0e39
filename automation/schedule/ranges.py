"""From when to when, as people type it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from automation.schedule.excluded import beginning_of_day
from automation.schedule.once import once_from
from automation.schedule.typed import plain
from automation.schedule.zones import refuse_far_year, usable, zone_named

_DAY = timedelta(days=1)


def range_from(begin: str, end: str, timezone: str) -> tuple[datetime, datetime]:
    """Return the first and the last instant of a range, each typed as a day, or as a day and time.

    In any digits, and in the time zone unless it says its offset from UTC. A day is there as a
    whole. Raises ScheduleError.
    """
    zone = zone_named(timezone)
    return _instant(begin, zone), _instant(end, zone, days_later=1)


def _instant(text: str, zone: ZoneInfo, days_later: int = 0) -> datetime:
    typed = plain(text)
    day = _day(typed)
    if day:
        refuse_far_year("at", day.year)
        begin = beginning_of_day(zone, day + days_later * _DAY)
        return begin - timedelta(microseconds=days_later)
    at = _time(typed)
    if at is None:
        return once_from(typed, zone.key).at
    if at.tzinfo:
        return usable("at", at)
    return once_from(f"{at:%Y-%m-%d %H:%M}", zone.key).at + timedelta(seconds=at.second)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
