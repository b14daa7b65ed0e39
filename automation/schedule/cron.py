"""Cron rules in a time zone, one a line."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from heapq import merge
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from automation.reading import plain
from automation.schedule.cron_line import CronLine
from automation.schedule.errors import ScheduleError
from automation.schedule.rule import VERSION, Rule
from automation.schedule.zones import zone_named

MOST_LINES = 20

_TIME = re.compile(r"(\d{1,2}):(\d{2})")


def cron_from(text: str) -> str:
    """Return the cron rules that were typed, one a line: digits in any script, or a time of day."""
    lines = (_line_from(plain(line)) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _line_from(typed: str) -> str:
    time = _TIME.fullmatch(typed)
    is_there = time and int(time[1]) < 24 and int(time[2]) < 60
    return f"{int(time[2])} {int(time[1])} * * *" if time and is_there else typed


class CronRule(Rule):
    """Cron rules in a time zone; due whenever at least one of them is due.

    `expression`: one rule a line, at most 20, each of five fields or `@daily` and the like; blank
    lines do not count. Raises ScheduleError for a rule that is not cron or never comes due.
    """

    def __init__(self, expression: str, timezone: str) -> None:
        self.zone = zone_named(timezone)
        self.lines = _lines(expression)
        self.expression = "\n".join(line.text for line in self.lines)

    def __str__(self) -> str:
        return f"{self.expression} {self.zone.key}"

    @property
    def words(self) -> str:
        """The rules in words, in the active language or in English."""
        return _("; ").join(line.words for line in self.lines)

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the occurrences strictly after `instant`, in order, as UTC datetimes."""
        begin = instant.astimezone(UTC)
        every = merge(*(line.after(begin, self.zone) for line in self.lines))
        return (occurrence for occurrence, _same in groupby(every))

    def next_after(self, instant: datetime) -> datetime:
        """Return the first occurrence strictly after `instant`, in UTC: there always is one."""
        return next(self.after(instant))

    def as_json(self) -> dict[str, Any]:
        lines = [line.text for line in self.lines]
        return {"version": VERSION, "kind": "cron", "lines": lines, "timezone": self.zone.key}


def _lines(text: str) -> tuple[CronLine, ...]:
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(numbered) <= 1:
        return (_line(text),)
    if len(numbered) > MOST_LINES:
        told = _("There are %(count)s cron rules; a process follows at most %(most)s.")
        raise ScheduleError("cron", told % {"count": len(numbered), "most": MOST_LINES})
    return tuple(_numbered_line(number, line) for number, line in numbered)


@lru_cache(maxsize=1_000)
def _line(text: str) -> CronLine:
    """Return the line as a rule, read once: the clock asks for the same rules again and again."""
    return CronLine(text)


def _numbered_line(number: int, text: str) -> CronLine:
    try:
        return _line(text)
    except ScheduleError as error:
        told = _("Line %(number)s: %(error)s") % {"number": number, "error": error}
        raise ScheduleError(error.field, told) from error
