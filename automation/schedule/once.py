"""Once, at an instant."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from automation.schedule.errors import ScheduleError
from automation.schedule.rule import VERSION, Rule
from automation.schedule.typed import plain
from automation.schedule.zone_changes import next_change
from automation.schedule.zones import (
    in_words,
    refuse_far_year,
    usable_minute,
    wall_clock,
    zone_named,
)

_LOCAL_TIME = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[T ](\d{1,2}):(\d{2})", re.IGNORECASE)
_TWO_DAYS = timedelta(days=2)


class OnceRule(Rule):
    """Due once, `at` an instant, whose seconds do not count.

    `timezone` is the one in which people read it. Raises ScheduleError.
    """

    def __init__(self, at: datetime, timezone: str) -> None:
        self.zone = zone_named(timezone)
        self.at = usable_minute("at", at)

    def __str__(self) -> str:
        # Without the zone: it does not change when this is due.
        return f"once {self.at.isoformat()}"

    @property
    def words(self) -> str:
        """The rule in the active language."""
        return _("Once, at %(time)s") % {"time": in_words(self.zone, self.at)}

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the occurrence if it is strictly after `instant`."""
        if self.at > instant:
            yield self.at

    def as_json(self) -> dict[str, Any]:
        at, timezone = self.at.isoformat(), self.zone.key
        return {"version": VERSION, "kind": "once", "at": at, "timezone": timezone}


def once_from(text: str, timezone: str) -> OnceRule:
    """Return the rule for a local time that was typed, as `2026-12-01 08:00`, in any digits.

    Of a time that comes twice, because clocks go back, the first is meant. Raises ScheduleError for
    one that does not exist, because clocks jump over it, and for another text.
    """
    return OnceRule(instant_from(text, timezone), timezone)


def instant_from(text: str, timezone: str) -> datetime:
    """Return the instant, in UTC, of a local time that was typed; as `once_from` understands it."""
    zone = zone_named(timezone)
    wall = _local_time(text)
    at = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_clock(zone, at) != wall:
        change = next_change(zone, at - _TWO_DAYS, at)
        first = change.wall_after if change else wall_clock(zone, at)
        told = _(
            "%(time)s does not exist in %(zone)s: clocks jump over it. "
            "The next time that exists is %(next)s."
        )
        times = {"time": f"{wall:%Y-%m-%d %H:%M}", "next": f"{first:%Y-%m-%d %H:%M}"}
        raise ScheduleError("at", told % {**times, "zone": zone.key})
    return at


def _local_time(text: str) -> datetime:
    typed = _LOCAL_TIME.fullmatch(plain(text))
    if typed:
        year, month, day, hour, minute = (int(number) for number in typed.groups())
        refuse_far_year("at", year)
        try:
            return datetime(year, month, day, hour, minute)  # noqa: DTZ001  # a local time
        except ValueError:
            pass  # no such day or hour
    told = _("%(text)r is not a date and time. Write it as 2026-12-01 08:00.")
    raise ScheduleError("at", told % {"text": text})
