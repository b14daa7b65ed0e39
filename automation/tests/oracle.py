"""Debian cron, minute by minute: what its main loop would have run (cron.c, 3.0pl1-137)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # local wall clock

#: Rules whose fields are lists of numbers, read here without any library.
_RANGES = (range(60), range(24), range(1, 32), range(1, 13), range(8))


class Cron:
    def __init__(self, expression: str) -> None:
        fields = expression.split()
        self.minutes, self.hours, self.days, self.months, weekdays = (
            _numbers(field, numbers) for field, numbers in zip(fields, _RANGES, strict=True)
        )
        self.weekdays = {number % 7 for number in weekdays}
        self.is_wild = fields[0][0] == "*" or fields[1][0] == "*"
        self.both_days = fields[2][0] == "*" or fields[4][0] == "*"

    def matches(self, wall: datetime) -> bool:
        if wall.minute not in self.minutes or wall.hour not in self.hours:
            return False
        if wall.month not in self.months:
            return False
        day, weekday = wall.day in self.days, wall.isoweekday() % 7 in self.weekdays
        return (day and weekday) if self.both_days else (day or weekday)


def _numbers(field: str, numbers: range) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = numbers[0], numbers[-1]
        elif "-" in span:
            first, last = (int(number) for number in span.split("-"))
        else:
            first, last = int(span), numbers[-1] if step else int(span)
        found.update(range(first, last + 1, int(step or 1)))
    return found


def runs(expression: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The minutes in (start, end], in UTC, in which cron starts the job; it ran before `start`."""
    cron = Cron(expression)
    virtual, started, now = _clock(start, zone), [], start.astimezone(UTC)
    while now < end:
        now += MINUTE
        clock = _clock(now, zone)
        due, virtual = _wake_up(cron, clock, virtual)
        if due:
            started.append(now)
    return started


def _wake_up(cron: Cron, clock: int, virtual: int) -> tuple[bool, int]:
    """What the loop does when the wall clock moved from `virtual`: (did it run, new virtual)."""

    def due(minute: int) -> bool:
        return cron.matches(_EPOCH + minute * MINUTE)

    skipped, jump = range(virtual + 1, clock + 1), clock - virtual
    if 0 < jump <= 5:  # nothing special
        return any(due(minute) for minute in skipped), clock
    if 5 < jump <= 180:  # forward: wildcard jobs of this minute, fixed jobs of all skipped ones
        if cron.is_wild:
            return due(clock), clock
        return any(due(minute) for minute in skipped), clock
    if -180 < jump <= 0:  # back: only wildcard jobs, until the clock has caught up
        return cron.is_wild and due(clock), virtual
    return due(clock), clock


def _clock(instant: datetime, zone: ZoneInfo) -> int:
    return int((instant.astimezone(zone).replace(tzinfo=None) - _EPOCH) / MINUTE)


def clock_changes(zone: ZoneInfo, first_year: int, last_year: int) -> list[datetime]:
    """Instants at most a day before the zone's offset changes."""
    step = timedelta(days=1)
    now, found = datetime(first_year, 1, 1, tzinfo=UTC), []
    offset = now.astimezone(zone).utcoffset()
    while now.year <= last_year:
        next_offset = (now + step).astimezone(zone).utcoffset()
        if next_offset != offset:
            found.append(now)
        now, offset = now + step, next_offset
    return found
