"""Reads what people type: dates, times, lengths of time and numbers, in the digits of any script.

All forms, commands and parameters use it. Its errors say what was typed and how it could be
written. It guesses nothing: a date of the Persian calendar is not converted, but its Gregorian date
is suggested.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

#: First and last year that a person means; another one is of another calendar, or a mistake.
YEARS = (1900, 2200)
#: Years of the Persian calendar that lie among those.
_PERSIAN_YEARS = range(1279, 1579)

#: Marks of direction: invisible, and often pasted along with a text.
_MARKS = dict.fromkeys(
    [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
)

#: Characters of a typed text that an error message repeats at most.
MOST_REPEATED = 60

_DATE = r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
_TIME = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?"
_OFFSET = r"(Z|[+-]\d{2}(?::?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?)?)"
_DAY = re.compile(_DATE)
_MOMENT = re.compile(rf"{_DATE}(?:[T ] ?{_TIME} ?{_OFFSET}?)?", re.IGNORECASE)

_ONE = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}
#: What a unit may be called, in English and Persian.
_UNITS = {
    **dict.fromkeys(["s", "sec", "secs", "second", "seconds", "ثانیه"], _ONE["second"]),
    **dict.fromkeys(["m", "min", "mins", "minute", "minutes", "دقیقه"], _ONE["minute"]),
    **dict.fromkeys(["h", "hr", "hrs", "hour", "hours", "ساعت"], _ONE["hour"]),
    **dict.fromkeys(["d", "day", "days", "روز"], _ONE["day"]),
    **dict.fromkeys(["w", "week", "weeks", "هفته"], _ONE["week"]),
}
_NUMBER = r"\d{1,9}(?:\.\d{1,6})?"
_AMOUNT = re.compile(rf"({_NUMBER}) ?([^\W\d]+)(?:,? (?:and |و )?|$|(?=\d))")
_OF_A_CLOCK = re.compile(
    r"(?:(\d{1,9})(?: days?,)? )?(\d{1,9}):([0-5]\d)(?::([0-5]\d(?:\.\d{1,6})?))?"
)
_ISO_LENGTH = re.compile(
    rf"p(?=.)(?:({_NUMBER})w)?(?:({_NUMBER})d)?"
    rf"(?:t(?=\d)(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?)?"
)


class ReadingError(ValueError):
    """A text that cannot be read, in a sentence for whoever typed it."""


def plain(text: str) -> str:
    """Return a text on one line, with English digits, single spaces and no marks of direction."""
    signs = text.translate(_MARKS)
    digits = (str(int(sign)) if sign.isdecimal() else sign for sign in signs)
    return " ".join("".join(digits).split())


def number_as_text(text: str) -> str:
    """Return a number as Python reads it: English digits, a point, no thousands separators.

    Only Persian and Arabic separators are understood: what a comma means is not certain.
    """
    return plain(text).replace("٫", ".").replace("٬", "").replace("\N{MINUS SIGN}", "-")


def date_from(text: str, *, years: tuple[int, int] = YEARS) -> date:
    """Return the day that was typed, as `2026-11-24` or `2026/11/24`. Raises ReadingError."""
    typed = _DAY.fullmatch(plain(text))
    told = _("%(text)r is not a date. Write it as 2026-12-01.") % {"text": _repeated(text)}
    return _day(typed, told, years)


def datetime_from(
    text: str, *, needs_time: bool = False, years: tuple[int, int] = YEARS
) -> datetime:
    """Return the time that was typed, as `2026-12-01 08:00`, or with `T` and seconds.

    It has a zone where its offset from UTC was typed (`Z`, `+02:00`). A day alone means its
    beginning, unless `needs_time`. Raises ReadingError.
    """
    typed = _MOMENT.fullmatch(plain(text))
    told = _("%(text)r is not a date and time. Write it as 2026-12-01 08:00.")
    told %= {"text": _repeated(text)}
    day = _day(typed, told, years)
    _year, _month, _number, hour, minute, second, fraction, offset = typed.groups() if typed else ()
    if needs_time and hour is None:
        raise ReadingError(told)
    try:
        return datetime(
            *(day.year, day.month, day.day, int(hour or 0), int(minute or 0), int(second or 0)),
            int((fraction or "").ljust(6, "0")),
            tzinfo=_zone(offset) if offset else None,
        )
    except ValueError:  # no such hour
        raise ReadingError(told) from None


def instant_from(text: str, zone: tzinfo, *, needs_time: bool = False) -> datetime:
    """Return the instant that was typed, in UTC: without an offset it is a local time of the zone.

    Of a local time that comes twice the first is meant. Raises ReadingError, for one that clocks
    jump over too.
    """
    typed = datetime_from(text, needs_time=needs_time)
    if typed.tzinfo is not None:
        return _in_utc(typed)
    at = _in_utc(typed.replace(tzinfo=zone))
    if at.astimezone(zone).replace(tzinfo=None) != typed:
        told = _("%(time)s does not exist in %(zone)s: clocks jump over it.")
        raise ReadingError(told % {"time": f"{typed:%Y-%m-%d %H:%M}", "zone": zone})
    return at


def length_from(text: str, *, may_be_negative: bool = False) -> timedelta:
    """Return the length that was typed: `45 minutes`, `1h30m`, `1:30`, `1 02:00:00` or `PT90M`.

    In the form of a clock the first number is hours. Raises ReadingError, for a number without a
    unit too: nobody knows whether 90 are seconds or minutes.
    """
    typed = number_as_text(text).lower()
    sign = -1 if may_be_negative and typed.startswith("-") else 1
    try:
        length = _length(typed.removeprefix("-").strip() if sign < 0 else typed)
        if length is not None:
            return sign * length
    except OverflowError:
        pass  # as not understood
    if re.fullmatch(_NUMBER, typed):
        told = _("%(text)r has no unit. Write %(number)s seconds, minutes, hours or days.")
        raise ReadingError(told % {"text": _repeated(text), "number": typed})
    told = _("%(text)r is not a length of time. Write 45 minutes, 2 hours, 1 day or 1:30.")
    raise ReadingError(told % {"text": _repeated(text)})


def length_as_typed(length: timedelta) -> str:
    """Return a length as a person writes it and `length_from` reads it: `1 hour 30 minutes`.

    In the active language, of which `length_from` knows English and Persian.
    """
    days, rest = divmod(abs(length), _ONE["day"])
    hours, rest = divmod(rest, _ONE["hour"])
    minutes, rest = divmod(rest, _ONE["minute"])
    seconds = f"{rest.total_seconds():f}".rstrip("0").rstrip(".")
    counted: list[tuple[str, str]] = [
        (str(days), ngettext("%(count)s day", "%(count)s days", days)),
        (str(hours), ngettext("%(count)s hour", "%(count)s hours", hours)),
        (str(minutes), ngettext("%(count)s minute", "%(count)s minutes", minutes)),
        (seconds, ngettext("%(count)s second", "%(count)s seconds", 1 if seconds == "1" else 2)),
    ]
    parts = [text % {"count": count} for count, text in counted if count != "0"]
    told = " ".join(parts or [counted[-1][1] % {"count": "0"}])
    return f"-{told}" if length < timedelta(0) else told


def refuse_far_year(
    year: int, month: int = 1, day: int = 1, *, years: tuple[int, int] = YEARS
) -> None:
    """Raise ReadingError for a year that nobody means, such as one of another calendar.

    Where it may be of the Persian calendar, the error says which date that is.
    """
    first, last = years
    if first <= year <= last:
        return
    told = _("The year %(year)s is not between %(first)s and %(last)s (Gregorian calendar).")
    told %= {"year": year, "first": first, "last": last}
    if year in _PERSIAN_YEARS and (there := _gregorian(year, month, day)):
        persian = f"{year}-{month:02}-{day:02}"
        meant = _("If %(persian)s of the Persian calendar is meant, write %(date)s.")
        told += " " + meant % {"persian": persian, "date": there}
    raise ReadingError(told)


def _day(typed: re.Match[str] | None, told: str, years: tuple[int, int]) -> date:
    if typed is None:
        raise ReadingError(told)
    year, month, day = (int(part) for part in typed.groups()[:3])
    refuse_far_year(year, month, day, years=years)
    try:
        return date(year, month, day)
    except ValueError:  # no such day
        raise ReadingError(told) from None


def _zone(offset: str) -> tzinfo:
    """Return the offset from UTC as a time zone. Raises ValueError for a day or more."""
    if offset in "Zz":
        return UTC
    digits = offset[1:].replace(":", "")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4] or 0), float(digits[4:] or 0)
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-length if offset[0] == "-" else length)


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ReadingError(_("The calendar ends there.")) from None


def _length(typed: str) -> timedelta | None:
    """Return the length that a text says; None where it is not understood. Raises OverflowError."""
    if typed in _UNITS:
        return _UNITS[typed]  # "hour"
    if iso := _ISO_LENGTH.fullmatch(typed):
        return _sum(iso.groups(), ("week", "day", "hour", "minute", "second"))
    if clock := _OF_A_CLOCK.fullmatch(typed):
        return _sum(clock.groups(), ("day", "hour", "minute", "second"))
    amounts = _AMOUNT.findall(typed)
    units = {_UNITS.get(unit) for _n, unit in amounts}
    if not amounts or _AMOUNT.sub("", typed) or None in units or len(units) < len(amounts):
        return None  # A unit that stands there twice may be a mistake.
    return sum((float(number) * _UNITS[unit] for number, unit in amounts), timedelta(0))


def _sum(numbers: tuple[str | None, ...], units: tuple[str, ...]) -> timedelta:
    pairs = zip(numbers, units, strict=True)
    return sum((float(number or 0) * _ONE[unit] for number, unit in pairs), timedelta(0))


def _gregorian(year: int, month: int, day: int) -> date | None:
    """Return the date of a day of the Persian calendar; None where it has no such day.

    By the calendar's cycle of 33 years, which is right from 1178 to 1633.
    """
    if not (1 <= month <= 12 and 1 <= day <= (31 if month <= 6 else 30)):
        return None
    found = _first_of(year) + timedelta(days=30 * (month - 1) + min(month - 1, 6) + day - 1)
    return found if found < _first_of(year + 1) else None


def _first_of(year: int) -> date:
    """Return the date of the first day of a Persian year."""
    years = year - 979
    leaps = years // 33 * 8 + (years % 33 + 3) // 4
    return date(1600, 1, 1) + timedelta(days=365 * years + leaps + 79)


def _repeated(text: str) -> str:
    return text if len(text) <= MOST_REPEATED else f"{text[:MOST_REPEATED]}…"
