"""Instants, spans, lengths of time and zones as people read them, in pages, mails and commands.

One format: `Wed 2026-11-25 16:34 Asia/Tehran`. Weekday; the date as ISO has it in English, else as
the language of the reader has it; the clock of 24 hours, with seconds where the instant is of a run
(`to_second`) and without where it is of a rule (`to_minute`). The zone is named where it is not that
of the page, and always in mails and commands (`naming_zones`); its offset stands beside a local time
that comes twice. What programs read is ISO 8601 with an offset, and is not made here; what people
type is read by `automation.reading`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from django.utils.timezone import get_current_timezone, now
from django.utils.translation import get_language
from django.utils.translation import gettext as _

_MINUTE, _SECOND = "%H:%M", "%H:%M:%S"

_is_named = ContextVar("automation_zones_are_named", default=False)


class SiteZone(ZoneInfo):
    """Stands for the zone of the site, where this machine does not know a zone; texts say so."""

    gone: str

    @classmethod
    def in_place_of(cls, gone: str, site: ZoneInfo) -> "SiteZone":
        zone = cls.no_cache(site.key)
        zone.gone = gone
        return zone


@contextmanager
def naming_zones() -> Iterator[None]:
    """Let each instant in the block name its zone, as mails and commands need it."""
    token = _is_named.set(True)
    try:
        yield
    finally:
        _is_named.reset(token)


def to_minute(at: datetime, zone: tzinfo | None = None, *, bare: bool = False) -> str:
    """Return an instant of a rule: `Wed 2026-11-25 16:34`.

    `zone`: the zone of what it is about; without one that of the page. `bare`: leave the zone out,
    as it stands beside.
    """
    return _written(at, zone, _MINUTE, bare=bare)


def to_second(at: datetime, zone: tzinfo | None = None, *, bare: bool = False) -> str:
    """Return an instant of a run, or of a node: `Wed 2026-11-25 16:34:05`; see `to_minute`."""
    return _written(at, zone, _SECOND, bare=bare)


def span(since: datetime, until: datetime, zone: tzinfo | None = None) -> str:
    """Return a span: `Wed 2026-11-25 16:34 – 18:00`, or with both days where they are two."""
    begin, end = _local(since, zone), _local(until, zone)
    last = _clock(end, _MINUTE)
    if begin.date() != end.date():
        last = f"{day(end)} {last}"
    return f"{day(begin)} {_clock(begin, _MINUTE)} – {last}{_suffix(zone)}"


def clock(at: datetime, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """Return the time of day alone, `16:34`, where the day and the zone stand beside it."""
    return _clock(_local(at, zone), _SECOND if seconds else _MINUTE)


def beside(at: datetime, first: datetime, zone: tzinfo | None = None) -> str:
    """Return an instant of a run below another one: the time of day alone where the day is the same."""
    is_same_day = _local(at, zone).date() == _local(first, zone).date()
    return clock(at, zone, seconds=True) if is_same_day else to_second(at, zone, bare=True)


def day(of: date) -> str:
    """Return a day: `Wed 2026-11-25`. All dates for people are made here."""
    return f"{WEEKDAYS_ABBR[of.weekday()]} {_date(of)}"


def days(first: date, last: date) -> str:
    """Return a stretch of days: `Wed 2026-11-25`, or `Wed 2026-11-25 – Fri 2026-11-27`."""
    return day(first) if first == last else f"{day(first)} – {day(last)}"


def from_now(at: datetime) -> str:
    """Return how far ahead an instant is: `in 2 hours`. It stands beside the instant, never instead."""
    return _("in %(time)s") % {"time": timeuntil(at, now(), depth=1)}


def length(measured: timedelta) -> str:
    """Return how long something took, with as many digits as matter: `68 ms`, `1.2 s`, `2:05 min`."""
    total = max(measured.total_seconds(), 0)
    if total < 1:
        return _("%(n)s ms") % {"n": round(total * 1000)}
    if total < 120:
        return _("%(n)s s") % {"n": f"{total:.1f}"}
    minutes, rest = divmod(round(total), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("%(time)s h") % {"time": f"{hours}:{minutes:02}:{rest:02}"}
    return _("%(time)s min") % {"time": f"{minutes}:{rest:02}"}


def as_typed(at: datetime, zone: tzinfo | None = None) -> str:
    """Return a local time as a person types it and `automation.reading` reads it: `2026-12-01 08:00`."""
    return f"{_local(at, zone):%Y-%m-%d %H:%M}"


def as_browsers_type(at: datetime, zone: tzinfo | None = None) -> str:
    """Return a local time as a browser's input for day and time wants it: `2026-12-01T08:00`."""
    return f"{_local(at, zone):%Y-%m-%dT%H:%M}"


def element(at: datetime | None, written: str, title: str = "") -> SafeString:
    """Return a text about an instant as an HTML element that also has the instant; "" for None."""
    if at is None:
        return SafeString("")
    hint = format_html(' title="{}"', title) if title else ""
    return format_html('<time datetime="{}"{}>{}</time>', at.isoformat(), hint, written)


def name_of(zone: tzinfo) -> str:
    """Return the name of a zone; of one that this machine does not know, it also says that."""
    if isinstance(zone, SiteZone):
        told = _("%(zone)s (there is no time zone %(gone)s here)")
        return told % {"zone": zone.key, "gone": zone.gone}
    return str(zone)


def _written(at: datetime, zone: tzinfo | None, pattern: str, *, bare: bool) -> str:
    local = _local(at, zone)
    return f"{day(local)} {_clock(local, pattern)}{'' if bare else _suffix(zone)}"


def _local(at: datetime, zone: tzinfo | None) -> datetime:
    """Return what clocks on the wall show; a time without a zone is taken as such."""
    if at.tzinfo is None:
        return at
    # Through UTC: a local time that does not exist is written as the one that does.
    return at.astimezone(UTC).astimezone(zone or get_current_timezone())


def _clock(local: datetime, pattern: str) -> str:
    shown, offset = f"{local:{pattern}}", local.utcoffset()
    if offset is None or offset == local.replace(fold=1 - local.fold).utcoffset():
        return shown
    return f"{shown} {timezone(offset)}"


def _date(of: date) -> str:
    language = get_language() or "en"
    if language.partition("-")[0] == "en":
        return of.isoformat()[:10]
    return date_format(of, "SHORT_DATE_FORMAT")


def _suffix(zone: tzinfo | None) -> str:
    page = get_current_timezone()
    zone = zone or page
    is_told = _is_named.get() or isinstance(zone, SiteZone) or str(zone) != str(page)
    return f" {name_of(zone)}" if is_told else ""
