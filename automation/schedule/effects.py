"""What a change of the clocks does to a rule, occurrence by occurrence."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _

from automation.instants import clock
from automation.schedule.cron import CronRule
from automation.schedule.once import OnceRule
from automation.schedule.rule import Rule
from automation.schedule.schedule import Schedule
from automation.schedule.succession import Succession
from automation.schedule.zone_changes import ClockChange
from automation.schedule.zones import wall_clock


class Outcome(StrEnum):
    MOVED = "moved"  # skipped by the clocks, runs at once after it
    MERGED = "merged"  # as moved, while another occurrence runs then too: once for both
    DROPPED = "dropped"  # skipped by the clocks, does not run
    FIRST = "first"  # comes twice, runs at the first
    SECOND = "second"  # comes twice, runs at the second: where the first is not meant, or not within limits
    TWICE = "twice"  # comes twice, runs twice


_NONE = timedelta(0)


@dataclass(frozen=True)
class Effect:
    """What becomes of a local time, `wall`, that a change skips or repeats, and when it `runs`."""

    outcome: Outcome
    wall: datetime
    runs: tuple[datetime, ...]
    change: ClockChange

    @property
    def words(self) -> str:
        """What happens, in the active language."""
        told = {"time": clock(self.wall), "next": clock(self.change.wall_after)}
        return _words()[self.outcome] % told


def _words() -> dict[Outcome, str]:
    return {
        Outcome.MOVED: _("%(time)s does not exist, runs %(next)s"),
        Outcome.MERGED: _("%(time)s does not exist, runs %(next)s, once for several"),
        Outcome.DROPPED: _("%(time)s does not exist, does not run"),
        Outcome.FIRST: _("runs once, at the first %(time)s"),
        Outcome.SECOND: _("runs once, at the second %(time)s"),
        Outcome.TWICE: _("runs twice, at both %(time)s"),
    }


def affected(rule: Rule, change: ClockChange) -> Iterator[Effect]:
    """Yield an effect for each occurrence that a clock change of the rule's zone touches.

    In local order. A rule that is due every minute has as many as the change has minutes; a change
    is of less than a day.
    """
    if isinstance(rule, Schedule):
        within = (_within(rule, effect) for effect in affected(rule.rule, change))
        yield from (effect for effect in within if effect)
    elif isinstance(rule, Succession):
        yield from affected(rule.former if change.at < rule.begin else rule.later, change)
    elif isinstance(rule, CronRule):
        yield from _skipped(rule, change) if change.move > _NONE else _repeated(rule, change)
    elif isinstance(rule, OnceRule):
        yield from _once(rule, change)


def _skipped(rule: CronRule, change: ClockChange) -> Iterator[Effect]:
    is_moved: dict[datetime, bool] = {}
    for line in rule.lines:
        for wall in line.wall_times_touched(change):
            is_moved[wall] = is_moved.get(wall, False) or line.catches_up(change)
    is_taken = any(line.is_due_at(change.wall_after) for line in rule.lines)
    for wall in sorted(is_moved):
        if not is_moved[wall]:
            yield Effect(Outcome.DROPPED, wall, (), change)
            continue
        yield Effect(Outcome.MERGED if is_taken else Outcome.MOVED, wall, (change.at,), change)
        is_taken = True


def _repeated(rule: CronRule, change: ClockChange) -> Iterator[Effect]:
    is_twice: dict[datetime, bool] = {}
    for line in rule.lines:
        for wall in line.wall_times_touched(change):
            is_twice[wall] = is_twice.get(wall, False) or line.follows(change)
    for wall in sorted(is_twice):
        first, second = _passes(wall, change)
        if is_twice[wall]:
            yield Effect(Outcome.TWICE, wall, (first, second), change)
        else:
            yield Effect(Outcome.FIRST, wall, (first,), change)


def _once(rule: OnceRule, change: ClockChange) -> Iterator[Effect]:
    wall = wall_clock(rule.zone, rule.at)
    if change.wall_after <= wall < change.wall_before and rule.at in _passes(wall, change):
        is_first = rule.at < change.at
        yield Effect(Outcome.FIRST if is_first else Outcome.SECOND, wall, (rule.at,), change)


def _passes(wall: datetime, change: ClockChange) -> tuple[datetime, datetime]:
    """The instants at which a repeated local time comes."""
    in_utc = wall.replace(tzinfo=UTC)
    return in_utc - change.old_offset, in_utc - change.new_offset


def _within(schedule: Schedule, effect: Effect) -> Effect | None:
    """Return the effect without what the schedule's limits exclude; None where nothing is left."""
    if effect.outcome == Outcome.DROPPED:
        is_excluded = schedule.calendar.stretch_of(effect.wall.date())
        return effect if schedule.is_open_at(effect.change.at) and not is_excluded else None
    left = tuple(run for run in effect.runs if _is_left(schedule, run))
    if effect.outcome == Outcome.TWICE and len(left) == 1:
        is_first = left[0] < effect.change.at
        return replace(effect, outcome=Outcome.FIRST if is_first else Outcome.SECOND, runs=left)
    return effect if left else None


def _is_left(schedule: Schedule, run: datetime) -> bool:
    day = wall_clock(schedule.zone, run).date()
    return schedule.is_open_at(run) and not schedule.calendar.stretch_of(day)
