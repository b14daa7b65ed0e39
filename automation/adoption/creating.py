"""Processes made of what was found."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError

from automation.adoption.found import Found, NotAdoptableError
from automation.conf import default_time_zone
from automation.models import Process, ScheduleKind, TriggerType
from automation.schedule import CronRule, IntervalRule, OnceRule, Rule, Schedule


def create(found: Found) -> Process:
    """Make a process of what was found, switched off. Raises NotAdoptableError."""
    process = _process_of(found)
    if Process.objects.filter(name=process.name).exists():
        raise NotAdoptableError(
            f"There is a process {process.name} already: it is left as it is. Rename it, to adopt "
            "this one too."
        )
    try:
        process.full_clean()
    except ValidationError as error:
        raise NotAdoptableError(" ".join(error.messages)) from error
    process.save()
    return process


def _process_of(adopted: Found) -> Process:
    """Return the row for what was found, not stored.

    Raises NotAdoptableError for a rule that no row can hold.
    """
    times, work = adopted.times, adopted.work
    if times is None or work is None:
        raise NotAdoptableError(" ".join(adopted.problems))
    zone = times.ours.zone.key
    return Process(
        name=adopted.name,
        label=adopted.label,
        function=work.function,
        trigger_type=TriggerType.TIME_BASED,
        timezone="" if zone == default_time_zone() else zone,
        parameters=dict(work.parameters),
        is_enabled=False,
        **adopted.columns,
        **_columns_of(times.ours),
    )


def _columns_of(rule: Rule) -> dict[str, Any]:
    if isinstance(rule, Schedule):
        limits = {"starts_at": rule.starts, "ends_at": rule.ends, "max_occurrences": rule.limit}
        return {**_columns_of(rule.rule), **limits}
    if isinstance(rule, IntervalRule):
        minutes = rule.every // timedelta(minutes=1)
        return {"schedule_kind": ScheduleKind.INTERVAL, "every": minutes, "anchor": rule.anchor}
    if isinstance(rule, OnceRule):
        return {"schedule_kind": ScheduleKind.ONCE, "run_at": rule.at}
    if isinstance(rule, CronRule):
        return {"cron": rule.expression}
    raise NotAdoptableError(f"A process cannot follow this rule: {rule.words}.")
