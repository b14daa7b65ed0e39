"""The five fields of a cron rule as text: where cronsim and cron disagree, and common mistakes."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_NAMES = {
    **{name: name[:3] for name in ("sunday", "monday", "tuesday", "wednesday", "thursday")},
    **{name: name[:3] for name in ("friday", "saturday", "january", "february", "march", "april")},
    **{name: name[:3] for name in ("june", "july", "august", "september", "october")},
    **{name: name[:3] for name in ("november", "december")},
}
#: First and last number of each field, and the names that stand for numbers from the first on.
_FIELDS = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 6, _DAYS))

_WEEKDAY = 4

_RANGE = re.compile(r"([^-/,]+)-([^-/,]+)(?:/(\d+))?")
_BEYOND_CRON = re.compile(r"\w+/\d+|LW?|\dL|\w+#\d", re.IGNORECASE)
_TIME = re.compile(r"\d+:\d+")
_ZONE = re.compile(r"(?:CRON_)?TZ\s*=\s*(\S+)", re.IGNORECASE)


def as_cron_reads(expression: str) -> str:
    """Return the rule without steps over a range of one: `5-5/2` is 5, and not from 5 on."""
    return " ".join(_without_steps(number, text) for number, text in enumerate(expression.split()))


def _without_steps(number: int, field: str) -> str:
    terms = field.split(",")
    for place, term in enumerate(terms):
        span = _RANGE.fullmatch(term)
        if span and span[3] and number < len(_FIELDS):
            first, last = (_number(number, end) for end in span.groups()[:2])
            if first is not None and first == last:
                terms[place] = span[1]
    return ",".join(terms)


def is_beyond_cron(expression: str) -> bool:
    """Whether a rule uses what Debian's cron refuses: a step behind a number, L, LW or #."""
    terms = [term for field in expression.split() for term in field.split(",")]
    return any(_BEYOND_CRON.fullmatch(term) for term in terms)


def what_is_no_field(text: str) -> str:
    """Return a sentence about what stands in a rule and belongs elsewhere; "" for nothing."""
    if zone := _ZONE.match(text):
        told = _("A rule names no zone: give %(zone)s as the time zone, and the five fields alone.")
        return told % {"zone": zone[1].strip("\"'")}
    if _TIME.fullmatch(text):
        return _("%(time)r is no time of day: they go from 0:00 to 23:59.") % {"time": text}
    return ""


def what_is_wrong(expression: str) -> str:
    """Return a sentence about a usual mistake in a rule that cron refuses; "" for another."""
    return next(_slips(expression), "")


def _slips(expression: str) -> Iterator[str]:
    for number, field in enumerate(expression.split()[: len(_FIELDS)]):
        for term in field.split(","):
            yield from _slip(number, term)


def _slip(number: int, term: str) -> Iterator[str]:
    for name in re.findall(r"[a-z]+", term.lower()):
        if name in _LONG_NAMES:
            told = _("names have three letters: write %(short)s for %(name)s")
            yield told % {"short": _LONG_NAMES[name], "name": name}
    if "?" in term:
        yield _("write * in place of ?")
    span = _RANGE.fullmatch(term)
    first, last = (_number(number, end) for end in span.groups()[:2]) if span else (None, None)
    if number == _WEEKDAY and span and span[1] == "7" and last is not None:
        told = _("a range begins with Sunday as 0: write %(parts)s in place of %(range)s")
        yield told % {"parts": "0" + term[1:], "range": term}
    if span and first is not None and last is not None and last < first:
        told = _("a range goes upwards: write %(parts)s in place of %(range)s")
        yield told % {"parts": _upwards(number, first, last, span), "range": term}


def _upwards(number: int, first: int, last: int, span: re.Match[str]) -> str:
    """Return a range that goes over the end of its field as ranges that cron knows."""
    low, high, names = _FIELDS[number]
    named = bool(names) and not (span[1] + span[2]).isdigit()

    def text(value: int) -> str:
        return names[value - low] if named else str(value)

    if step := int(span[3] or 1) - 1:
        counted = [*range(first, high + 1), *range(low, last + 1)][:: step + 1]
        return ",".join(map(text, counted))
    parts = ((first, high), (low, last))
    return ",".join(text(a) if a == b else f"{text(a)}-{text(b)}" for a, b in parts)


def _number(field: int, text: str) -> int | None:
    """Return the number that a text names in a field; None where it names none.

    Sunday is 0, and 7 too, so that `5-7` goes upwards.
    """
    low, high, names = _FIELDS[field]
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not (text.isascii() and text.isdigit()):
        return None
    value = int(text)
    return value if low <= value <= high or (field, value) == (_WEEKDAY, 7) else None
