"""Days on which nothing is due: holidays, weeks of rest."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from automation.schedule.errors import ScheduleError
from automation.schedule.zone_changes import changes_between
from automation.schedule.zones import refuse_far_year

_DAY = timedelta(days=1)
_NONE = timedelta(0)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class ExcludedDays:
    """A day, or all days from `first` to `last`, both included. Raises ScheduleError."""

    first: date
    last: date
    label: str = ""

    def __post_init__(self) -> None:
        refuse_far_year("excluded", self.first.year)
        refuse_far_year("excluded", self.last.year)
        if self.last < self.first:
            text = _("The excluded days end on %(last)s, before they begin on %(first)s.")
            raise ScheduleError("excluded", text % {"last": self.last, "first": self.first})

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


class Exclusions:
    """All excluded days of a schedule, in its zone. They may overlap."""

    def __init__(self, days: Iterable[ExcludedDays], zone: ZoneInfo) -> None:
        self.days = tuple(days)
        self._zone = zone
        self.stretches = _stretches(self.days)
        self._beginnings = [stretch.first for stretch in self.stretches]

    def stretch_of(self, day: date) -> ExcludedDays | None:
        """Return the excluded days without a gap that the day is one of; None where it is not."""
        index = bisect_right(self._beginnings, day) - 1
        return self.stretches[index] if index >= 0 and day in self.stretches[index] else None

    def label_of(self, day: date) -> str:
        """Return the label of the first given days that the day is one of."""
        return next(days.label for days in self.days if day in days)

    def just_before_end(self, stretch: ExcludedDays, occurrence: datetime) -> datetime:
        """Return an instant from which to search on: all from `occurrence` to it is excluded."""
        end = beginning_of_day(self._zone, stretch.last + _DAY)
        changes = changes_between(self._zone, occurrence, end)
        # Clocks that go back may show again a day that is not excluded: look closely there.
        back = next((change.at for change in changes if change.move < _NONE), end)
        return max(occurrence, back - _INSTANT)


def beginning_of_day(zone: ZoneInfo, day: date) -> datetime:
    """Return the instant, in UTC, at which clocks first show the day, or one shortly before."""
    midnight = datetime.combine(day, time(), tzinfo=zone)
    # Of a midnight that clocks jump over, the second reading is the earlier one.
    return min(midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def _stretches(days: Iterable[ExcludedDays]) -> list[ExcludedDays]:
    """Return the days in order, ranges that overlap or adjoin joined into one."""
    found: list[ExcludedDays] = []
    for one in sorted(days, key=lambda days: days.first):
        if found and one.first <= found[-1].last + _DAY:
            found[-1] = ExcludedDays(found[-1].first, max(found[-1].last, one.last))
        else:
            found.append(ExcludedDays(one.first, one.last))
    return found
