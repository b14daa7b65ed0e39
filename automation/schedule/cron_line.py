"""One line of cron, and when it comes due in a zone.

Clock changes follow Debian cron (cron(8), "Notes"): a fixed time inside a skipped hour runs at once
after it, a fixed time in a repeated hour runs on its first pass only, and a rule with `*` in minute
or hour follows the wall clock. A change of more than three hours back, or of three or more forward,
is a correction of the clock, not daylight saving: what it skips does not run, what it repeats does.

cronsim reads the rules and finds the wall-clock times; the zone is applied here, because cronsim's
own handling assumes that clocks change by whole hours.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from automation.schedule import cron_fields, cron_words
from automation.schedule.errors import ScheduleError
from automation.schedule.zone_changes import ClockChange, next_change
from automation.schedule.zones import offset_at, wall_clock

#: What the names stand for, as in crontab(5).
NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

#: What a field takes, by what cronsim says of one that is wrong.
_RANGES = {
    "Bad minute": gettext_lazy("the minute is 0-59"),
    "Bad hour": gettext_lazy("the hour is 0-23"),
    "Bad day-of-month": gettext_lazy("the day of the month is 1-31, or L for the last"),
    "Bad month": gettext_lazy("the month is 1-12 or JAN-DEC"),
    "Bad day-of-week": gettext_lazy("the day of the week is 0-7 (0 and 7 are Sunday) or SUN-SAT"),
}

_SECOND = timedelta(seconds=1)
_NONE = timedelta(0)

#: Cron's loop takes a clock that is up to five minutes late for its own slowness, and one that
#: moved by more than three hours for corrected; a minute of the move is the one that passed.
_UNNOTICED = timedelta(minutes=5)
_LARGE_FORWARD = timedelta(hours=3)
_LARGE_BACK = timedelta(hours=-3)


class CronLine:
    """One cron rule: five fields, or a name such as `@daily`.

    Raises ScheduleError for what is not cron or never comes due.
    """

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        self._refuse_other_shapes(text)
        self._expression = cron_fields.as_cron_reads(NAMES.get(self.text.lower(), self.text))
        minute, hour, *_rest = self._expression.split()
        self.follows_wall_clock = minute.startswith("*") or hour.startswith("*")
        self._refuse_unusable()

    @property
    def words(self) -> str:
        return cron_words.in_words(self._expression)

    def after(self, instant: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield the occurrences strictly after `instant`, in order, as UTC datetimes."""
        last = instant
        # Which fixed times have passed depends on a clock change as far back as it can be noticed.
        begin = instant if self.follows_wall_clock else instant + _LARGE_BACK
        for occurrence in self._occurrences(begin, zone):
            if occurrence > last:
                yield occurrence
                last = occurrence

    def _occurrences(self, position: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield what is due after `position`, from each clock change to the next; some come twice."""
        wall_position = wall_clock(zone, position)
        while True:
            offset, change = offset_at(zone, position), None
            for wall in self._wall_times(wall_position):
                occurrence = wall.replace(tzinfo=UTC) - offset
                change = next_change(zone, position, occurrence)
                if change is not None:
                    break
                yield occurrence
                position = occurrence
            if change is None:
                return
            if self.catches_up(change) and any(self.wall_times_touched(change)):
                yield change.at
            goes_on = change.wall_after if self.follows(change) else change.wall_before
            # A second early, so that the minute with which it goes on counts.
            position, wall_position = change.at, goes_on - _SECOND

    def catches_up(self, change: ClockChange) -> bool:
        """Whether a time that the change skips runs at once after the change."""
        limit = _UNNOTICED if self.follows_wall_clock else _LARGE_FORWARD
        return _NONE < change.move < limit

    def follows(self, change: ClockChange) -> bool:
        """Whether the rule follows the wall clock at the change: a repeated time runs again."""
        return self.follows_wall_clock or not _LARGE_BACK <= change.move < _NONE

    def wall_times_touched(self, change: ClockChange) -> Iterator[datetime]:
        """Yield the local times of the rule that a clock change skips or repeats."""
        first, end = sorted([change.wall_before, change.wall_after])
        return takewhile(lambda wall: wall < end, self._wall_times(first - _SECOND))

    def is_due_at(self, wall: datetime) -> bool:
        """Whether a local time is one of the rule's."""
        return next(self._wall_times(wall - _SECOND)) == wall

    def _wall_times(self, after: datetime) -> Iterator[datetime]:
        """Yield the naive local times of the rule after a naive one, clock changes left out."""
        return iter(CronSim(self._expression, after))

    def _refuse_other_shapes(self, typed: str) -> None:
        fields = NAMES.get(self.text.lower(), self.text).split()
        if wrong := cron_fields.what_is_no_field(self.text):
            raise ScheduleError("cron", wrong)
        if self.text.lower() == "@reboot":
            text = _("@reboot is not a time: a process starts by a clock. Use @daily, for example.")
            raise ScheduleError("cron", text)
        if fields and fields[0].startswith("@"):
            text = _("There is no %(name)r. There are %(names)s.")
            told = {"name": self.text, "names": ", ".join(NAMES)}
            raise ScheduleError("cron", text % told)
        if len(fields) != 5:
            text = ngettext(
                "%(rule)r has %(count)s field; a cron rule has five: minute, hour, day of month, "
                'month, day of week, such as "30 7 * * *".',
                "%(rule)r has %(count)s fields; a cron rule has five: minute, hour, day of month, "
                'month, day of week, such as "30 7 * * *".',
                len(fields),
            )
            wrong = text % {"rule": typed, "count": len(fields)}
            if len(fields) in (6, 7):
                wrong += " " + _("Leave out seconds and years.")
            raise ScheduleError("cron", wrong)

    def _refuse_unusable(self) -> None:
        try:
            first = next(self._wall_times(datetime(2024, 1, 1)), None)  # noqa: DTZ001
        except CronSimError as error:
            # The library says "Bad day-of-month" of 31 February too, which is well formed.
            if str(error) == "Bad day-of-month" and self._day_alone_is_fine():
                first = None
            else:
                wrong = cron_fields.what_is_wrong(self.text) or str(
                    _RANGES.get(str(error), str(error).lower())
                )
                text = _("%(rule)r is not a cron rule: %(wrong)s.")
                told = text % {"rule": self.text, "wrong": wrong}
                raise ScheduleError("cron", told) from error
        if first is None:
            text = _("%(rule)r never comes due: no such date.")
            raise ScheduleError("cron", text % {"rule": self.text})

    def _day_alone_is_fine(self) -> bool:
        try:
            CronSim(f"0 0 {self.text.split()[2]} * *", datetime(2024, 1, 1))  # noqa: DTZ001
        except CronSimError:
            return False
        return True
