"""What an edit of a schedule makes of today: once, twice or not at all.

An edit never starts anything by itself: what its new rule would have had earlier is not due.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import gettext as _

from automation.instants import clock
from automation.models import Process
from automation.queue import schedules
from automation.schedule import (
    Rule,
    ScheduleError,
    Succession,
    beginning_of_day,
    wall_clock,
)

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


class From(StrEnum):
    """The answers to when an edited schedule begins to be in force."""

    TODAY = "today"
    TOMORROW = "tomorrow"


@dataclass(frozen=True)
class Question:
    """Whether an edit is to be in force today too, or from `tomorrow` on.

    `passed`: the time of today that has passed by the old rule. `comes`: the time of today that
    comes by the new one. Where today would have no run (not `is_twice`), it is the other way round.
    """

    is_twice: bool
    passed: datetime
    comes: datetime
    tomorrow: datetime
    rule: Rule

    @property
    def words(self) -> str:
        told = _(
            "Today would have two: %(passed)s has passed by the old schedule, and by the new one "
            "%(comes)s comes. Today too, or from tomorrow?"
        )
        if not self.is_twice:
            told = _(
                "Today would have none: by the old schedule %(comes)s still comes, and by the new "
                "one %(passed)s has passed. Today too, or from tomorrow?"
            )
        zone = self.rule.zone
        passed, comes = (clock(at, zone) for at in (self.passed, self.comes))
        return told % {"passed": passed, "comes": comes}


def take_over(process: Process, stored: Process | None, answer: str = "") -> Question | None:
    """Set from when on an edited rule, not saved yet, is in force, by the answer (`From`).

    Returns the question that the edit asks, if there is one; without an answer, the rule is in
    force at once. A process whose rule was not changed keeps what was answered before, until that
    has passed. Raises ScheduleError where the new rule cannot be followed.
    """
    old = stored.usable_rule if stored else None
    if stored and _is_same(process, stored):
        if stored.rule_from and stored.rule_from <= timezone.now() and not _is_due(stored):
            _clear(process)
        return None
    _clear(process)
    question = question_about_today(old, process.rule, timezone.now())
    if question and old and answer == From.TOMORROW:
        process.former_rule = _until(old, question.tomorrow).as_json()
        process.rule_from = question.tomorrow
    return question


def question_about_today(old: Rule | None, new: Rule | None, now: datetime) -> Question | None:
    """Return the question where an edit makes today (in the new zone) run twice or not at all."""
    if old is None or new is None or old == new:
        return None
    today = wall_clock(new.zone, now).date()
    begin, tomorrow = (beginning_of_day(new.zone, day) for day in (today, today + _DAY))
    old_passed, old_comes = _around(old, begin, now, tomorrow)
    new_passed, new_comes = _around(new, begin, now, tomorrow)
    if new.next_after(tomorrow - _INSTANT) is None:
        return None  # The new rule has nothing from tomorrow on.
    if old_passed and new_comes and not old_comes:
        return Question(True, old_passed, new_comes, tomorrow, new)
    if old_comes and new_passed and not (old_passed or new_comes):
        return Question(False, new_passed, old_comes, tomorrow, new)
    return None


def _around(
    rule: Rule, begin: datetime, now: datetime, tomorrow: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return an occurrence of today that has passed, and the next one that comes today."""
    passed = next(rule.between(begin - _INSTANT, now), None)
    return passed, next(rule.between(now, tomorrow - _INSTANT), None)


def _until(rule: Rule, tomorrow: datetime) -> Rule:
    """Return what is in force until tomorrow, of a rule that may itself follow on another."""
    if not isinstance(rule, Succession):
        return rule
    if rule.begin <= timezone.now():
        return rule.later
    return rule.former if rule.begin >= tomorrow else rule


def _is_same(process: Process, stored: Process) -> bool:
    """Whether the rule was not edited; switching the process does not count."""
    try:
        return stored.newest_rule == process.newest_rule
    except ScheduleError:
        return False


def _is_due(process: Process) -> bool:
    """Whether an occurrence waits to be started: by another rule it would count as missed."""
    next_run = schedules.next_run_of(process.pk)
    return next_run is not None and next_run <= timezone.now()


def _clear(process: Process) -> None:
    process.former_rule = process.rule_from = None
