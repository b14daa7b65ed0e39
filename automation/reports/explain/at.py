"""Why a process did not run at an instant that passed, or whether it will at one to come."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.instants import clock, to_minute, to_second
from automation.models import (
    Execution,
    Node,
    Process,
    ScheduleVersion,
    Status,
    Trigger,
    TriggerType,
)
from automation.reports.explain import conditions
from automation.reports.explain.conditions import LimitedRule, limited_rule_at
from automation.reports.explain.steps import (
    Explanation,
    Step,
    Verdict,
    blocks,
    first_block,
    ok,
    unknown,
)
from automation.reports.workers import workers
from automation.schedule import Effect, ScheduleError, Unreadable, affected, clock_changes

#: Executions that are shown at most.
MOST_SHOWN = 50

_INSTANT = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


def explain_then(process: Process, at: datetime) -> Explanation:
    now, zone = timezone.now(), process.zone
    is_past = at <= now
    snapshot = _read(process, at, now if at > now else at, zone)
    instant = snapshot.instants[0]
    steps = [
        _due(snapshot),
        conditions.enabled(process, zone, min(instant, now), on=snapshot.was_on),
        *conditions.held(process, instant, zone),
        conditions.excluded(snapshot.in_force, instant, instant + _MINUTE - _INSTANT, zone),
        conditions.limited(snapshot.in_force, instant, zone),
    ]
    if not is_past:
        verdict = first_block(steps) or _will_run(snapshot)
        return Explanation(process, at, verdict, steps)
    steps = [replace(step, remedy="") for step in steps] + [_nodes(snapshot)]
    rows = _rows(snapshot)
    steps.append(_record(snapshot, rows))
    verdict = _outcome(rows, zone) or _cause(snapshot, steps)
    return Explanation(process, at, verdict, steps, rows)


@dataclass(frozen=True)
class _SnapshotAt:
    """What was, or will be, in force at the instant asked about."""

    process: Process
    at: datetime
    zone: ZoneInfo
    version: ScheduleVersion | None
    in_force: LimitedRule | None
    error: str
    #: Whether it was switched on; None where that is not on record.
    was_on: bool | None
    was_by_hand: bool
    #: What a clock change does to this local time.
    effect: Effect | None
    #: When it is due at that local time, which may come twice; the instant itself where it is not due.
    instants: list[datetime]
    is_due: bool


def _read(process: Process, at: datetime, known_at: datetime, zone: ZoneInfo) -> _SnapshotAt:
    version = ScheduleVersion.objects.in_force_at(process, known_at.astimezone(UTC))
    rule, error = version.rule if version else None, ""
    if isinstance(rule, Unreadable):
        error = _("Its rule could not be read: %(error)s") % {"error": rule.error}
        rule = rule.known
    past = process.history.filter(history_date__lte=known_at).first()
    # Of an instant to come: a process that is switched off would be due all the same.
    if rule is None and not error and known_at != at:
        try:
            rule = process.planned_rule
        except ScheduleError as found:
            error = str(found)
    in_force = limited_rule_at(rule, at) if rule else None
    effect = _effect_on(in_force, at, zone)
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    due = list(effect.runs) if effect else []
    if in_force and effect is None and _exists(at, zone):
        due = list(in_force.bare.between(minute - _INSTANT, minute + _MINUTE - _INSTANT))
    of_then: Any = past or process
    is_known = past is not None or known_at != at
    return _SnapshotAt(
        process=process,
        at=at,
        zone=zone,
        version=version,
        in_force=in_force,
        error=error,
        was_on=of_then.is_enabled if is_known else None,
        was_by_hand=of_then.trigger_type == TriggerType.MANUAL,
        effect=effect,
        instants=due or [minute],
        is_due=bool(due),
    )


def _effect_on(in_force: LimitedRule | None, at: datetime, zone: ZoneInfo) -> Effect | None:
    wall = _wall(at, zone).replace(second=0, microsecond=0)
    utc = at.astimezone(UTC)
    changes = [one for one in clock_changes(zone, utc - _DAY, 1) if one.at <= utc + _DAY]
    if in_force is None or not changes:
        return None
    return next((one for one in affected(in_force.bare, changes[0]) if one.wall == wall), None)


def _exists(at: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks of the zone ever show this local time."""
    return _wall(at.astimezone(UTC), zone) == _wall(at, zone)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    """Return what was asked about by the clocks of the zone; a skipped local time stays as it is."""
    return at.astimezone(zone).replace(tzinfo=None)


def _due(snapshot: _SnapshotAt) -> Step:
    if snapshot.was_by_hand:
        told = _("It had no schedule: it ran when somebody started it.")
        if snapshot.at > timezone.now():
            told = _("It has no schedule: it runs when somebody starts it.")
        return blocks("due", told, _("Give it a schedule, or start it by hand."))
    if snapshot.in_force is None:
        return _without_rule(snapshot)
    origin = conditions.origin(snapshot.version, snapshot.zone)
    words = [snapshot.in_force.rule.words.rstrip(".") + ".", origin]
    if snapshot.effect is not None:
        words.append(_("The clocks change: %(effect)s.") % {"effect": snapshot.effect.words})
    elif not _exists(snapshot.at, snapshot.zone):
        told = _("%(time)s does not exist on this day: the clocks jump over it.")
        words.append(told % {"time": clock(snapshot.at.replace(tzinfo=None))})
    if snapshot.is_due:
        return ok("due", " ".join(filter(None, words)))
    asked = to_minute(_wall(snapshot.at, snapshot.zone), snapshot.zone)
    told = _("Not due at %(at)s.") % {"at": asked}
    nearest = _nearest(snapshot, snapshot.in_force)
    remedy = _("Change its rule, or start it by hand.")
    return blocks("due", " ".join(filter(None, [told, nearest, *words])), remedy)


def _without_rule(snapshot: _SnapshotAt) -> Step:
    process, zone = snapshot.process, snapshot.zone
    if snapshot.at < process.created_at:
        told = _("The process did not exist then: it was created at %(at)s.")
        return blocks("due", told % {"at": to_minute(process.created_at, zone)})
    if snapshot.version is None and not snapshot.error:
        return unknown("due", _("What was in force then is not on record."))
    if not snapshot.was_on:
        return unknown("due", _("Switched off, it had no rule in force."))
    told = snapshot.error or _("No rule that could be followed was in force.")
    text = " ".join([told, conditions.origin(snapshot.version, zone)])
    return blocks("due", text.strip(), _("Give it a rule that can be followed."))


def _nearest(snapshot: _SnapshotAt, in_force: LimitedRule) -> str:
    instant = snapshot.instants[0]
    before, after = (
        conditions.last_before(in_force.rule, instant),
        in_force.rule.next_after(instant),
    )
    if before and after:
        told = _("The nearest: %(before)s before, %(after)s after.")
        values = {
            "before": to_minute(before, snapshot.zone),
            "after": to_minute(after, snapshot.zone),
        }
        return told % values
    if before:
        return _("The last before: %(at)s.") % {"at": to_minute(before, snapshot.zone)}
    if after:
        return _("The first after: %(at)s.") % {"at": to_minute(after, snapshot.zone)}
    return ""


def _nodes(snapshot: _SnapshotAt) -> Step:
    """Whether a node was there, as far as nodes reported themselves."""
    at = snapshot.instants[0]
    # Nodes that serve another queue do not count.
    nodes: QuerySet[Any] = Node.objects.exclude(functions=[]).with_end()
    running = nodes.filter(started_at__lte=at, there_until__gte=at).order_by("pk").first()
    if running is not None:
        return ok("nodes", _("The node %(name)s was there.") % {"name": running.name})
    silence = nodes.filter(there_until__lt=at).order_by("-there_until").first()
    told = _("No node was there.")
    if silence is not None:
        told = _("No node was there; the last, %(name)s, was seen at %(at)s.") % {
            "name": silence.name,
            "at": to_second(silence.there_until, snapshot.zone),
        }
    return blocks("nodes", told)


def _rows(snapshot: _SnapshotAt) -> list[Execution]:
    """Return the rows about the occurrence: its own row, its retries and its backfills."""
    wanted = Q(pk__in=[])
    for at in snapshot.instants:
        within = Q(trigger=Trigger.SCHEDULE, scheduled_for__lte=at, scheduled_until__gte=at)
        wanted |= Q(scheduled_for=at) | within
    rows = snapshot.process.executions.real().filter(wanted)
    return list(rows.defer("result", "previewed", "traceback").order_by("pk")[:MOST_SHOWN])


def _record(snapshot: _SnapshotAt, rows: list[Execution]) -> Step:
    if rows:
        told = ngettext(
            "%(count)s execution is on record for it.",
            "%(count)s executions are on record for it.",
            len(rows),
        )
        return ok("record", told % {"count": len(rows)})
    if not snapshot.is_due:
        return ok("record", _("Nothing was due, so nothing is on record."))
    begins = snapshot.process.history_begins_at
    if begins and snapshot.instants[0] < begins:
        told = _("What was due before %(at)s may have been pruned.")
        return unknown("record", told % {"at": to_minute(begins, snapshot.zone)})
    told = _("No execution is on record for it.")
    return unknown("record", told, _("Run the command audit_schedule."))


def _outcome(rows: list[Execution], zone: ZoneInfo) -> Verdict | None:
    """Return what became of the occurrence, by its last row."""
    if not rows:
        return None
    last = rows[-1]
    again = _("Start it by hand where its work is still wanted.")
    values = {
        "execution": last.pk,
        "status": last.get_status_display(),
        "why": last.reason_in_words,
    }
    if last.status == Status.COMPLETED and last.completed_at:
        told = _("It ran: execution #%(execution)s completed at %(at)s.")
        told %= {**values, "at": to_second(last.completed_at, zone)}
        return Verdict("ran", f"{told} {last.after_commit_in_words}".rstrip())
    if last.status in {Status.SKIPPED, Status.MISSED}:
        told = _("It did not run: execution #%(execution)s, %(status)s. %(why)s")
        return Verdict(last.reason or last.status, (told % values).strip(), again)
    if last.status == Status.RUNNING:
        return Verdict("running", _("It is running: execution #%(execution)s.") % values)
    if last.status == Status.PENDING:
        told = _("It has not begun: execution #%(execution)s still waits.")
        return Verdict("waiting", told % values, _("Ask why it does not run now."))
    told = _("It ran and did not succeed: execution #%(execution)s, %(status)s. %(why)s")
    return Verdict(last.status, (told % values).strip(), _("Look into it, then try it again."))


def _cause(snapshot: _SnapshotAt, steps: Iterable[Step]) -> Verdict:
    """Return why there is no row: the first step that blocked, or that nobody knows."""
    found = first_block(steps)
    if found is not None:
        return found
    step = next(step for step in steps if step.code == "record")
    told = _("It is not accounted for. %(why)s") % {"why": step.text}
    return Verdict("not_accounted_for", told, step.remedy)


def _will_run(snapshot: _SnapshotAt) -> Verdict:
    at = to_minute(snapshot.instants[0], snapshot.zone)
    told = _("It will be due at %(at)s, and nothing that is known holds it.")
    around = workers()
    text = f"{told % {'at': at}} {around.absence}".rstrip()
    return Verdict("will_run", text, around.remedy)
