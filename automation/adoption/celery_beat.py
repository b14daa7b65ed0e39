"""django-celery-beat's rows, read from its tables: Celery need not be installed.

When beat runs them is computed by a model of Celery 5.7 (`crontab.remaining_delta` in
celery/schedules.py), which agrees with Celery over clock changes: from one run it goes to the next
fitting time on the wall, and reads a time that the clocks skip or repeat as they stood before the
change. The model leaves out what beat makes up for after it was down, and what beat misses because
its database filter looks only two hours around.
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
from automation.adoption.rules import limited, once_rule, told
from automation.conf import default_time_zone
from automation.limits import MAX_START_DEADLINE
from automation.schedule import CronRule, IntervalRule

TABLE = "django_celery_beat_periodictask"

_ROWS = """
    SELECT task.*, cron.minute, cron.hour, cron.day_of_month, cron.month_of_year, cron.day_of_week,
           cron.timezone, span.every, span.period, clock.clocked_time
    FROM django_celery_beat_periodictask task
    LEFT JOIN django_celery_beat_crontabschedule cron ON cron.id = task.crontab_id
    LEFT JOIN django_celery_beat_intervalschedule span ON span.id = task.interval_id
    LEFT JOIN django_celery_beat_clockedschedule clock ON clock.id = task.clocked_id
    ORDER BY task.id
"""

#: Columns that some versions before 2.9 do not have, with what stands in for them.
_LATER = {
    **dict.fromkeys(
        ("start_time", "expires", "expire_seconds", "priority", "clocked_id", "solar_id")
    ),
    **dict.fromkeys(("queue", "exchange", "routing_key", "headers", "description"), ""),
    "one_off": False,
    "total_run_count": 0,
}

#: Characters of a process's description, at most.
_MOST_OF_A_DESCRIPTION = 2_000

_PERIODS = {"days", "hours", "minutes", "seconds", "microseconds"}

_SLIPS = "Beat counts an interval from the last run, and slips by as much as each is late."
_UNREADABLE = "Its arguments cannot be read: correct them there first."
_ONE_OFF = (
    "It runs once there (one-off), and here: the next time by the clock. Switch it on before that, or it "
    "is missed."
)
_NOT_AWARE = "When it ran is not known: DJANGO_CELERY_BEAT_TZ_AWARE is off."


def read(now: datetime) -> Reading:
    """Read the rows. Raises NotAdoptableError where the tables do not exist."""
    if TABLE not in connection.introspection.table_names():
        raise NotAdoptableError(f"This database has no table {TABLE}.")
    entries = [_entry(row, now) for row in _rows()]
    return Reading("celery-beat", "Row", named_apart(entries, "celery-beat"))


def _rows() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS)
        names = [column[0] for column in cursor.description]
        return [
            SimpleNamespace(
                **{**_LATER, **{n: _with_zone(v) for n, v in zip(names, row, strict=True)}}
            )
            for row in cursor.fetchall()
        ]


def _with_zone(value: Any) -> Any:
    """Give a time from SQLite, which has none, the zone in which Django stores times there."""
    is_naive = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=connection.timezone) if is_naive else value


def _entry(row: Any, now: datetime) -> Found:
    return found(
        row.id,
        f"{row.name}: {row.task}",
        row.name,
        key=row.task.rpartition(".")[2],
        times=partial(_limited_times, row, now),
        work=partial(_work, row),
        columns=_columns(row),
        notes=_notes(row),
    )


def _columns(row: Any) -> dict[str, Any]:
    columns = {"description": (row.description or "")[:_MOST_OF_A_DESCRIPTION]}
    if _deadline(row):
        columns["start_deadline"] = _deadline(row)
    return {name: value for name, value in columns.items() if value}


def _deadline(row: Any) -> int:
    """Return after how many seconds beat's message expires; 0 where it does not.

    Also 0 where a process could not wait so long.
    """
    seconds = 0 if row.expires else row.expire_seconds or 0
    return seconds if seconds <= MAX_START_DEADLINE else 0


def _notes(row: Any) -> list[str]:
    headers = _headers(row)
    where = {"queue": row.queue, "exchange": row.exchange, "routing key": row.routing_key}
    routes = [f"{what} {name}" for what, name in where.items() if name]
    said = [
        (not row.enabled, "It is switched off there."),
        (row.one_off and not row.clocked_id, _ONE_OFF),
        (
            _deadline(row),
            f"It expires {row.expire_seconds} s after it was due: that is its latest start here.",
        ),
        (
            row.expire_seconds and not (row.expires or _deadline(row)),
            f"It expires {row.expire_seconds} s after it was due, longer than a latest start can say.",
        ),
        (
            routes,
            f"Its {', '.join(routes)} does not come along: all processes are in one queue, by priority.",
        ),
        (
            row.priority is not None,
            f"Its priority {row.priority} does not come along: which number comes first depends on "
            "the broker there. Here the highest does, of -100 to 100.",
        ),
        (headers, f"Its headers, {', '.join(headers)}, do not come along."),
    ]
    return [note for is_so, note in said if is_so]


def _headers(row: Any) -> list[str]:
    """Return the names of a row's message headers, not their values, which may be secrets."""
    try:
        headers = json.loads(row.headers or "{}")
    except ValueError:
        return ["which cannot be read"]
    return sorted(map(str, headers)) if isinstance(headers, dict) else ["which cannot be read"]


def _limited_times(row: Any, now: datetime) -> Times:
    """Return the times of a row between its start and its end, as beat takes these."""
    if row.expires and row.expires <= now:
        raise NotAdoptableError(f"It ended there at {told(row.expires)}: that is over.")
    starts = row.start_time if row.start_time and row.start_time > now else None
    times = _times(row, starts, now)
    if row.one_off and not row.clocked_id:
        if row.total_run_count:
            raise NotAdoptableError("It was to run once there (one-off), and did: that is over.")
        count, starts = 1, starts or now
    else:
        count = None
    has_begun = isinstance(times.ours, IntervalRule) and times.ours.anchor > now
    if row.clocked_id or has_begun:  # The time, or the anchor of the interval, is the start.
        starts = None
    return limited(times, now, starts=starts, ends=row.expires, count=count)


def _times(row: Any, starts: datetime | None, now: datetime) -> Times:
    if row.solar_id:
        raise NotAdoptableError("It follows the sun; a process follows a clock. Choose a time.")
    if row.crontab_id:
        return _by_crontab(row)
    if row.interval_id:
        return _by_interval(row, starts)
    if row.clocked_id:
        at = max(row.clocked_time, starts or row.clocked_time)
        rule = once_rule(at, default_time_zone(), now)
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


def _by_interval(row: Any, starts: datetime | None) -> Times:
    if row.period not in _PERIODS:
        raise NotAdoptableError(f"There is no period {row.period!r}: correct it there first.")
    last, zone = row.last_run_at or row.date_changed, default_time_zone()
    rule = IntervalRule(_span(row), last, zone)
    if starts:  # Beat runs it then, or an interval after the last time, and counts on from there.
        rule = IntervalRule(rule.every, max(starts, rule.anchor + rule.every), zone)
    return Times(rule, rule.after, (_SLIPS,))


def _span(row: Any) -> timedelta:
    try:
        return timedelta(**{row.period: row.every})
    except OverflowError:
        return timedelta.max


def _work(row: Any) -> Work:
    try:
        arguments, keywords = json.loads(row.args or "[]"), json.loads(row.kwargs or "{}")
    except ValueError as error:
        raise NotAdoptableError(_UNREADABLE) from error
    if not (isinstance(arguments, list) and isinstance(keywords, dict)):
        raise NotAdoptableError(_UNREADABLE)
    matching.refuse_positional(arguments)
    return matching.by_path(row.task, keywords)
