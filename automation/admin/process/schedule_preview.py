"""What a schedule means, shown in the form and brought up to date as one types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from automation import instants, schedule
from automation.admin.process.columns import TIMING
from automation.conf import default_time_zone
from automation.engine.start.rescheduling import Question
from automation.models import Holds, Process, ScheduleKind, Status, holds_ahead
from automation.schedule import ClockChange, Effect, Outlook, Rule

#: Coming runs that are shown; effects of a clock change; occurrences that an edit changes.
RUNS, EFFECTS, CHANGED = 10, 4, 20
#: Stretches of excluded days that are shown.
EXCLUDED = 20

_WEEK, _YEAR = timedelta(days=7), timedelta(days=366)


@dataclass(frozen=True)
class Draft:
    """A process as it is typed, beside the one that is stored (None: it is new)."""

    process: Process
    stored: Process | None
    #: The cron rule as it was typed.
    cron: str
    #: What is wrong, by the name of the field.
    errors: Mapping[str, str]
    #: What the edit asks, and what was answered.
    question: Question | None = None
    answer: str | None = None


def schedule_preview(draft: Draft) -> SafeString:
    """Render what comes of the schedule that is typed, and of the edit, or what is wrong."""
    process = draft.process
    context: dict[str, Any]
    if process.is_by_hand:
        context = {"by_hand": True}
    elif process.follows_default and not (process.default_cron or draft.cron):
        context = {"none_yet": True}
    elif errors := _errors(draft):
        context = {"errors": errors}
    else:
        context = _outlook(process, process.planned_rule)
    if "errors" not in context and draft.stored:
        context["impact"] = _impact(draft.stored, process)
    asked = {"question": draft.question, "answer": draft.answer}
    return render_to_string("automation/schedule.html", context | asked)


def _errors(draft: Draft) -> list[tuple[str, str]]:
    """Return what is wrong with the schedule: the label of each field, and its error."""
    timing = {field.name: field for field in Process._meta.fields if field.name in TIMING}
    return [
        (capfirst(str(field.verbose_name)), draft.errors[name])
        for name, field in timing.items()
        if name in draft.errors
    ]


def _outlook(process: Process, rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"none_yet": True}
    seen = schedule.outlook(rule, timezone.now(), RUNS)
    held = holds_ahead([process])[process.pk] if process.pk else Holds([])
    is_cron = process.schedule_kind == ScheduleKind.CRON
    return {
        "rule": rule,
        "own": " | ".join(process.cron.splitlines()),
        "default": process.default_cron if is_cron else "",
        "is_cron": is_cron,
        "set_zone": process.timezone,
        "default_zone": default_time_zone(),
        "is_enabled": process.is_enabled,
        "has_jitter": process.jitter,
        "runs": [_run(process, rule, at, seen, held) for at in seen.occurrences],
        "changes": [_change(rule, change, effects) for change, effects in seen.changes],
        "excluded": [
            (instants.days(days.first, days.last), days.label) for days in seen.excluded[:EXCLUDED]
        ],
    }


def _run(process: Process, rule: Rule, at: datetime, seen: Outlook, held: Holds) -> dict[str, Any]:
    effect, hold = seen.effect_on(at), held.at(at)
    return {
        **_at(rule, at),
        "start": instants.clock(process.start_of(at), rule.zone, seconds=True),
        "effect": effect.words if effect else "",
        "hold": hold.in_words if hold else "",
    }


def _at(rule: Rule, at: datetime) -> dict[str, str]:
    """Write an instant by the clock of the rule's zone, which stands above, and in UTC."""
    columns = {"local": rule.zone, "utc": UTC}
    return {name: instants.to_minute(at, zone, bare=True) for name, zone in columns.items()}


def _change(rule: Rule, change: ClockChange, effects: Sequence[Effect]) -> dict[str, Any]:
    return {
        "day": instants.day(change.wall_before),
        "before": instants.clock(change.wall_before),
        "after": instants.clock(change.wall_after),
        "effects": [effect.words for effect in effects[:EFFECTS]],
        "more": max(0, len(effects) - EFFECTS),
    }


def _impact(stored: Process, process: Process) -> dict[str, Any] | None:
    """Return what the edit changes of the coming week or, where that is nothing, of the coming year."""
    old, new, now = stored.usable_rule, process.usable_rule, timezone.now()
    rule = new or old
    if rule is None or old == new:
        return None
    changed = schedule.difference(old, new, now, now + _WEEK)
    if changed.is_none:
        changed = schedule.difference(old, new, now, now + _YEAR)
    sides = {"vanish": changed.vanish, "appear": changed.appear}
    return {
        "is_none": changed.is_none,
        "day": instants.day(schedule.wall_clock(rule.zone, changed.compared_until)),
        "until": instants.to_minute(changed.compared_until, rule.zone, bare=True),
        "sides": {
            name: {
                "shown": [_at(rule, at) for at in instants[:CHANGED]],
                "more": max(0, len(instants) - CHANGED),
            }
            for name, instants in sides.items()
        },
        "is_running": stored.executions.filter(status=Status.RUNNING).exists(),
    }
