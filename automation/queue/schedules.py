"""Schedule rows: django-q2's view of when a process is due, kept equal to the processes.

A row is named `process:<id>`. Its `next_run` is the process's own next occurrence, computed here:
django-q2's rules know one time zone for all and no clock changes. So whatever saves the row (a
django-q2 cluster that fired it, for one) has its `next_run` put right.
"""

from ast import literal_eval
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import OuterRef, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django_q.models import Schedule

from automation.database import statements
from automation.database.listen import SCHEDULE, notify
from automation.database.statements import Placeholder
from automation.models import (
    Calendar,
    Execution,
    Process,
    ScheduleVersion,
    locking,
)
from automation.queue import dropped
from automation.queue.rules import SECOND, rule_in_force
from automation.schedule import Rule, Unreadable

# By name: the clock is above this floor.
ENTRY = "automation.entry.start_occurrence"

PREFIX = "process:"
_NAME = Placeholder("name", models.CharField())
#: By how much the clock of another host, or one that was set back, may be behind.
FURTHEST_BACK = timedelta(days=1)


@dataclass(frozen=True)
class RowChange:
    """What `sync` did to a Schedule row, and the next run in it.

    The next run is None where the row was deleted or parked.
    """

    name: str
    what: str
    next_run: datetime | None
    #: The process, where its row had vanished.
    vanished: Process | None = None


def sync(process: Process) -> RowChange | None:
    """Make the process's Schedule row what its rule says; return the change, if there was one.

    A row that is due stays due while its rule is unchanged: that occurrence has not been started
    yet. Where the rule was changed, it never will be, and is recorded as missed. A row that has
    vanished counts as if it were there: what nothing started since is due.
    """
    with transaction.atomic():
        now, newest = timezone.now(), ScheduleVersion.newest_of(process)
        rule = rule_in_force(process, newest)
        rows = list(_rows(process.pk).select_for_update().order_by("pk"))
        accounted = Execution.objects.accounted_until(process)
        vanished = None if rows else vanished_row(process, newest, accounted, now)
        known = rows[0] if rows else vanished
        begin = now
        if known and (rule is None or rule_of(known) != str(rule)):
            if is_due(known, now):
                dropped.record(process, known.next_run, now, rule=rule, newest=newest)
        elif known and is_due(known, now):
            # The version is in force from what is due by it already.
            begin = known.next_run - SECOND
        ScheduleVersion.objects.record(process, rule, not_before_what_is_past(accounted, begin))
        if isinstance(rule, Unreadable) and not (newest and newest.rule == rule):
            dropped.record_unreadable(process, rule, now)
        if rule is None:
            return remove(process.pk, process.name)
        change = _write(process, rule, rows, vanished)
        if change is not None:
            notify(SCHEDULE)
        return change


def vanished_row(
    process: Process, newest: ScheduleVersion | None, accounted: datetime | None, now: datetime
) -> Schedule | None:
    """Return the row, not saved, that a process should have by the newest version of its schedule.

    It is due from the first occurrence that no row accounts for. None where it should have none.
    """
    if newest is None or newest.rule is None:
        return None
    instants = (newest.valid_from, process.history_begins_at, process.proven_until, accounted)
    since = min(max(at for at in instants if at), now)
    return Schedule(**columns(process.pk, newest.rule), next_run=newest.rule.next_after(since))


def _write(
    process: Process, rule: Rule, rows: list[Schedule], vanished: Schedule | None
) -> RowChange | None:
    wanted = columns(process.pk, rule)
    if not rows:
        # Without signals, whose receivers would compute the same again.
        next_run = rule.next_after(timezone.now())
        if vanished and rule_of(vanished) == str(rule):
            next_run = vanished.next_run
        Schedule.objects.bulk_create([Schedule(**wanted, next_run=next_run)])
        return RowChange(process.name, "created", next_run, process if vanished else None)
    row, *doubles = rows
    Schedule.objects.filter(pk__in=[double.pk for double in doubles]).delete()
    if is_right(row, wanted, rule):
        return RowChange(process.name, "freed of doubles", row.next_run) if doubles else None
    same_rule = rule_of(row) == str(rule)
    stays_due = same_rule and is_due(row, timezone.now())
    next_run = row.next_run if stays_due else rule.next_after(timezone.now())
    Schedule.objects.filter(pk=row.pk).update(**wanted, next_run=next_run)
    what = "repaired" if same_rule else "moved to its rule"
    if isinstance(rule, Unreadable):
        what = "kept, though its rule cannot be read"
    return RowChange(process.name, what, next_run)


def of_outer_process() -> "models.QuerySet[Schedule]":
    """Return the Schedule rows of the process of an outer query, for a subquery."""
    name = Concat(Value(PREFIX), Cast(OuterRef("pk"), models.CharField()))
    rows: models.QuerySet[Schedule] = Schedule.objects.filter(name=name)
    return rows


def is_due(row: Schedule, now: datetime) -> bool:
    return row.next_run is not None and row.next_run <= now


def not_before_what_is_past(known: datetime | None, begin: datetime) -> datetime:
    """Return from when on an edit holds: not before what is accounted for already.

    So an edit by a clock that is behind changes nothing of it.
    """
    return known if known and begin < known <= begin + FURTHEST_BACK else begin


def keep_in_step(process: Process) -> ScheduleVersion | None:
    """Record the rule in force as the newest version of the schedule; return that version.

    A default in the code may have changed.
    """
    newest = ScheduleVersion.newest_of(process)
    rule = rule_in_force(process, newest)
    if (newest.schedule if newest else None) == (rule.as_json() if rule else None):
        return newest
    sync(process)
    return ScheduleVersion.newest_of(process)


def sync_calendar(calendar: Calendar) -> list[RowChange]:
    """Let the Schedule rows of a calendar's processes follow its days."""
    users = calendar.processes.order_by("pk").values_list("pk", flat=True)
    return [change for pk in list(users) if (change := _sync(pk))]


def remove(process_id: int, name: str) -> RowChange | None:
    deleted, _ = _rows(process_id).delete()
    return RowChange(name, "deleted", None) if deleted else None


@transaction.atomic
def _sync(process_id: int) -> RowChange | None:
    """Sync a process with its row locked, so that nobody changes it meanwhile."""
    process = locking.lock(process_id)
    return sync(process) if process else None


def ordinary() -> Any:
    """Return the project's own Schedules, which belong to no process."""
    return Schedule.objects.exclude(name__startswith=PREFIX)


def next_run_of(process_id: int) -> Any:
    """Return when the process is due next, or since when it is due."""
    return next((at for (at,) in _next_run(name=name_of(process_id))), None)


@statements.select(())
def _next_run() -> Any:
    return Schedule.objects.filter(name=_NAME).order_by("pk").values_list("next_run")[:1]


def due(now: datetime) -> list[int]:
    """Return the ids of the processes that are due, most overdue first."""
    numbers = (str(name).removeprefix(PREFIX) for (name,) in _due(now=now))
    return [int(number) for number in numbers if number.isdigit()]


@statements.select(())
def _due() -> Any:
    rows = Schedule.objects.filter(name__startswith=PREFIX)
    due = rows.filter(next_run__lte=Placeholder("now", models.DateTimeField()))
    return due.order_by("next_run").values_list("name")


def next_due() -> datetime | None:
    """Return when the next process is due, or since when one is."""
    return next((at for (at,) in _first_due()), None)


@statements.select(())
def _first_due() -> Any:
    rows = Schedule.objects.filter(name__startswith=PREFIX, next_run__isnull=False)
    return rows.order_by("next_run").values_list("next_run")[:1]


def in_order_of_next_run(count: int) -> tuple[list[int], int]:
    """Return the first `count` processes by their next run, and how many have one."""
    rows = Schedule.objects.filter(name__startswith=PREFIX, next_run__isnull=False)
    names = rows.order_by("next_run").values_list("name", flat=True)[:count]
    return [int(name.removeprefix(PREFIX)) for name in names], rows.count()


def move_on(process_id: int, next_run: datetime | None) -> None:
    """Set when the process is due next; None parks it."""
    _move_on(name=name_of(process_id), next_run=next_run)


@statements.update(())
def _move_on() -> Any:
    at = Placeholder("next_run", models.DateTimeField())
    return Schedule.objects.filter(name=_NAME), {"next_run": at}


def correct(schedule: Schedule) -> None:
    """Compute `next_run` of a process's own Schedule row by its rule, before the row is saved."""
    if not (schedule.name or "").startswith(PREFIX):
        return
    number = schedule.name.removeprefix(PREFIX)
    process = Process.objects.filter(pk=number).first() if number.isdigit() else None
    rule = rule_in_force(process) if process else None
    schedule.next_run = rule.next_after(timezone.now()) if rule else None


def columns(process_id: int, rule: Rule) -> dict[str, Any]:
    """Return the columns of a process's Schedule row, apart from when it is due."""
    options = {"rule": str(rule), "q_options": {"save": False}}
    return {
        "name": name_of(process_id),
        "func": ENTRY,
        "args": str(process_id),
        "kwargs": repr(options),
        "intended_date_kwarg": "scheduled_for",
        # django-q2 works out a next run of its own before ours replaces it; this is the kind
        # with which it can neither fail nor count the row as finished.
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
        "repeats": -1,
        "hook": None,
        "cron": None,
        "cluster": None,
    }


def is_right(row: Schedule, wanted: dict[str, Any], rule: Rule) -> bool:
    """Whether a row has the wanted columns, and is due now or at the next occurrence."""
    now = timezone.now()
    is_ours = {name: getattr(row, name) for name in wanted} == wanted
    return is_ours and (is_due(row, now) or row.next_run == rule.next_after(now))


def rule_of(row: Schedule) -> str | None:
    try:
        return str(literal_eval(row.kwargs or "")["rule"])
    except (ValueError, SyntaxError, KeyError, TypeError):
        return None


def _rows(process_id: int) -> Any:
    return Schedule.objects.filter(name=name_of(process_id))


def name_of(process_id: int) -> str:
    return f"{PREFIX}{process_id}"
