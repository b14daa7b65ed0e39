"""A rule within limits: from when, until when, how often, and not on excluded days."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice, takewhile
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.instants import to_minute
from automation.schedule.errors import NeverDueError, ScheduleError
from automation.schedule.excluded import ExcludedDays, Exclusions, beginning_of_day
from automation.schedule.interval import IntervalRule
from automation.schedule.once import OnceRule
from automation.schedule.rule import VERSION, Rule
from automation.schedule.zones import FIRST_YEAR, LAST_YEAR, usable, wall_clock

MOST_OCCURRENCES = 1_000  # highest value of `limit`

#: Excluded days, or ranges of them, at most; a calendar has hundreds.
LABELS_IN_WORDS = 5

#: A schedule that does nothing for so long is taken for a mistake.
YEARS_OF_SILENCE = 50

_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_BEGINNING = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)


class Schedule(Rule):
    """The occurrences of `rule` that the limits leave.

    `starts`, `ends`: the first instant that counts, and the first that does not any more.
    `excluded`: days, in the rule's zone, on which nothing is due.
    `limit`: how many occurrences there are from `starts` on (of an interval, from its anchor);
    excluded ones are not counted. At most 1,000.
    Raises ScheduleError for limits that contradict one another or leave nothing.
    """

    def __init__(
        self,
        rule: Rule,
        starts: datetime | None = None,
        ends: datetime | None = None,
        excluded: Iterable[ExcludedDays] = (),
        limit: int | None = None,
    ) -> None:
        self.rule, self.zone, self.limit = rule, rule.zone, limit
        self.starts = usable("starts", starts) if starts else None
        self.ends = usable("ends", ends) if ends else None
        self.calendar = Exclusions(excluded, rule.zone)
        self._refuse_contradictions()
        silence = self.silence_after(self._begin - _INSTANT)
        if silence:
            raise silence

    def __str__(self) -> str:
        parts = [str(self.rule)]
        for name, instant in (("starts", self.starts), ("ends", self.ends)):
            parts += [f"{name} {instant.isoformat()}"] if instant else []
        if self.calendar.days:
            days = " ".join(str(days) for days in self.calendar.stretches)
            parts.append(f"excluded {days} {self.zone.key}")
        if self.limit:
            parts.append(f"limit {self.limit}")
        return ", ".join(parts)

    @property
    def excluded(self) -> tuple[ExcludedDays, ...]:
        return self.calendar.days

    @property
    def words(self) -> str:
        """The schedule in the active language."""
        parts = [self.rule.words]
        if self.starts:
            parts.append(
                _("from %(start)s") % {"start": to_minute(self.starts, self.zone, bare=True)}
            )
        if self.ends:
            parts.append(_("before %(end)s") % {"end": to_minute(self.ends, self.zone, bare=True)})
        if self.limit:
            text = ngettext("%(count)s time", "%(count)s times", self.limit)
            parts.append(text % {"count": self.limit})
        if self.excluded:
            labels = list(dict.fromkeys(days.label or str(days) for days in self.excluded))
            more = ["…"] if len(labels) > LABELS_IN_WORDS else []
            days = _(", ").join(labels[:LABELS_IN_WORDS] + more)
            parts.append(_("not on: %(days)s") % {"days": days})
        return _("; ").join(parts)

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the occurrences strictly after `instant`, in order, as UTC datetimes."""
        for occurrence in self._after(instant):
            if self._last_counted and occurrence > self._last_counted:
                return
            yield occurrence

    def excluded_between(self, after: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
        """Yield the occurrences that excluded days took away, each with the label of its day.

        Later than `after` and not later than `until`. Where days overlap, the label of the first
        given counts.
        """
        after, until = max(after, self._begin - _INSTANT), min(until, self._end_of_rule or until)
        for stretch in self.calendar.stretches:
            # A day more on both sides: where clocks go back, a day may come again.
            first = beginning_of_day(self.zone, stretch.first) - _DAY
            last = beginning_of_day(self.zone, stretch.last + _DAY) + _DAY
            if last < after or until < first:
                continue
            for occurrence in self.rule.between(max(after, first), min(until, last)):
                day = wall_clock(self.zone, occurrence).date()
                if day in stretch:
                    yield occurrence, self.calendar.label_of(day)

    def is_open_at(self, instant: datetime) -> bool:
        """Whether an instant is within start, end and limit; excluded days are not asked."""
        end = self._end_of_rule
        return self._begin <= instant and (end is None or instant <= end)

    def silence_after(self, instant: datetime) -> NeverDueError | None:
        """Return why nothing is due after `instant`, or not within 50 years; None where it is."""
        begin = max(instant, self._begin - _INSTANT)
        # From when on the rule alone would be due, which may be in years to come.
        horizon = (self.rule.next_after(begin) or begin) + YEARS_OF_SILENCE * _YEAR
        first = self.next_after(instant)
        if first and first <= horizon:
            return None
        if self._last_counted and instant >= self._last_counted:
            told = _("All occurrences are over: the last was at %(time)s.")
            return self._never("limit", told, time=self._last_counted)
        if self.ends and instant >= self.ends:
            return self._never("ends", _("The schedule ended at %(time)s."), time=self.ends)
        if next(self.excluded_between(instant, horizon), None):
            return self._all_is_excluded(until=None if first else self.ends)
        if self.ends:
            told = _("Nothing is due before the end, %(time)s.")
            return self._never("ends", told, time=self.ends)
        told = _("Nothing is due any more: %(rule)s.") % {"rule": self.rule.words}
        return NeverDueError("starts" if self.starts else "schedule", told)

    def as_json(self) -> dict[str, Any]:
        days = [
            {"first": str(days.first), "last": str(days.last), "label": days.label}
            for days in self.excluded
        ]
        return {
            "version": VERSION,
            "kind": "schedule",
            "rule": self.rule.as_json(),
            "starts": self.starts.isoformat() if self.starts else None,
            "ends": self.ends.isoformat() if self.ends else None,
            "excluded": days,
            "limit": self.limit,
        }

    @property
    def _begin(self) -> datetime:
        return self.starts or _BEGINNING

    @property
    def _end_of_rule(self) -> datetime | None:
        """The last instant at which something may be due."""
        end = self.ends - _INSTANT if self.ends else None
        return min(filter(None, (end, self._last_counted)), default=None)

    @cached_property
    def _last_counted(self) -> datetime | None:
        """The occurrence with which the limit is reached; None where it never is."""
        if self.limit is None:
            return None
        every = self._after(self._begin - _INSTANT)
        # A thousand leap days are four thousand years.
        counted = list(islice(takewhile(lambda at: at.year <= LAST_YEAR, every), self.limit))
        return counted[-1] if len(counted) == self.limit else None

    def _after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the occurrences strictly after an instant, the limit left out."""
        position: datetime | None = max(instant.astimezone(UTC), self._begin - _INSTANT)
        while position:
            start, position = position, None
            for occurrence in self.rule.after(start):
                if self.ends and occurrence >= self.ends:
                    return
                stretch = self.calendar.stretch_of(wall_clock(self.zone, occurrence).date())
                if stretch:
                    # A rule is asked again behind the days, not for each occurrence within.
                    position = self.calendar.just_before_end(stretch, occurrence)
                    break
                yield occurrence

    def _refuse_contradictions(self) -> None:
        if self.starts and self.ends and self.ends <= self.starts:
            told = _("The end, %(time)s, is not after the start.")
            raise self._error("ends", told, time=self.ends)
        if self.limit is None:
            return
        if not 1 <= self.limit <= MOST_OCCURRENCES:
            told = _("%(count)s times cannot be counted: from 1 to %(most)s can.")
            limits = {"count": self.limit, "most": MOST_OCCURRENCES}
            raise ScheduleError("limit", told % limits)
        if not self.starts and not isinstance(self.rule, IntervalRule | OnceRule):
            told = _("Say from when on the occurrences are counted: give a start.")
            raise ScheduleError("limit", told)

    def _all_is_excluded(self, until: datetime | None) -> NeverDueError:
        if until:
            told = _("Excluded days take every occurrence until the end, %(time)s.")
            return self._never("excluded", told, time=until)
        told = _("Excluded days take every occurrence within the next %(years)s years.")
        return NeverDueError("excluded", told % {"years": YEARS_OF_SILENCE})

    def _never(self, field: str, text: str, *, time: datetime) -> NeverDueError:
        return NeverDueError(field, text % {"time": to_minute(time, self.zone, bare=True)})

    def _error(self, field: str, text: str, *, time: datetime) -> ScheduleError:
        return ScheduleError(field, text % {"time": to_minute(time, self.zone, bare=True)})
