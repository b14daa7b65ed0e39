"""django-celery-beat's rows, read from its tables: Celery need not be installed.

When beat runs them is a model of Celery 5.7 (`crontab.remaining_delta` in celery/schedules.py), which
agrees with it over clock changes: from one run it goes to the next fitting time on the wall, and reads
a time that the clocks skip or repeat as they stood before the change. What beat makes up for after it
was down, or leaves out because its database filter looks two hours around, is not in it.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.db import connection

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
from automation.adoption.rules import once_rule
from automation.conf import default_time_zone
from automation.schedule import CronRule, IntervalRule

TABLE = "django_celery_beat_periodictask"

_ROWS = """
    SELECT task.id, task.name, task.task, task.args, task.kwargs, task.enabled, task.one_off,
           task.start_time, task.expires, task.last_run_at, task.date_changed,
           task.crontab_id, task.interval_id, task.clocked_id, task.solar_id,
           cron.minute, cron.hour, cron.day_of_month, cron.month_of_year, cron.day_of_week,
           cron.timezone, span.every, span.period, clock.clocked_time
    FROM django_celery_beat_periodictask task
    LEFT JOIN django_celery_beat_crontabschedule cron ON cron.id = task.crontab_id
    LEFT JOIN django_celery_beat_intervalschedule span ON span.id = task.interval_id
    LEFT JOIN django_celery_beat_clockedschedule clock ON clock.id = task.clocked_id
    ORDER BY task.id
"""

_PERIODS = {"days", "hours", "minutes", "seconds", "microseconds"}

_SLIPS = "Beat counts an interval from the last run, and slips by as much as each is late."
_NOT_AWARE = "When it ran is not known: DJANGO_CELERY_BEAT_TZ_AWARE is off."


def read(now: datetime) -> Reading:
    """Raises NotAdoptableError where the tables are not there."""
    if TABLE not in connection.introspection.table_names():
        raise NotAdoptableError(f"This database has no table {TABLE}.")
    entries = [_entry(row, now) for row in _rows()]
    return Reading("celery-beat", "Row", named_apart(entries, "celery-beat"))


def _rows() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS)
        names = [column[0] for column in cursor.description]
        return [
            SimpleNamespace(**{n: _with_zone(v) for n, v in zip(names, row, strict=True)})
            for row in cursor.fetchall()
        ]


def _with_zone(value: Any) -> Any:
    """SQLite gives times without the zone in which Django stores them."""
    is_naive = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=connection.timezone) if is_naive else value


def _entry(row: Any, now: datetime) -> Found:
    return found(
        row.id,
        f"{row.name}: {row.task}",
        row.name,
        times=partial(_times, row, now),
        work=partial(_work, row),
        notes=_notes(row, now),
    )


def _notes(row: Any, now: datetime) -> list[str]:
    begins_later = row.start_time and row.start_time > now
    said = [
        (not row.enabled, "It is switched off there."),
        (
            row.one_off and not row.clocked_id,
            "It runs once there (one-off); a process runs until it is switched off.",
        ),
        (begins_later, f"It begins there at {_shown(row.start_time)}: switch the process on then."),
        (row.expires, f"It ends there at {_shown(row.expires)}: switch the process off then."),
    ]
    return [note for is_so, note in said if is_so]


def _shown(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if instant else ""


def _times(row: Any, now: datetime) -> Times:
    if row.solar_id:
        raise NotAdoptableError("It follows the sun; a process follows a clock. Choose a time.")
    if row.crontab_id:
        return _by_crontab(row)
    if row.interval_id:
        return _by_interval(row)
    if row.clocked_id:
        rule = once_rule(row.clocked_time, default_time_zone(), now)
        return Times(rule, rule.after)
    raise NotAdoptableError("It has no schedule: give it one there first.")


def _by_crontab(row: Any) -> Times:
    fields = [row.minute, row.hour, row.day_of_month, row.month_of_year, row.day_of_week]
    expression = " ".join(field.replace(" ", "") for field in fields)
    if not (row.day_of_month.startswith("*") or row.day_of_week.startswith("*")):
        raise NotAdoptableError(
            f"{expression!r} names days of the month and of the week: in Celery both must be true, "
            "in cron one is enough. The first Monday, for one, is `0 0 * * 1#1` here."
        )
    rule = CronRule(expression, str(row.timezone))
    if not getattr(settings, "DJANGO_CELERY_BEAT_TZ_AWARE", True):
        return Times(rule, None, (_NOT_AWARE,))
    return Times(rule, partial(crontab_times, rule))


def crontab_times(rule: CronRule, after: datetime) -> Iterator[datetime]:
    """Yield when beat runs a crontab schedule whose last run was at `after`, in UTC."""
    # What clocks on the wall show is read as if it were UTC, where they never change.
    wall_rule = CronRule(rule.expression, "UTC")
    last = after.astimezone(rule.zone)
    while True:
        wall = wall_rule.next_after(last.replace(tzinfo=UTC))
        # Celery's arithmetic keeps the fold of the last run.
        at = wall.replace(tzinfo=rule.zone, fold=last.fold).astimezone(UTC)
        yield at
        last = at.astimezone(rule.zone)


def _by_interval(row: Any) -> Times:
    if row.period not in _PERIODS:
        raise NotAdoptableError(f"There is no period {row.period!r}: correct it there first.")
    rule = IntervalRule(_span(row), row.last_run_at or row.date_changed, default_time_zone())
    return Times(rule, rule.after, (_SLIPS,))


def _span(row: Any) -> timedelta:
    try:
        return timedelta(**{row.period: row.every})
    except OverflowError:
        return timedelta.max


def _work(row: Any) -> Work:
    try:
        arguments = list(json.loads(row.args or "[]"))
        keywords = dict(json.loads(row.kwargs or "{}"))
    except (ValueError, TypeError) as error:
        told = "Its arguments cannot be read: correct them there first."
        raise NotAdoptableError(told) from error
    matching.refuse_positional(arguments)
    return matching.by_path(row.task, keywords)
