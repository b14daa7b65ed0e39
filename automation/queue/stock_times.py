"""When django-q2 itself would fire a Schedule, computed by its own code, for comparison."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django_q.conf import Conf, croniter
from django_q.models import Schedule
from django_q.utils import localtime


def time_zone() -> str:
    """Return the name of the zone that all Schedules of django-q2 follow."""
    return str(Conf.TIME_ZONE or settings.TIME_ZONE)


def can_read(cron: str) -> bool:
    """Whether django-q2 could follow a CRON Schedule here: croniter must be there and take it."""
    return croniter is not None and bool(croniter.is_valid(cron))


def stock_times(row: Schedule, after: datetime) -> Iterator[datetime]:
    """Yield when the Schedule is fired after an instant, in UTC, without seconds."""
    times = _by_croniter(row, after) if row.schedule_type == row.CRON else _by_itself(row)
    minutes = (at.astimezone(UTC).replace(second=0, microsecond=0) for at in times)
    return (at for at in minutes if at > after)


def _by_croniter(row: Schedule, after: datetime) -> Iterator[datetime]:
    """Compute as `Schedule.calculate_next_run`, but from the last time and not from now."""
    at = after
    while True:
        at = croniter(row.cron, localtime(at)).get_next(datetime)
        yield at


def _by_itself(row: Schedule) -> Iterator[datetime]:
    at: datetime = row.next_run
    while True:
        yield at
        at = row.calculate_next_run(at)
