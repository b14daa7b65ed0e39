"""The tables of django-celery-beat 2.9, as far as they are read, without Celery."""

from datetime import UTC, datetime
from typing import Any

from django.db import connection

_PREFIX = "django_celery_beat_"


def create_tables() -> None:
    """In the transaction of the test."""
    instant = "timestamp with time zone" if connection.vendor == "postgresql" else "datetime"
    tables = {
        "crontabschedule": "minute text, hour text, day_of_month text, month_of_year text, "
        "day_of_week text, timezone text",
        "intervalschedule": "every integer, period text",
        "clockedschedule": f"clocked_time {instant}",
        "periodictask": "name text, task text, args text, kwargs text, enabled bool, one_off bool, "
        f"start_time {instant}, expires {instant}, last_run_at {instant}, date_changed {instant}, "
        "expire_seconds integer, priority integer, queue text, exchange text, routing_key text, "
        "headers text, description text, total_run_count integer, "
        "crontab_id integer, interval_id integer, clocked_id integer, solar_id integer",
    }
    with connection.cursor() as cursor:
        for name, columns in tables.items():
            cursor.execute(f"CREATE TABLE {_PREFIX}{name} (id integer PRIMARY KEY, {columns})")


def add_task(
    task: str,
    *,
    number: int = 1,
    name: str = "greet",
    crontab: tuple[str, ...] = (),
    zone: str = "Europe/Berlin",
    interval: tuple[int, str] | None = None,
    clocked: datetime | None = None,
    solar: bool = False,
    **columns: Any,
) -> None:
    """A row, with its schedule; `crontab` is minute, hour, day, month, weekday."""
    if crontab:
        _insert("crontabschedule", number, *crontab, zone)
    if interval:
        _insert("intervalschedule", number, *interval)
    if clocked:
        _insert("clockedschedule", number, _stored(clocked))
    usual: dict[str, Any] = {
        "args": "[]",
        "kwargs": "{}",
        "enabled": True,
        "one_off": False,
        "start_time": None,
        "expires": None,
        "last_run_at": None,
        "date_changed": datetime(2026, 1, 1, tzinfo=UTC),
        "expire_seconds": None,
        "priority": None,
        "queue": None,
        "exchange": None,
        "routing_key": None,
        "headers": "{}",
        "description": "",
        "total_run_count": 0,
    }
    used = [number if kind else None for kind in (crontab, interval, clocked, solar)]
    values = map(_stored, {**usual, **columns}.values())
    _insert("periodictask", number, name, task, *values, *used)


def _insert(table: str, *values: Any) -> None:
    marks = ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {_PREFIX}{table} VALUES ({marks})", values)  # noqa: S608


def _stored(value: Any) -> Any:
    is_instant = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_instant else value
