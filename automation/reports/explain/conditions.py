"""The conditions that matter at any instant, past, present or to come."""

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.instants import to_minute
from automation.models import Hold, Process, ScheduleVersion, holds_between, reasons
from automation.reports.explain.steps import Step, blocks, ok, unknown
from automation.schedule import Rule, Schedule, Succession

_INSTANT = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
#: How far back the occurrence before an instant is looked for.
_REACH = timedelta(days=5 * 366)


class LimitedRule(NamedTuple):
    """The rule in force, the same rule without its limits (`bare`), and its limits."""

    rule: Rule
    bare: Rule
    limits: Schedule | None


def limited_rule_at(rule: Rule, at: datetime) -> LimitedRule:
    part = rule
    while isinstance(part, Succession):
        part = part.former if at < part.begin else part.later
    if isinstance(part, Schedule):
        return LimitedRule(rule, part.rule, part)
    return LimitedRule(rule, part, None)


def last_before(rule: Rule, at: datetime) -> datetime | None:
    """Return the last occurrence before an instant, of the last five years, by bisection."""

    def has_some(minutes: int) -> bool:
        first = rule.next_after(at - minutes * _MINUTE)
        return first is not None and first < at

    back = range(1, _REACH // _MINUTE)
    fewest = bisect_left(back, True, key=has_some)
    return rule.next_after(at - back[fewest] * _MINUTE) if fewest < len(back) else None


def origin(version: ScheduleVersion | None, zone: ZoneInfo) -> str:
    """Say since when a rule is in force, and who set it."""
    if version is None:
        return ""
    told = _("In force since %(since)s; set by %(who)s.")
    who = version.changed_by_name or _("the system")
    return told % {"since": to_minute(version.valid_from, zone), "who": who}


def enabled(process: Process, zone: ZoneInfo, at: datetime, *, on: bool | None) -> Step:
    if on is None:
        return unknown("enabled", _("Whether it was switched on is not on record."))
    if on:
        return ok("enabled", _("Switched on."))
    remedy = _("Switch it on.")
    rows = process.history.filter(history_date__lte=at)
    last_on = rows.filter(is_enabled=True).first()
    since = last_on.history_id if last_on else 0
    change = rows.filter(history_id__gt=since).select_related("history_user").last()
    if change is None:  # It was switched off by code that keeps no history.
        return blocks("enabled", _("Switched off."), remedy)
    told = _("Switched off since %(since)s, by %(who)s.")
    who = change.history_user or _("the system")
    text = told % {"since": to_minute(change.history_date, zone), "who": who}
    return blocks("enabled", text, remedy)


def held(process: Process, at: datetime, zone: ZoneInfo) -> list[Step]:
    """Say whether the process is paused, and whether there is maintenance."""
    found = holds_between([process], at, at)[process.pk].all_at(at)
    pauses = [hold for hold in found if hold.reason != reasons.MAINTENANCE]
    windows = [hold for hold in found if hold.reason == reasons.MAINTENANCE]
    return [_paused(pauses, zone), _maintained(windows, zone)]


def _paused(pauses: list[Hold], zone: ZoneInfo) -> Step:
    """Say which pauses hold the process; the one that ends last comes first."""
    if not pauses:
        return ok("paused", _("No pause holds it, and none holds everything."))
    remedies = {
        reasons.PAUSED: _("Resume it, or start it by hand: that runs all the same."),
        reasons.ALL_PAUSED: _("Resume everything, or start it by hand: that runs all the same."),
        reasons.SKIPPED_ONCE: _("Resume it before that time, or start it by hand."),
    }
    remedy = remedies[pauses[0].reason]
    if len(pauses) > 1:
        remedy = _("Resume it, and resume everything; or start it by hand: that runs all the same.")
    return blocks("paused", " ".join(_pause_in_words(hold, zone) for hold in pauses), remedy)


def _pause_in_words(hold: Hold, zone: ZoneInfo) -> str:
    if hold.reason == reasons.SKIPPED_ONCE:
        return hold.in_words
    told = _("Paused by %(who)s since %(since)s, %(until)s: %(why)s")
    if hold.data.get("failures"):
        told = _("Paused by itself since %(since)s, %(until)s: %(why)s")
    if hold.reason == reasons.ALL_PAUSED:
        told = _("Everything paused by %(who)s since %(since)s, %(until)s: %(why)s")
    until = _("without an end")
    if hold.until is not None:
        until = _("until %(until)s") % {"until": to_minute(hold.until, zone)}
    data = hold.data
    values = {"who": reasons.who_paused(data), "why": reasons.why_paused(data), "until": until}
    return told % {**values, "since": to_minute(hold.since, zone)}


def _maintained(windows: list[Hold], zone: ZoneInfo) -> Step:
    if not windows:
        return ok("maintenance", _("No maintenance window holds it."))
    text = " ".join(_window_in_words(hold, zone) for hold in windows)
    remedy = _("Start it by hand, or change the maintenance window.")
    return blocks("maintenance", text, remedy)


def _window_in_words(hold: Hold, zone: ZoneInfo) -> str:
    told = _("Maintenance from %(since)s until %(until)s: %(label)s")
    until = to_minute(hold.until, zone) if hold.until else ""
    return told % {
        "since": to_minute(hold.since, zone),
        "until": until,
        "label": hold.data["label"],
    }


def excluded(
    in_force: LimitedRule | None, since: datetime, until: datetime, zone: ZoneInfo
) -> Step:
    """Say whether the calendar excludes what would be due from `since` to `until`."""
    limits = in_force.limits if in_force else None
    found = next(limits.excluded_between(since - _INSTANT, until), None) if limits else None
    if found is None:
        return ok("excluded", _("Its calendar excludes nothing here."))
    at, label = found
    told = _("Its calendar excludes what would be due at %(at)s: %(label)s")
    values = {"at": to_minute(at, zone), "label": label or _("no label")}
    return blocks("excluded", told % values, _("Start it by hand, or change the calendar."))


def limited(in_force: LimitedRule | None, at: datetime, zone: ZoneInfo) -> Step:
    """Say whether the rule has begun, has not ended and is not used up at an instant."""
    limits = in_force.limits if in_force else None
    if limits is None or limits.is_open_at(at):
        return ok("limits", _("No start, end or number of times stands in its way."))
    times = limits.limit or 0
    told = ngettext("Its only time is over.", "All its %(count)s times are over.", times)
    told %= {"count": times}
    if limits.starts and at < limits.starts:
        told = _("It counts from %(time)s on.") % {"time": to_minute(limits.starts, zone)}
    elif limits.ends and at >= limits.ends:
        told = _("It ended at %(time)s.") % {"time": to_minute(limits.ends, zone)}
    return blocks("limits", told, _("Change its start, end or number of times."))
