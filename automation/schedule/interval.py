"""A rule that is due at regular intervals, counted from an instant."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.instants import to_minute
from automation.reading import ReadingError, length_as_typed, length_from, plain
from automation.schedule.errors import ScheduleError
from automation.schedule.rule import VERSION, Rule
from automation.schedule.zones import LAST_YEAR, usable_minute, zone_named

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

SHORTEST, LONGEST = _MINUTE, 366 * _DAY

_EVERY = re.compile(r"(?:every|هر)\s+")


def interval_from(text: str) -> timedelta:
    """Return the interval that was typed, as `every 45 minutes`, `2 hours`, `1:30` or `PT90M`.

    Raises ScheduleError for another text. Whether an interval may be that long, IntervalRule says.
    """
    try:
        return length_from(_EVERY.sub("", plain(text).lower(), count=1))
    except ReadingError:
        told = _("%(text)r is not an interval. Write 45 minutes, 2 hours, 1 day or 1:30.")
        raise ScheduleError("every", told % {"text": text}) from None


def minutes_from(text: str) -> int:
    """Return the minutes of an interval that was typed and can be followed. Raises ScheduleError."""
    every = interval_from(text)
    _refuse_other_lengths(every)
    return every // _MINUTE


def _refuse_other_lengths(every: timedelta) -> None:
    if every % _MINUTE or not SHORTEST <= every <= LONGEST:
        text = _(
            "%(every)s cannot be followed: an interval is of whole minutes, from 1 minute to 366 days."
        )
        raise ScheduleError("every", text % {"every": length_as_typed(every)})


def interval_as_typed(every: timedelta) -> str:
    """Return an interval of whole minutes as `interval_from` reads it: `45 minutes` or `1:30`."""
    if every < _HOUR or not every % _DAY:
        return length_as_typed(every)
    hours, rest = divmod(every, _HOUR)
    if rest:
        return f"{hours}:{rest // _MINUTE:02}"
    return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}


class IntervalRule(Rule):
    """Due at `anchor` and then again and again, `every` so often; clock changes do not matter.

    `every` is of whole minutes, from 1 minute to 366 days. The seconds of `anchor` do not count.
    `timezone` is the one in which people read it. Raises ScheduleError.
    """

    def __init__(self, every: timedelta, anchor: datetime, timezone: str) -> None:
        self.zone = zone_named(timezone)
        _refuse_other_lengths(every)
        self.every = every
        self.anchor = usable_minute("anchor", anchor)

    def __str__(self) -> str:
        # Without the zone: it does not change when this is due.
        return f"every {self.every // _MINUTE} minutes from {self.anchor.isoformat()}"

    @property
    def words(self) -> str:
        """The rule in the active language."""
        told = {
            "interval": self._interval_in_words,
            "start": to_minute(self.anchor, self.zone, bare=True),
        }
        return _("%(interval)s, from %(start)s") % told

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the occurrences strictly after `instant`, in order, as UTC datetimes."""
        number = max(0, (instant - self.anchor) // self.every + 1)
        occurrence = self.anchor + number * self.every
        while occurrence.year <= LAST_YEAR:
            yield occurrence
            occurrence += self.every

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "kind": "interval",
            "minutes": self.every // _MINUTE,
            "anchor": self.anchor.isoformat(),
            "timezone": self.zone.key,
        }

    @property
    def _interval_in_words(self) -> str:
        one = {_MINUTE: _("Every minute"), _HOUR: _("Every hour"), _DAY: _("Every day")}
        if self.every in one:
            return one[self.every]
        days, rest = divmod(self.every, _DAY)
        hours, minutes = rest // _HOUR, rest % _HOUR // _MINUTE
        counted = [
            (days, ngettext("%(count)s day", "%(count)s days", days)),
            (hours, ngettext("%(count)s hour", "%(count)s hours", hours)),
            (minutes, ngettext("%(count)s minute", "%(count)s minutes", minutes)),
        ]
        parts = [text % {"count": count} for count, text in counted if count]
        return _("Every %(time)s") % {"time": _(" and ").join(parts)}
