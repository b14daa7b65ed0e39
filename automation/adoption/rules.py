"""Rules as other schedulers write them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, takewhile

from automation.adoption.found import After, NotAdoptableError, Times
from automation.limits import MAX_OCCURRENCES
from automation.schedule import CronRule, OnceRule, Schedule

#: Jenkins's and croniter's `H` and `R`, cronie's and OpenBSD's `~`.
_RANDOM = re.compile(r"(?:^|[\s,])[HR](?:[\s,(/]|$)|~", re.IGNORECASE)

#: Occurrences that are counted to find the end of more than a process counts.
_MOST_LOOKED_AT = 100_000


def cron_rule(expression: str, timezone: str) -> CronRule:
    """Raises NotAdoptableError for times that are drawn, ScheduleError for what is not cron."""
    if _RANDOM.search(expression):
        raise NotAdoptableError(
            f"{expression!r} leaves its times to chance (H, R or ~). Write the minute and the hour "
            "that you want."
        )
    return CronRule(expression, timezone)


def once_rule(at: datetime, timezone: str, now: datetime) -> OnceRule:
    """Raises NotAdoptableError for a time that is over."""
    if at <= now:
        raise NotAdoptableError(f"It was to run once, at {told(at)}: that is over.")
    return OnceRule(at, timezone)


def told(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def limited(
    times: Times,
    now: datetime,
    *,
    starts: datetime | None = None,
    ends: datetime | None = None,
    count: int | None = None,
) -> Times:
    """Let both sides keep limits: the first instant that counts, the first that does not, how often.

    `count` is from `starts` on. Raises ScheduleError where they leave nothing after `now`.
    """
    if not (starts or ends or count):
        return times
    if isinstance(times.ours, CronRule):  # It is due at whole minutes.
        starts, ends = _minute_from(starts), _minute_from(ends)
    if count is not None and count > MAX_OCCURRENCES:  # More than a process counts.
        ends, count = _end_of(times, starts or now, count), None
    ours = Schedule(times.ours, starts, ends, (), count)
    if silence := ours.silence_after(now):
        raise silence
    old = times.old and partial(_limited_after, times.old, starts, ends, count)
    return replace(times, ours=ours, old=old)


def _minute_from(at: datetime | None) -> datetime | None:
    """The first whole minute that is not before an instant."""
    if at is None:
        return None
    minute = at.replace(second=0, microsecond=0)
    return minute if minute == at else minute + timedelta(minutes=1)


def _end_of(times: Times, starts: datetime, count: int) -> datetime | None:
    """The first instant after so many occurrences; None where they are more than can be said."""
    begin = starts - timedelta(microseconds=1)
    last = next(islice(times.ours.after(begin), min(count, _MOST_LOOKED_AT) - 1, None), None)
    is_known = last is not None and count <= _MOST_LOOKED_AT
    return last + timedelta(minutes=1) if last and is_known else None


def _limited_after(
    old: After, starts: datetime | None, ends: datetime | None, count: int | None, after: datetime
) -> Iterator[datetime]:
    # What is counted is counted from the start, whenever one asks.
    begin = starts - timedelta(microseconds=1) if starts and (count or starts > after) else after
    within = takewhile(lambda at: ends is None or at < ends, old(begin))
    return (at for at in islice(within, count) if at > after)
