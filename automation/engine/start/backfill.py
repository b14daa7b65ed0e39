"""backfill: start times of the past, each once, in order, and behind what is due now."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from automation.engine.start.launch import record_of
from automation.models import Execution, Kind, Process, ScheduleVersion, Status, Trigger, locking
from automation.parameters import ParameterError
from automation.queue import messages, schedules
from automation.schedule import Rule, ScheduleError

#: So many are started without asking twice.
MOST = 10_000
#: So many a plan holds: a range with more is refused.
LIMIT = 200_000
#: So many are started in one transaction; whatever else concerns the process waits for it.
BATCH = 500

_INSTANT = timedelta(microseconds=1)


class BackfillError(ValueError):
    """There is nothing to plan or to start; the text says why."""


class NoTimesError(BackfillError):
    """Nothing makes the process due, or nothing readable: that is the answer, nobody's mistake."""


@dataclass(slots=True)
class Occurrence:
    """A time of the past, and what became of it."""

    at: datetime
    #: Of the last row that accounts for it, and that row's number; none where there is no row.
    status: str = ""
    execution: int | None = None
    succeeded: bool = False
    #: It runs, or waits for a worker.
    is_open: bool = False
    #: The clock has yet to account for it: it is not up to a backfill.
    is_due: bool = False

    def may_start(self, *, again: bool) -> bool:
        return not (self.is_open or self.is_due or (self.succeeded and not again))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The times of a range by the rule that is in force now, oldest first."""

    process: Process
    rule: Rule
    since: datetime
    until: datetime
    #: Whether those that succeeded are offered too.
    again: bool
    occurrences: list[Occurrence]
    #: Since when the rule has been what it is, where that is within the range.
    rule_since: datetime | None

    @property
    def offered(self) -> list[datetime]:
        """What may be started."""
        return [each.at for each in self.occurrences if each.may_start(again=self.again)]

    @property
    def pruned_before(self) -> datetime | None:
        """Until when, within the range, the history may have forgotten what succeeded."""
        begin = self.process.history_begins_at
        return begin if begin and begin > self.since else None


def plan(process: Process, since: datetime, until: datetime, *, again: bool = False) -> Plan:
    """Return what was due from `since` to `until`, both included, and what became of each.

    Whether the process is enabled or paused does not matter. What lies ahead is left out. Raises
    BackfillError where there is no rule, for a range that is none, and for one of more than LIMIT.
    """
    rule, now = _rule_of(process), timezone.now()
    if until < since:
        raise BackfillError(_("The end of the range is before its beginning."))
    if since > now:
        raise BackfillError(_("The range has not come yet."))
    until = min(until, now)
    found = list(islice(rule.between(since - _INSTANT, until), LIMIT + 1))
    if len(found) > LIMIT:
        told = _("In this range there are more than %(limit)s times: choose a shorter one.")
        raise BackfillError(told % {"limit": LIMIT})
    return Plan(
        process=process,
        rule=rule,
        since=since,
        until=until,
        again=again,
        occurrences=_looked_up(process, found),
        rule_since=_rule_since(process, rule, since, until),
    )


def backfill(
    process: Process,
    occurrences: Iterable[datetime],
    *,
    again: bool = False,
    by: AbstractBaseUser | None = None,
    by_name: str = "",
    note: str = "",
) -> int:
    """Start the times in order, with the parameters of now; return how many were started.

    They wait for free slots, whatever the process does about overlaps, one place behind its
    priority. One that runs or waits already, or succeeded (unless `again`), is left alone: two
    people may ask for the same at once. They are queued in batches: after an error the first ones
    may be, and asking again goes on behind them.

    Raises BackfillError for a time that lies ahead, and where no run could start.
    """
    wanted = sorted(set(occurrences))
    if wanted and wanted[-1] > timezone.now():
        raise BackfillError(_("A backfill is of the past: some of these times lie ahead."))
    asked = {"requested_by": by, "requested_by_name": by_name, "note": note}
    batches = (wanted[i : i + BATCH] for i in range(0, len(wanted), BATCH))
    return sum(_start(process, batch, again=again, **asked) for batch in batches)


@transaction.atomic
def _start(process: Process, instants: Sequence[datetime], *, again: bool, **asked: Any) -> int:
    locked = locking.lock(process.pk)
    if locked is None:
        raise BackfillError(_("This process does not exist any more."))
    columns: dict[str, Any] = {
        "trigger": Trigger.BACKFILL,
        "parameters": _parameters_of(locked),
        "available_at": timezone.now(),
        # Behind whatever else is due of its own priority, however long that came after it.
        "priority": locked.priority - 1,
    }
    executions = [
        record_of(locked, scheduled_for=each.at, **columns, **asked)
        for each in _looked_up(locked, instants)
        if each.may_start(again=again)
    ]
    if executions:
        Execution.objects.bulk_create(executions)
        messages.push_all(executions, time_limit=locked.effective_time_limit)
    return len(executions)


def _parameters_of(process: Process) -> dict[str, Any]:
    function = process.registered_function
    if function is None:
        told = _("The function %(function)s is not in the code.")
        raise BackfillError(told % {"function": process.function})
    try:
        return function.parameters.clean(process.parameters)
    except (ParameterError, TypeError) as error:
        told = _("The stored parameters do not fit the function: %(error)s")
        raise BackfillError(told % {"error": error}) from error


def _rule_of(process: Process) -> Rule:
    try:
        rule = process.planned_rule
    except ScheduleError as error:
        raise NoTimesError(str(error)) from error
    if rule is None:
        told = _("%(process)s has no schedule: there are no times that could have been missed.")
        raise NoTimesError(told % {"process": process})
    return rule


def _looked_up(process: Process, instants: Sequence[datetime]) -> list[Occurrence]:
    """What became of each; a row may stand for several. In two statements."""
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
            each.is_open |= status in {Status.PENDING, Status.RUNNING}
    return found


def _rule_since(process: Process, rule: Rule, since: datetime, until: datetime) -> datetime | None:
    """The end of the last span within the range in which another rule was in force."""
    spans = ScheduleVersion.objects.spans_of(process, since, until)
    others = [s.until for s in spans if s.version.schedule not in (None, rule.as_json())]
    return max(others, default=None)
