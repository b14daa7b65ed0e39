"""Rules as other schedulers write them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, takewhile

from automation.adoption.found import After, NotAdoptableError, Times
from automation.instants import to_minute
from automation.limits import MAX_OCCURRENCES
from automation.schedule import CronRule, OnceRule, Schedule

#: Times that are drawn: `H` and `R` of Jenkins and croniter, `~` of cronie and OpenBSD.
_RANDOM = re.compile(r"(?:^|[\s,])[HR](?:[\s,(/]|$)|~", re.IGNORECASE)

#: Occurrences that are counted at most, to turn a number above a process's own limit into an end.
_MOST_LOOKED_AT = 100_000


def cron_rule(expression: str, timezone: str) -> CronRule:
    """Return the rule of a cron expression.

    Raises NotAdoptableError for times that are drawn, ScheduleError for what is not cron.
    """
    if _RANDOM.search(expression):
        raise NotAdoptableError(
            f"{expression!r} leaves its times to chance (H, R or ~). Write the minute and the hour "
            "that you want."
        )
    return CronRule(expression, timezone)


def once_rule(at: datetime, timezone: str, now: datetime) -> OnceRule:
    """Return the rule for one instant. Raises NotAdoptableError where that is over."""
    if at <= now:
        raise NotAdoptableError(f"It was to run once, at {told(at)}: that is over.")
    return OnceRule(at, timezone)


def told(at: datetime) -> str:
    return to_minute(at, UTC)


def limited(
    times: Times,
    now: datetime,
    *,
    starts: datetime | None = None,
    ends: datetime | None = None,
    count: int | None = None,
) -> Times:
    """Limit the times of both schedulers: first instant, end, and how often.

    `count` is from `starts` on. Raises ScheduleError where the limits leave nothing after `now`.
    """
    if not (starts or ends or count):
        return times
    if isinstance(times.ours, CronRule):  # A cron rule is due at whole minutes.
        starts, ends = _minute_from(starts), _minute_from(ends)
    if count is not None and count > MAX_OCCURRENCES:  # More than a process can count.
        ends, count = _end_of(times, starts or now, count), None
    ours = Schedule(times.ours, starts, ends, (), count)
    if silence := ours.silence_after(now):
        raise silence
    old = times.old and partial(_limited_after, times.old, starts, ends, count)
    return replace(times, ours=ours, old=old)


def _minute_from(at: datetime | None) -> datetime | None:
    """Return the first whole minute that is not before an instant."""
    if at is None:
        return None
    minute = at.replace(second=0, microsecond=0)
    return minute if minute == at else minute + timedelta(minutes=1)


def _end_of(times: Times, starts: datetime, count: int) -> datetime | None:
    """Return the first instant after so many occurrences; None where they are too many to count."""
    begin = starts - timedelta(microseconds=1)
    last = next(islice(times.ours.after(begin), min(count, _MOST_LOOKED_AT) - 1, None), None)
    is_known = last is not None and count <= _MOST_LOOKED_AT
    return last + timedelta(minutes=1) if last and is_known else None


def _limited_after(
    old: After, starts: datetime | None, ends: datetime | None, count: int | None, after: datetime
) -> Iterator[datetime]:
    # A number of occurrences is counted from the start, whichever instant is asked about.
    begin = starts - timedelta(microseconds=1) if starts and (count or starts > after) else after
    within = takewhile(lambda at: ends is None or at < ends, old(begin))
    return (at for at in islice(within, count) if at > after)
