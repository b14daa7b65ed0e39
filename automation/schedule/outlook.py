"""What comes of a rule: occurrences, clock changes, days left out."""

from dataclasses import dataclass
from datetime import datetime

from automation.schedule.effects import Effect, affected
from automation.schedule.excluded import ExcludedDays
from automation.schedule.rule import Rule
from automation.schedule.schedule import Schedule
from automation.schedule.succession import Succession
from automation.schedule.zone_changes import ClockChange, clock_changes
from automation.schedule.zones import wall_clock

#: Clock changes that are looked at.
CHANGES = 2


@dataclass(frozen=True)
class Outlook:
    """What comes of a rule.

    `occurrences`: in UTC. `changes`: clock changes, each with what it does to the rule.
    `excluded`: days that are left out until the last of the occurrences.
    """

    occurrences: tuple[datetime, ...]
    changes: tuple[tuple[ClockChange, tuple[Effect, ...]], ...]
    excluded: tuple[ExcludedDays, ...]

    def effect_on(self, occurrence: datetime) -> Effect | None:
        """What a clock change did to an occurrence; None where none touches it."""
        effects = (effect for _change, effects in self.changes for effect in effects)
        return next((effect for effect in effects if occurrence in effect.runs), None)


def outlook(rule: Rule, after: datetime, count: int) -> Outlook:
    """Look at the next `count` occurrences, and at the next clock changes of the rule's zone."""
    changes = clock_changes(rule.zone, after, CHANGES)
    occurrences = tuple(rule.first(count, after))
    return Outlook(
        occurrences=occurrences,
        changes=tuple((change, tuple(affected(rule, change))) for change in changes),
        excluded=_excluded(rule, after, occurrences[-1]) if occurrences else (),
    )


def _excluded(rule: Rule, after: datetime, until: datetime) -> tuple[ExcludedDays, ...]:
    if isinstance(rule, Succession):
        former = _excluded(rule.former, after, min(until, rule.begin)) if after < rule.begin else ()
        later = _excluded(rule.later, max(after, rule.begin), until) if until > rule.begin else ()
        return tuple(dict.fromkeys(former + later))
    if not isinstance(rule, Schedule):
        return ()
    first, last = (wall_clock(rule.zone, at).date() for at in (after, until))
    within = (days for days in rule.excluded if days.first <= last and first <= days.last)
    return tuple(sorted(within, key=lambda days: days.first))
