"""What people type: digits of other scripts, and spaces wherever they fell."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from automation.schedule.errors import ScheduleError
from automation.schedule.zones import refuse_far_year


def plain(text: str) -> str:
    """Return the text on one line, its digits those of English, its spaces single."""
    digits = (str(int(sign)) if sign.isdecimal() else sign for sign in text)
    return " ".join("".join(digits).split())


def wall_time_from(text: str, zone: ZoneInfo) -> datetime:
    """Return the instant that was typed, in the zone: without an offset it is a local time there.

    Of a local time that comes twice the first is meant; one that clocks jump over comes back as it
    is. Raises ScheduleError.
    """
    typed = plain(text).replace("/", "-")
    try:
        instant = parse_datetime(typed)
    except ValueError:  # no such day or hour
        instant = None
    if instant is None:
        told = _("%(text)r is not a date and time. Write it as 2026-12-01 08:00.")
        raise ScheduleError("at", told % {"text": text})
    refuse_far_year("at", instant.year)
    return (
        instant.astimezone(UTC).astimezone(zone) if instant.tzinfo else instant.replace(tzinfo=zone)
    )
