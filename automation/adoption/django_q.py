"""The project's own django-q2 Schedules: the rows that belong to no process."""

import ast
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from automation.adoption import matching
from automation.adoption.found import (
    Found,
    NotAdoptableError,
    Reading,
    Times,
    Work,
    found,
    named_apart,
)
from automation.adoption.rules import cron_rule, limited, once_rule
from automation.queue import schedules, stock_times
from automation.schedule import CronRule, IntervalRule, Rule, clock_changes

CALL_COMMAND = "django.core.management.call_command"

#: The last day of a month that every month has.
LAST_SAFE_DAY = 28

_NO_CRONITER = (
    "When it ran is not known: django-q2 asks croniter, which is not installed here, or refuses "
    "the rule."
)
_COUNTED = (
    "It runs {} times more there. A process counts by the clock, also while it is switched off: switch "
    "it on before the next time."
)


def read(now: datetime) -> Reading:
    rows = schedules.ordinary().order_by("pk")
    entries = [_entry(row, now) for row in rows]
    return Reading("django-q", "Row", named_apart(entries, "schedule"))


def _entry(row: Any, now: datetime) -> Found:
    return found(
        row.pk,
        f"{row.name or 'without a name'}: {row.get_schedule_type_display().lower()}, {row.func}",
        row.name or "",
        key=row.func.rpartition(".")[2],
        times=partial(_limited_times, row, now),
        work=partial(_work, row),
        notes=_notes(row),
    )


def _limited_times(row: Any, now: datetime) -> Times:
    if row.repeats == 0:
        raise NotAdoptableError("Its repeats are used up there: it runs no more.")
    times = _times(row, now)
    if not _counted(row):
        return times
    is_ahead = row.next_run is not None and row.next_run > now
    starts = row.next_run.replace(second=0, microsecond=0) if is_ahead else now
    return limited(times, now, starts=starts, count=row.repeats)


def _counted(row: Any) -> bool:
    return bool(row.repeats > 0 and row.schedule_type != row.ONCE)


def _notes(row: Any) -> list[str]:
    seconds = row.next_run.second if row.next_run and row.schedule_type != row.CRON else 0
    options = _options(row)
    said = [
        (_counted(row), _COUNTED.format(row.repeats)),
        (row.hook, f"Its hook, {row.hook}, does not come along."),
        (
            row.cluster,
            f"It is of the cluster {row.cluster} there; processes run in the default one.",
        ),
        (
            row.intended_date_kwarg,
            f"It gets its time as {row.intended_date_kwarg}; a process has run.scheduled_for.",
        ),
        (options, f"Its q_options, {', '.join(options)}, do not come along."),
        (seconds, f"The {seconds} s past the minute are left off: a process starts at a minute."),
    ]
    return [note for is_so, note in said if is_so]


def _options(row: Any) -> list[str]:
    """Return the names of django-q2's own options among the keyword arguments of a Schedule."""
    with suppress(NotAdoptableError):
        options = _keywords(row.kwargs).get("q_options")
        return sorted(map(str, options)) if isinstance(options, dict) else []
    return []


def _times(row: Any, now: datetime) -> Times:
    rule = _rule(row, now)
    if not isinstance(rule, CronRule):
        return Times(rule, rule.after)  # django-q2 and an interval of ours both count elapsed time.
    if row.schedule_type == row.CRON and not stock_times.can_read(row.cron):
        return Times(rule, None, (_NO_CRONITER,))
    return Times(rule, partial(stock_times.stock_times, row))


def _rule(row: Any, now: datetime) -> Rule:
    zone = stock_times.time_zone()
    if row.schedule_type == row.CRON:
        return cron_rule(row.cron or "", zone)
    if row.next_run is None:
        raise NotAdoptableError("It has no next run to count from: set one there first.")
    wall = row.next_run.astimezone(ZoneInfo(zone))
    at = f"{wall.minute} {wall.hour}"
    kinds: dict[str, Callable[[], Rule]] = {
        row.ONCE: lambda: once_rule(row.next_run, zone, now),
        row.MINUTES: lambda: IntervalRule(timedelta(minutes=row.minutes or 1), row.next_run, zone),
        row.HOURLY: lambda: IntervalRule(timedelta(hours=1), row.next_run, zone),
        row.DAILY: lambda: CronRule(f"{at} * * *", zone),
        row.WEEKLY: lambda: CronRule(f"{at} * * {wall.isoweekday() % 7}", zone),
        row.BIWEEKLY: lambda: _fortnightly(row.next_run, zone, now),
        row.MONTHLY: lambda: _monthly(wall, zone, every=1),
        row.BIMONTHLY: lambda: _monthly(wall, zone, every=2),
        row.QUARTERLY: lambda: _monthly(wall, zone, every=3),
        row.YEARLY: lambda: _monthly(wall, zone, every=12),
    }
    if row.schedule_type not in kinds:
        raise NotAdoptableError(f"There is no type {row.schedule_type!r}: correct it there first.")
    return kinds[row.schedule_type]()


def _fortnightly(next_run: datetime, zone: str, now: datetime) -> IntervalRule:
    if clock_changes(ZoneInfo(zone), now, 1):
        raise NotAdoptableError(
            f"It runs every two weeks by the clock on the wall, which changes in {zone}; no rule of "
            "a process says that. Take a weekly rule, or two days of the month."
        )
    return IntervalRule(timedelta(weeks=2), next_run, zone)


def _monthly(wall: datetime, zone: str, *, every: int) -> CronRule:
    if wall.day > LAST_SAFE_DAY:
        raise NotAdoptableError(
            f"It runs on day {wall.day}, which not every month has, and django-q2 then stays with "
            "an earlier day. Give it a CRON rule there, with L for the last day."
        )
    months = sorted((wall.month - 1 + step) % 12 + 1 for step in range(0, 12, every))
    listed = "*" if every == 1 else ",".join(map(str, months))
    return CronRule(f"{wall.minute} {wall.hour} {wall.day} {listed} *", zone)


def _work(row: Any) -> Work:
    arguments, keywords = _arguments(row.args), _keywords(row.kwargs)
    keywords.pop("q_options", None)
    if row.func == CALL_COMMAND and arguments:
        return matching.by_command([str(word) for word in arguments], keywords)
    matching.refuse_positional(arguments)
    return matching.by_path(row.func, keywords)


def _arguments(text: str | None) -> tuple[Any, ...]:
    try:
        value = ast.literal_eval(text) if text else ()
    except (ValueError, SyntaxError) as error:
        raise NotAdoptableError(
            "Its arguments cannot be read: correct them there first."
        ) from error
    return value if isinstance(value, tuple) else (value,)


def _keywords(text: str | None) -> dict[str, Any]:
    """Read a dictionary, or `x=1, y=2`, as django-q2 does, without running any of it."""
    if not text:
        return {}
    for read_as in (_dictionary, _keywords_of_a_call):
        with suppress(ValueError, SyntaxError):
            return read_as(text)
    raise NotAdoptableError("Its keyword arguments cannot be read: correct them there first.")


def _dictionary(text: str) -> dict[str, Any]:
    value = ast.literal_eval(text)
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError(text)
    return value


def _keywords_of_a_call(text: str) -> dict[str, Any]:
    call = ast.parse(f"f({text})", mode="eval").body
    if not isinstance(call, ast.Call) or call.args:
        raise ValueError(text)
    if any(keyword.arg is None for keyword in call.keywords):  # **{…}
        raise ValueError(text)
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
