"""When the clocks of a zone change, and by how much.

Python tells a zone's offset at an instant, but not when the offset changes. So the changes are
searched for, a year at a time, and remembered.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from automation.schedule.zones import offset_at

#: How many years ahead changes are looked for. Governments announce them for fewer.
YEARS_AHEAD = 10

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class ClockChange:
    """From `at` on (UTC), clocks are `new_offset` ahead of UTC; until then, `old_offset`."""

    at: datetime
    old_offset: timedelta
    new_offset: timedelta

    @property
    def move(self) -> timedelta:
        """How far clocks go forward; negative where they go back."""
        return self.new_offset - self.old_offset

    @property
    def wall_before(self) -> datetime:
        """What clocks would show at the change without it: the first local time not reached."""
        return self.at.replace(tzinfo=None) + self.old_offset

    @property
    def wall_after(self) -> datetime:
        """What clocks show from the change on."""
        return self.at.replace(tzinfo=None) + self.new_offset


def clock_changes(zone: ZoneInfo, after: datetime, count: int) -> list[ClockChange]:
    """Return the next clock changes after `after`, at most `count`, within the next ten years."""
    until = after.astimezone(UTC) + YEARS_AHEAD * 366 * _DAY
    return list(islice(changes_between(zone, after, until), count))


def next_change(zone: ZoneInfo, after: datetime, until: datetime) -> ClockChange | None:
    """Return the first clock change later than `after` and not later than `until`, or None."""
    return next(changes_between(zone, after, until), None)


def changes_between(zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[ClockChange]:
    """Yield the clock changes later than `after` and not later than `until`, in order."""
    for year in range(after.astimezone(UTC).year, until.astimezone(UTC).year + 1):
        for change in changes_of_year(zone, year):
            if after < change.at <= until:
                yield change


@lru_cache(maxsize=10_000)
def changes_of_year(zone: ZoneInfo, year: int) -> tuple[ClockChange, ...]:
    """Return the clock changes of a year in UTC.

    Two changes within a day that undo each other would not be seen.
    """
    # A second early, so that a change with which the year begins is the year's.
    last = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    day = datetime(year, 1, 1, tzinfo=UTC) - _SECOND
    offset, found = offset_at(zone, day), []
    while day < last:
        next_offset = offset_at(zone, day + _DAY)
        if next_offset != offset:
            found.append(ClockChange(_first_with_other(zone, day, offset), offset, next_offset))
        day, offset = day + _DAY, next_offset
    return tuple(found)


def _first_with_other(zone: ZoneInfo, start: datetime, offset: timedelta) -> datetime:
    """The first second, within a day, at which the zone no longer has `offset`."""
    seconds = range(_DAY // _SECOND + 1)
    has_left = lambda second: offset_at(zone, start + second * _SECOND) != offset  # noqa: E731
    return start + bisect_left(seconds, True, key=has_left) * _SECOND
