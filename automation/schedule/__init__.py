"""When a process is due: rules in a time zone, and limits to them.

Pure: no models, no clock of its own. Every rule has the interface of `Rule`: `CronRule` (the clock
on the wall), `IntervalRule` (every so often), `OnceRule`; `Schedule` limits one of them, and
`Succession` lets one follow another.
"""

from automation.schedule.compare import Difference, difference
from automation.schedule.cron import CronRule, cron_from
from automation.schedule.cron_fields import is_beyond_cron
from automation.schedule.effects import Effect, Outcome, affected
from automation.schedule.errors import NeverDueError, ScheduleError
from automation.schedule.excluded import ExcludedDays, beginning_of_day
from automation.schedule.interval import (
    IntervalRule,
    interval_as_typed,
    interval_from,
    minutes_from,
)
from automation.schedule.jitter import jitter_of
from automation.schedule.once import OnceRule, once_from
from automation.schedule.outlook import Outlook, outlook
from automation.schedule.ranges import range_from
from automation.schedule.rule import Rule
from automation.schedule.schedule import Schedule
from automation.schedule.stored import schedule_from_json
from automation.schedule.succession import Succession
from automation.schedule.typed import instant_from, plain, wall_time_from
from automation.schedule.unreadable import Unreadable
from automation.schedule.zone_changes import ClockChange, clock_changes
from automation.schedule.zones import wall_clock, zone_named, zone_names

__all__ = [
    "ClockChange",
    "CronRule",
    "Difference",
    "Effect",
    "ExcludedDays",
    "IntervalRule",
    "NeverDueError",
    "OnceRule",
    "Outcome",
    "Outlook",
    "Rule",
    "Schedule",
    "ScheduleError",
    "Succession",
    "Unreadable",
    "affected",
    "beginning_of_day",
    "clock_changes",
    "cron_from",
    "difference",
    "instant_from",
    "interval_as_typed",
    "interval_from",
    "is_beyond_cron",
    "jitter_of",
    "minutes_from",
    "once_from",
    "outlook",
    "plain",
    "range_from",
    "schedule_from_json",
    "wall_clock",
    "wall_time_from",
    "zone_named",
    "zone_names",
]
