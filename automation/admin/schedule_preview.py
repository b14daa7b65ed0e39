"""What a schedule means, shown in the form and brought up to date as one types."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from automation import schedule
from automation.conf import default_time_zone
from automation.models import Holds, Process, ScheduleKind, Status, TriggerType, holds_ahead
from automation.schedule import ClockChange, Effect, Outlook, Rule

if TYPE_CHECKING:
    from automation.admin.timing_form import TimingForm

#: Coming runs that are shown; effects of a clock change; occurrences that an edit changes.
RUNS, EFFECTS, CHANGED = 10, 4, 20

#: What the preview is about.
TIMING = {
    *("trigger_type", "schedule_kind", "cron", "every", "anchor", "run_at", "timezone"),
    *("starts_at", "ends_at", "max_occurrences", "calendar", "jitter"),
}

_WEEK, _YEAR = timedelta(days=7), timedelta(days=366)


def schedule_preview(form: "TimingForm") -> SafeString:
    """Render what comes of the schedule that is typed, and of the edit, or what is wrong."""
    process = form.instance
    context: dict[str, Any]
    if process.trigger_type == TriggerType.MANUAL:
        context = {"by_hand": True}
    elif process.follows_default and not (process.default_cron or form["cron"].value()):
        context = {"none_yet": True}
    elif errors := _errors(form):
        context = {"errors": errors}
    else:
        context = _outlook(process, process.planned_rule)
    if "errors" not in context and form.stored:
        context["impact"] = _impact(form.stored, process)
    asked = {"question": form.question, "answer": form.data.get("today")}
    return render_to_string("automation/schedule.html", context | asked)


def _errors(form: "TimingForm") -> list[tuple[str, str]]:
    """What is wrong with when it is due, with the name of the field."""
    if form.is_bound:
        told = {name: str(text[0]) for name, text in form.errors.items() if name != "today"}
    else:
        told = dict(form.instance.errors_of_rule(form.stored))
    timing = {field.name: field for field in Process._meta.fields if field.name in TIMING}
    return [
        (capfirst(str(field.verbose_name)), told[name])
        for name, field in timing.items()
        if name in told
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
        "excluded": seen.excluded,
    }


# Without their zones: the template would turn them into the site's.


def _run(process: Process, rule: Rule, at: datetime, seen: Outlook, held: Holds) -> dict[str, Any]:
    effect, hold = seen.effect_on(at), held.at(at)
    return {
        **_at(rule, at),
        "start": schedule.wall_clock(rule.zone, process.start_of(at)),
        "effect": effect.words if effect else "",
        "hold": hold.in_words if hold else "",
    }


def _at(rule: Rule, at: datetime) -> dict[str, datetime]:
    return {"local": schedule.wall_clock(rule.zone, at), "utc": at.replace(tzinfo=None)}


def _change(rule: Rule, change: ClockChange, effects: Sequence[Effect]) -> dict[str, Any]:
    return {
        "before": change.wall_before,
        "after": change.wall_after,
        "effects": [effect.words for effect in effects[:EFFECTS]],
        "more": max(0, len(effects) - EFFECTS),
    }


def _impact(stored: Process, process: Process) -> dict[str, Any] | None:
    """What the edit changes of the coming week; where that is nothing, of the coming year."""
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
        "until": schedule.wall_clock(rule.zone, changed.compared_until),
        "sides": {
            name: {
                "shown": [_at(rule, at) for at in instants[:CHANGED]],
                "more": max(0, len(instants) - CHANGED),
            }
            for name, instants in sides.items()
        },
        "is_running": stored.executions.filter(status=Status.RUNNING).exists(),
    }
