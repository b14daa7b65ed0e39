"""Start what is due, each process in a transaction of its own, so that one harms no other."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db import connection, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from automation import database
from automation.database.away import is_away, repeat_while_away
from automation.engine.end import recovery
from automation.engine.start.launch import launch_locked, make_way
from automation.limits import ON_TIME
from automation.models import (
    CatchUp,
    Cause,
    Execution,
    Holds,
    Node,
    OverlapPolicy,
    Process,
    ScheduleVersion,
    Silence,
    Span,
    Status,
    Trigger,
    holds_between,
    locking,
    nothing_running,
    outage_at,
    reasons,
    record_unstarted,
)
from automation.queue import schedules
from automation.queue.rules import SECOND, rule_in_force
from automation.schedule import Rule, Unreadable

logger = logging.getLogger(__name__)


def tick() -> None:
    """Repair what was left behind, then start every process that is due."""
    recovery.mark_all_lost()
    recovery.requeue_forgotten()
    start_due()


def start_due(away: Silence | None = None, *, goes_on: Callable[[], bool] = lambda: True) -> bool:
    """Start every process that is due; return whether none of them is due any more.

    `away`: a time in which nobody looked, though this node was there. `goes_on` is asked before
    each process, and ends the loop with False. A process whose row is locked stays due, and so does
    one that cannot be started. Raises the database's own error where it is away.
    """
    due = schedules.due(timezone.now())
    _make_way(due)
    for process_id in due:
        if not goes_on():
            return False
        try:
            account_for(process_id, away=away)
        except Exception as error:  # Other processes go on; the next look tries this one again.
            if is_away(error):
                raise
            logger.exception("Process %s could not be started.", process_id)
    return not set(due) & set(schedules.due(timezone.now())) if due else True


def _make_way(due: Iterable[int]) -> None:
    """On SQLite, ask atomic runs to end which a due process cancels.

    Before they have ended, no start can be written.
    """
    if not database.one_writer() or connection.in_atomic_block:
        return
    cancelling = Process.objects.filter(overlap_policy=OverlapPolicy.CANCEL_RUNNING)
    for process in cancelling.filter(pk__in=due).exclude(catch_up=CatchUp.ALL):
        at = schedules.next_run_of(process.pk)
        if at is None or not process.is_on_time:
            continue
        if holds_between([process], at, timezone.now())[process.pk].at(at):
            continue
        if timezone.now() - at <= timedelta(seconds=ON_TIME) and not process.is_too_late(at):
            make_way(process)


def start_occurrence(process_id: int, *, scheduled_for: str, rule: str = "") -> None:
    """Start an occurrence for django-q2's own scheduler, outside our qcluster.

    It is what a Schedule row calls; `rule` is what the row remembers of itself.
    """
    since = parse_datetime(scheduled_for)
    repeat_while_away(lambda: account_for(process_id, since=since), "start an occurrence")
    # There may be no clock of ours to look for them, and only messages reach a stock cluster.
    repeat_while_away(recovery.requeue_forgotten, "look for messages that are gone")


@transaction.atomic
def account_for(
    process_id: int, *, since: datetime | None = None, away: Silence | None = None
) -> Execution | None:
    """Give every occurrence that is due and has no row a row; return the row of the latest.

    Occurrences are counted from `since`, or else from the instant in the Schedule row, by the rules
    that were in force. The latest is started (or, if nothing is to be caught up, only if it is on
    time), the others are missed. The Schedule row moves on in the same transaction.
    """
    process = locking.lock(process_id, skip_locked=since is None)
    if process is None and not Process.objects.filter(pk=process_id).exists():
        schedules.move_on(process_id, None)
    if process is None or _others_know(process):
        return None
    newest = schedules.keep_in_step(process)
    since = since or schedules.next_run_of(process_id)
    return _account(process, since, newest, away) if since else None


def _others_know(process: Process) -> bool:
    """Whether other nodes have the function, whose clocks then start it; so during an upgrade."""
    return process.is_broken and bool(Node.objects.live().knowing(process.function))


def _account(
    process: Process, since: datetime, newest: ScheduleVersion | None, away: Silence | None
) -> Execution | None:
    now, rule = timezone.now(), rule_in_force(process, newest)
    schedules.move_on(process.pk, rule.next_after(now) if rule else None)
    spans = ScheduleVersion.objects.overdue(process, since - SECOND, now, newest)
    holds = holds_between([process], since, now)[process.pk]
    # What is due is computed twice: it may be too much to keep.
    due = (at for span in spans if _is_in_force(span, rule) for at in span.due())
    wanted = _to_catch_up(process, (at for at in due if not holds.at(at)), now)
    if isinstance(rule, Unreadable):
        wanted = []
    late = {at for at in wanted if process.is_too_late(at)}
    starting = set(wanted) - late
    causes = _Causes(process, rule, holds, starting, late, since, now, away)
    record_unstarted(
        process,
        (
            (at, causes.of(at, is_in_force=is_in_force))
            for span in spans
            for is_in_force in [_is_in_force(span, rule)]
            for at in span.due()
        ),
    )
    return _start(process, sorted(starting))


@dataclass(frozen=True)
class _Causes:
    """Why each occurrence is not started; None for one that is."""

    process: Process
    rule: Rule | None
    holds: Holds
    starting: set[datetime]
    late: set[datetime]
    since: datetime
    now: datetime
    away: Silence | None

    @cached_property
    def silences(self) -> list[Silence]:
        without_node = Node.objects.silences(self.since, self.now)
        return [*without_node, self.away] if self.away else without_node

    def of(self, at: datetime, *, is_in_force: bool) -> Cause | None:
        if at in self.starting:
            return None
        if hold := self.holds.at(at):
            return Cause(Status.SKIPPED, hold.reason, hold.data)
        if isinstance(self.rule, Unreadable):
            return Cause(Status.SKIPPED, reasons.RULE_UNREADABLE, {"error": self.rule.error})
        if at in self.late:
            return Cause(Status.SKIPPED, reasons.TOO_LATE, self.process.lateness(at))
        if not is_in_force:
            changed = Cause(Status.MISSED, reasons.RULE_CHANGED)
            return outage_at(at, self.silences) or changed
        return nothing_running(at, self.silences)


def _start(process: Process, occurrences: list[datetime]) -> Execution | None:
    waits, execution = process.catch_up == CatchUp.ALL, None
    for at in occurrences:
        execution = launch_locked(process, trigger=Trigger.SCHEDULE, scheduled_for=at, waits=waits)
    return execution


def _is_in_force(span: Span, rule: Rule | None) -> bool:
    """Whether the rule by which something was due is still in force."""
    return rule is not None and str(span.version.rule) == str(rule)


def _to_catch_up(process: Process, due: Iterable[datetime], now: datetime) -> list[datetime]:
    """Return the latest of the due instants, as many as are to be caught up."""
    if process.catch_up == CatchUp.ALL:
        return list(deque(due, maxlen=process.catch_up_limit))
    latest = deque(due, maxlen=1)
    if process.catch_up == CatchUp.NONE:
        on_time = timedelta(seconds=ON_TIME)
        return [at for at in latest if now - process.start_of(at) <= on_time]
    return list(latest)
