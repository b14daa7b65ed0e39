"""The rule in force for a process, by its row, the code, the settings and what nodes report."""

import re
from collections.abc import Callable
from datetime import timedelta

from automation.conf import default_time_zone
from automation.models import Node, Process, ScheduleVersion
from automation.schedule import NeverDueError, Rule, ScheduleError, Unreadable

#: Rules are asked for what is due after an instant: an occurrence itself counts from this before it.
SECOND = timedelta(seconds=1)

#: The defaults of a node: rules by function, and its time zone.
Defaults = tuple[dict[str, str], str]


def rule_in_force(
    process: Process,
    newest: ScheduleVersion | None = None,
    live: Callable[[], list[Defaults]] | None = None,
) -> Rule | None:
    """Return what makes the process due; None where nothing does.

    A default rule that vanished with its function is still followed, so that the history says of
    each occurrence why nothing ran. A default (rule or zone) about which live nodes disagree stays
    as it was. A rule that cannot be read is an `Unreadable`, not None.
    `newest`: the newest version of its schedule, where it is known. `live`: returns the defaults of
    the live nodes, where the caller has read them.
    """
    rule = None if process.rule_is_gone else _readable_or_not(process, newest)
    if not (process.is_on_time and (process.follows_default or process.follows_default_zone)):
        return rule
    newest = newest or ScheduleVersion.newest_of(process)
    stored = newest.rule if newest else None
    if process.rule_is_gone:
        return stored
    if stored is None or stored == rule or not _disagree(process, (live or live_defaults)()):
        return rule
    return stored


def _readable_or_not(process: Process, newest: ScheduleVersion | None) -> Rule | None:
    try:
        return process.rule
    except NeverDueError:
        return None
    except ScheduleError:
        newest = newest or ScheduleVersion.newest_of(process)
        former = newest.rule if newest else None
        found = Unreadable(process.rule_error, former)
    is_same = isinstance(former, Unreadable) and _without_numbers(former) == _without_numbers(found)
    return former if is_same else found


def _without_numbers(rule: Unreadable) -> tuple[str, str]:
    """Return what distinguishes unreadable rules: an error may contain an address or a time."""
    return re.sub(r"0x[0-9a-f]+|\d+", "", rule.error), str(rule)


def live_defaults() -> list[Defaults]:
    return list(Node.objects.live().values_list("defaults", "time_zone"))


def _disagree(process: Process, live: list[Defaults]) -> bool:
    """Whether a live node of other code or settings has other defaults for the process."""
    zone = default_time_zone()
    if process.follows_default_zone and any(other not in {"", zone} for _rules, other in live):
        return True
    if not process.follows_default:
        return False
    try:
        default = process.default_cron
    except ScheduleError:
        return False
    return any(rules.get(process.function, default) != default for rules, _zone in live)
