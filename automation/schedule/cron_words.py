"""A cron rule in words, in the active language.

The words are made of the minutes, hours and days at which the rule is due, as the library finds
them, and not of the rule's text. So they cannot say anything that the times do not do. What has no
short form is listed.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from cronsim import CronSim
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import get_language
from django.utils.translation import gettext as _

#: Times of day that are listed at most; more are described by their minutes and hours.
MOST_TIMES = 8
#: From so many numbers in equal steps on, only the first three and the last are written.
LONG = 5
#: From so many consecutive numbers, days or months on, they are written as a range.
RANGE = 3

_ALL_HOURS, _ALL_DAYS = range(24), range(1, 32)

Naming = Callable[[int], str]


def in_words(expression: str) -> str:
    """Return a rule of five fields, which cronsim can read, in words."""
    return _in_words(expression, get_language() or "en")


@lru_cache(maxsize=1_000)
def _in_words(expression: str, _language: str) -> str:
    rule = CronSim(expression, datetime(2024, 1, 1))  # noqa: DTZ001  # no time is asked for
    minutes, hours = sorted(rule.minutes), sorted(rule.hours)
    parts = [_times(minutes, hours), _days(rule), _months(rule.months)]
    return _(", ").join(part for part in parts if part)


# Times of day


def _times(minutes: list[int], hours: list[int]) -> str:
    every = _step(minutes, 60)
    if hours == [*_ALL_HOURS]:
        return _in_every_hour(minutes, every)
    count = len(minutes) * len(hours)
    if every and minutes[0] == 0 and _is_row(hours) and count > 2:
        return _within_hours(every, hours[0], hours[-1], minutes[-1])
    if count <= MOST_TIMES:
        times = (f"{hour:02}:{minute:02}" for hour in hours for minute in minutes)
        return _("At %(times)s") % {"times": _(", ").join(times)}
    if len(minutes) == 1 and (hourly := _step(hours, 24)):
        told = _("Every %(count)s hours from %(time)s")
        return told % {"count": hourly, "time": f"{hours[0]:02}:{minutes[0]:02}"}
    told = _("At minute %(minutes)s of hour %(hours)s")
    return told % {"minutes": _numbers(minutes), "hours": _numbers(hours)}


def _in_every_hour(minutes: list[int], every: int | None) -> str:
    if every == 1:
        return _("Every minute")
    if every and minutes[0] == 0:
        return _("Every %(count)s minutes") % {"count": every}
    if minutes == [0]:
        return _("Every hour")
    return _("At minute %(minutes)s of every hour") % {"minutes": _numbers(minutes)}


def _within_hours(every: int, first: int, last: int, minute: int) -> str:
    told = _("Every %(count)s minutes from %(first)s to %(last)s")
    if every == 1:
        told = _("Every minute from %(first)s to %(last)s")
    return told % {"count": every, "first": f"{first:02}:00", "last": f"{last:02}:{minute:02}"}


def _step(numbers: list[int], whole: int) -> int | None:
    """Return the step of numbers that go round without end, such as 15 of 5, 20, 35, 50 in 60."""
    if len(numbers) < 2 or whole % len(numbers):
        return None
    step = whole // len(numbers)
    return step if numbers == [*range(numbers[0], whole, step)] else None


# Days and months


def _days(rule: CronSim) -> str:
    days, weekdays = _days_of_month(rule.days), _weekdays(rule.weekdays)
    if rule.day_and and days and weekdays:
        told = _("%(days)s if that is %(weekdays)s")
        return told % {"days": days, "weekdays": weekdays}
    if not rule.day_and:
        if not (days and weekdays):
            return ""  # One of them is every day, and either is enough.
        told = _("%(days)s or on %(weekdays)s")
        return told % {"days": days, "weekdays": weekdays}
    return days or (_("on %(weekdays)s") % {"weekdays": weekdays} if weekdays else "")


def _days_of_month(found: Collection[int]) -> str:
    """The days of the month that count; "" for all of them."""
    numbers = sorted(day for day in found if day in _ALL_DAYS)
    if numbers == [*_ALL_DAYS]:
        return ""
    told = [_("day %(days)s") % {"days": _numbers(numbers)}] if numbers else []
    if CronSim.LAST in found:
        told.append(_("the last day"))
    if CronSim.LAST_WEEKDAY in found:
        told.append(_("the last weekday (Monday to Friday)"))
    return _("on %(days)s of the month") % {"days": _(" or ").join(told)}


def _weekdays(found: Iterable[int | tuple[int, int]]) -> str:
    """The days of the week that count; "" for all of them."""
    plain = {day % 7 for day in found if isinstance(day, int)}
    if len(plain) == 7:
        return ""
    special = sorted((day for day in found if isinstance(day, tuple)), key=lambda day: day[::-1])
    told = [_ranges(plain, 7, _weekday)] if plain else []
    for weekday, number in dict.fromkeys((day % 7, number) for day, number in special):
        told.append(_nth()[number] % {"weekday": _weekday(weekday)})
    return _(" or ").join(told)


def _weekday(day: int) -> str:
    """Cron counts from Sunday, Django from Monday."""
    return str(WEEKDAYS[(day - 1) % 7])


def _nth() -> dict[int, str]:
    return {
        1: _("the first %(weekday)s of the month"),
        2: _("the second %(weekday)s of the month"),
        3: _("the third %(weekday)s of the month"),
        4: _("the fourth %(weekday)s of the month"),
        5: _("the fifth %(weekday)s of the month"),
        CronSim.LAST: _("the last %(weekday)s of the month"),
    }


def _months(found: Collection[int]) -> str:
    if len(found) == 12:
        return ""
    months = _ranges({month - 1 for month in found}, 12, lambda month: str(MONTHS[month + 1]))
    return _("in %(months)s") % {"months": months}


# Lists


def _numbers(numbers: list[int]) -> str:
    """Write numbers in order: a row as a range, equal steps as a step, others one by one."""
    if len(numbers) >= RANGE and _is_row(numbers):
        return _("%(first)s to %(last)s") % {"first": numbers[0], "last": numbers[-1]}
    steps = {later - former for former, later in pairwise(numbers)}
    if len(numbers) >= LONG and len(steps) == 1:
        first = _(", ").join(str(number) for number in numbers[:3])
        return _("%(first)s … %(last)s") % {"first": first, "last": numbers[-1]}
    return _(", ").join(_row(row) for row in _rows(numbers))


def _row(row: list[int]) -> str:
    if len(row) >= RANGE:
        return _("%(first)s to %(last)s") % {"first": row[0], "last": row[-1]}
    return _(", ").join(str(number) for number in row)


def _rows(numbers: list[int]) -> list[list[int]]:
    """Split numbers in order wherever one is missing."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and number == rows[-1][-1] + 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    return rows


def _is_row(numbers: list[int]) -> bool:
    return numbers == [*range(numbers[0], numbers[-1] + 1)]


def _ranges(found: set[int], whole: int, name_of: Naming) -> str:
    """Write names that come round, such as days of the week; a range may go over the end."""
    told = []
    for first in sorted(one for one in found if (one - 1) % whole not in found):
        row = [first]
        while (row[-1] + 1) % whole in found and len(row) < whole:
            row.append((row[-1] + 1) % whole)
        told.append(_named(row, name_of))
    return _(", ").join(told)


def _named(row: list[int], name_of: Naming) -> str:
    if len(row) >= RANGE:
        return _("%(first)s to %(last)s") % {"first": name_of(row[0]), "last": name_of(row[-1])}
    return _(", ").join(name_of(one) for one in row)
