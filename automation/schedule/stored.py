"""Rules and schedules read back from the JSON that `as_json` returned."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from automation.schedule.cron import CronRule
from automation.schedule.errors import ScheduleError
from automation.schedule.excluded import ExcludedDays
from automation.schedule.interval import IntervalRule
from automation.schedule.once import OnceRule
from automation.schedule.rule import VERSION, Rule
from automation.schedule.schedule import Schedule
from automation.schedule.succession import Succession
from automation.schedule.unreadable import Unreadable


def schedule_from_json(data: Any) -> Rule:
    """Return the rule or schedule that `as_json` wrote.

    Raises ScheduleError: with the field `timezone` for a zone that is there no more, with `schedule`
    for what nobody can read, and as the classes do for what they refuse.
    """
    try:
        version, kind = data["version"], data["kind"]
        if version != VERSION:
            told = _("This schedule is stored in version %(version)s; only %(known)s can be read.")
            raise ScheduleError("schedule", told % {"version": version, "known": VERSION})
        return _READERS[kind](data)
    except ScheduleError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        told = _("This stored schedule cannot be read (%(error)s). Set it anew.")
        raise ScheduleError("schedule", told % {"error": repr(error)}) from error


def _cron(data: dict[str, Any]) -> Rule:
    return CronRule("\n".join(data["lines"]), data["timezone"])


def _interval(data: dict[str, Any]) -> Rule:
    every = timedelta(minutes=data["minutes"])
    return IntervalRule(every, datetime.fromisoformat(data["anchor"]), data["timezone"])


def _once(data: dict[str, Any]) -> Rule:
    return OnceRule(datetime.fromisoformat(data["at"]), data["timezone"])


def _schedule(data: dict[str, Any]) -> Rule:
    starts, ends = (_instant(data[name]) for name in ("starts", "ends"))
    excluded = [
        ExcludedDays(
            date.fromisoformat(days["first"]), date.fromisoformat(days["last"]), days["label"]
        )
        for days in data["excluded"]
    ]
    return Schedule(schedule_from_json(data["rule"]), starts, ends, excluded, data["limit"])


def _succession(data: dict[str, Any]) -> Rule:
    former, later = (schedule_from_json(data[name]) for name in ("former", "later"))
    return Succession(former, later, datetime.fromisoformat(data["begin"]))


def _unreadable(data: dict[str, Any]) -> Rule:
    try:
        known = schedule_from_json(data["known"]) if data["known"] else None
    except ScheduleError:
        known = None
    return Unreadable(data["error"], known)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_READERS: dict[str, Callable[[dict[str, Any]], Rule]] = {
    "cron": _cron,
    "interval": _interval,
    "once": _once,
    "schedule": _schedule,
    "succession": _succession,
    "unreadable": _unreadable,
}
