"""Why a process does not run now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from automation.instants import to_minute, to_second
from automation.limits import ON_TIME
from automation.models import (
    FINAL,
    Execution,
    Process,
    ScheduleVersion,
    Trigger,
)
from automation.queue.rules import rule_in_force
from automation.reports.explain import conditions
from automation.reports.explain.conditions import LimitedRule, limited_rule_at
from automation.reports.explain.snapshot import Snapshot
from automation.reports.explain.start import NAMED, conditions_to_start
from automation.reports.explain.steps import (
    Explanation,
    Step,
    StepState,
    Verdict,
    blocks,
    first_block,
    ok,
)
from automation.reports.workers import silence_of
from automation.schedule import Rule, ScheduleError, Unreadable


def explain_now(process: Process) -> Explanation:
    now = timezone.now()
    snapshot = Snapshot(process, now, process.zone)
    process.known = snapshot.known
    rule, error = _rule_of(process)
    in_force = limited_rule_at(rule, now) if rule else None
    before = _before_its_start(snapshot, in_force, error)
    waiting = snapshot.waiting
    if waiting and waiting.trigger not in {Trigger.SCHEDULE, Trigger.RETRY}:
        before = [_not_for(waiting, step) for step in before]
    steps = before + conditions_to_start(snapshot)
    last = process.executions.real().filter(status__in=FINAL).order_by("-id").first()
    about = [last, *snapshot.own_running[:NAMED], waiting]
    shown = {one.pk: one for one in about if one is not None}
    verdict = _verdict(snapshot, steps, rule)
    return Explanation(process, None, verdict, steps, list(shown.values()))


def _before_its_start(snapshot: Snapshot, in_force: LimitedRule | None, error: str) -> list[Step]:
    process, now, zone = snapshot.process, snapshot.now, snapshot.zone
    morning = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        _due(snapshot, in_force, error),
        conditions.enabled(process, zone, now, on=process.is_enabled),
        *conditions.held(process, now, zone),
        conditions.excluded(in_force, morning, now, zone),
        conditions.limited(in_force, now, zone),
    ]


def _not_for(execution: Execution, step: Step) -> Step:
    """Return a step that does not block what a person started."""
    if step.state != StepState.BLOCKS:
        return step
    told = _("That does not hold #%(execution)s, which was started by hand.")
    text = f"{step.text} {told % {'execution': execution.pk}}"
    return replace(step, state=StepState.OK, text=text, remedy="")


def _rule_of(process: Process) -> tuple[Rule | None, str]:
    """Return the rule in force, or of a process that is off its own; and what is wrong with it."""
    try:
        planned = rule_in_force(process) if process.is_enabled else None
        if isinstance(planned, Unreadable):
            return None, planned.error
        return planned or process.planned_rule, ""
    except ScheduleError as error:
        return None, str(error)


def _due(snapshot: Snapshot, in_force: LimitedRule | None, error: str) -> Step:
    process, zone = snapshot.process, snapshot.zone
    if process.is_by_hand:
        return ok("due", _("It has no schedule: it runs when somebody starts it."))
    if in_force is None:
        told = _("Its rule cannot be read: %(error)s") % {"error": error}
        if not error:
            told = _("It has no rule, and its function declares none.")
        return blocks("due", told, _("Give it a rule that can be followed."))
    row = snapshot.next_run
    if row is None and process.is_enabled and in_force.rule.next_after(snapshot.now) is not None:
        told = _("Its Schedule row is gone, or waits for nothing.")
        return blocks("due", told, _("Run the command sync_schedules."))
    version = ScheduleVersion.newest_of(process)
    words = [in_force.rule.words.rstrip(".") + ".", conditions.origin(version, zone)]
    if in_force.bare.next_after(snapshot.now) is None and not (row and row <= snapshot.now):
        told = _("Nothing is due any more.")
        return blocks("due", " ".join([told, *words]), _("Give it a new time."))
    return ok("due", " ".join(filter(None, [*words, _next(snapshot, in_force.rule, row)])))


def _next(snapshot: Snapshot, rule: Rule, row: datetime | None) -> str:
    if row is not None and row <= snapshot.now:
        return _("It is due since %(at)s.") % {"at": to_minute(row, snapshot.zone)}
    at = rule.next_after(snapshot.now)
    return _due_next(snapshot, at) if at else ""


def _due_next(snapshot: Snapshot, at: datetime) -> str:
    due, starts = to_minute(at, snapshot.zone), snapshot.coming.next_run
    if snapshot.coming.hold or starts is None or starts.astimezone(UTC) == at.astimezone(UTC):
        return _("It is due next at %(at)s.") % {"at": due}
    told = _("It is due next at %(at)s; that start will be skipped. It starts next at %(time)s.")
    return told % {"at": due, "time": to_minute(starts, snapshot.zone)}


def _verdict(snapshot: Snapshot, steps: list[Step], rule: Rule | None) -> Verdict:
    own = snapshot.own_running
    if own and not snapshot.is_ready:
        since = to_second(own[0].started_at or snapshot.now, snapshot.zone)
        told = _("It is running: execution #%(execution)s, since %(since)s.")
        text = f"{told % {'execution': own[0].pk, 'since': since}} {silence_of(own[0])}"
        return Verdict("running", text.rstrip())
    blocked = first_block(steps)
    if blocked is not None:
        return blocked
    if snapshot.is_ready and snapshot.waiting:
        told = _("It starts in a moment: #%(execution)s is next.")
        return Verdict("starting", told % {"execution": snapshot.waiting.pk})
    return _verdict_on_next(snapshot, rule)


def _verdict_on_next(snapshot: Snapshot, rule: Rule | None) -> Verdict:
    at = rule.next_after(snapshot.now) if rule else None
    row = snapshot.next_run if rule else None
    if row is not None and row <= snapshot.now:
        return _verdict_on_overdue(snapshot, row)
    if at is not None:
        return Verdict("due_next", _due_next(snapshot, at))
    if rule is not None:
        return Verdict("over", _("Nothing is due any more."))
    told = _("It waits for nothing: it has no schedule, and nobody started it.")
    return Verdict("by_hand", told, _("Start it by hand."))


def _verdict_on_overdue(snapshot: Snapshot, row: datetime) -> Verdict:
    at = {"at": to_minute(row, snapshot.zone)}
    if snapshot.now - row <= timedelta(seconds=ON_TIME):
        told = _("It is due since %(at)s; the clock of a node starts it within seconds.")
        return Verdict("starting", told % at)
    told = _("It is due since %(at)s, and the clock of no node has started it.")
    return Verdict("overdue", told % at, _("Look into the log of qcluster for its error."))
