"""The plan of a backfill: the due times of a range, and what became of each."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from automation.models import OPEN, Execution, Kind, Process, ScheduleVersion, Status
from automation.queue import schedules
from automation.schedule import Rule, ScheduleError
from automation.why_not import RefusedError, WhyNot

#: Times that a plan holds at most; a range with more is refused.
LIMIT = 200_000

_INSTANT = timedelta(microseconds=1)


class BackfillError(RefusedError):
    """There is nothing to plan or to start; the text says why."""


class NoTimesError(BackfillError):
    """Nothing makes the process due, or its rule cannot be read: an answer, and no mistake."""


@dataclass(slots=True)
class Occurrence:
    """An instant of the past, and what became of it."""

    at: datetime
    #: The status and the number of the last row that accounts for it; none where there is no row.
    status: str = ""
    execution: int | None = None
    succeeded: bool = False
    #: Whether it runs, or waits for a worker.
    is_open: bool = False
    #: Whether the clock has yet to account for it, so that a backfill leaves it alone.
    is_due: bool = False

    def may_start(self, *, again: bool) -> bool:
        return self.action(again=again) == "start"

    def action(self, *, again: bool) -> str:
        """Return what a backfill does with the occurrence: a public code in the JSON."""
        if self.is_open:
            return "open"
        if self.is_due:
            return "left_to_the_schedule"
        return "succeeded" if self.succeeded and not again else "start"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The times of a range by the rule that is in force now, oldest first."""

    process: Process
    rule: Rule
    since: datetime
    until: datetime
    #: Whether occurrences that succeeded are offered too.
    again: bool
    occurrences: list[Occurrence]
    #: Since when the rule of now is in force, where that is within the range.
    rule_since: datetime | None

    @property
    def offered(self) -> list[datetime]:
        """The instants that may be started."""
        return [each.at for each in self.occurrences if each.may_start(again=self.again)]

    @property
    def pruned_before(self) -> datetime | None:
        """Until when, within the range, the history may have lost what succeeded; else None."""
        begin = self.process.history_begins_at
        return begin if begin and begin > self.since else None


def plan(process: Process, since: datetime, until: datetime, *, again: bool = False) -> Plan:
    """Return what was due from `since` to `until`, both included, and what became of each.

    Whether the process is enabled or paused does not matter. What lies ahead is left out. Raises
    BackfillError where there is no rule, for a range that is none, and for one of more than LIMIT.
    """
    rule, now = _rule_of(process), timezone.now()
    if until < since:
        told = _("The end of the range is before its beginning.")
        raise BackfillError(WhyNot("range_reversed", told))
    if since > now:
        raise BackfillError(WhyNot("lies_ahead", _("The range has not come yet.")))
    until = min(until, now)
    found = list(islice(rule.between(since - _INSTANT, until), LIMIT + 1))
    if len(found) > LIMIT:
        told = _("In this range there are more than %(limit)s times: choose a shorter one.")
        raise BackfillError(WhyNot("too_many", told % {"limit": LIMIT}))
    return Plan(
        process=process,
        rule=rule,
        since=since,
        until=until,
        again=again,
        occurrences=looked_up(process, found),
        rule_since=_rule_since(process, rule, since, until),
    )


def why_no_times(process: Process) -> WhyNot | None:
    """Why no time of this process can have been missed; None where some can."""
    try:
        _rule_of(process)
    except NoTimesError as error:
        return error.why
    return None


def _rule_of(process: Process) -> Rule:
    try:
        rule = process.planned_rule
    except ScheduleError as error:
        raise NoTimesError(WhyNot("rule_unreadable", str(error))) from error
    if rule is None:
        told = _("%(process)s has no schedule: there are no times that could have been missed.")
        raise NoTimesError(WhyNot("no_schedule", told % {"process": process}))
    return rule


def looked_up(process: Process, instants: Sequence[datetime]) -> list[Occurrence]:
    """Return what became of each instant; a row may stand for several. In two statements."""
    found = [Occurrence(at) for at in instants]
    if not found:
        return found
    next_run = schedules.next_run_of(process.pk)
    for each in found[bisect_left(instants, next_run) if next_run else len(found) :]:
        each.is_due = True
    rows = (
        Execution.objects.filter(process=process, kind=Kind.RUN, scheduled_for__lte=instants[-1])
        .annotate(first=F("scheduled_for"), last=Coalesce("scheduled_until", "scheduled_for"))
        .filter(last__gte=instants[0])
        .order_by("pk")
    )
    for pk, status, first, last in rows.values_list("pk", "status", "first", "last"):
        for each in found[bisect_left(instants, first) : bisect_right(instants, last)]:
            each.status, each.execution = status, pk
            each.succeeded |= status == Status.COMPLETED
            each.is_open |= status in OPEN
    return found


def _rule_since(process: Process, rule: Rule, since: datetime, until: datetime) -> datetime | None:
    """Return when another rule was last in force within the range; None where none was."""
    spans = ScheduleVersion.objects.spans_of(process, since, until)
    others = [s.until for s in spans if s.version.schedule not in (None, rule.as_json())]
    return max(others, default=None)
