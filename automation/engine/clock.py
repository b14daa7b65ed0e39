"""tick: start what is due. One transaction for each process, so one that fails stops no other."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from automation.engine import recovery
from automation.engine.launch import launch
from automation.engine.patience import is_away, patiently
from automation.models import (
    CatchUp,
    Cause,
    Execution,
    Holds,
    Node,
    Process,
    Status,
    Trigger,
    reasons,
    record_unstarted,
)
from automation.queue import schedules
from automation.schedule import Rule

logger = logging.getLogger(__name__)

#: Seconds by which the latest occurrence may be late before it counts as missed, where a process
#: catches none up: django-q2 looks at its schedules every half minute.
ON_TIME = 90


def tick() -> None:
    """Put right what was left behind, then start every process that is due."""
    recovery.mark_all_lost()
    recovery.requeue_forgotten()
    start_due()


def start_due() -> bool:
    """Start every process that is due; return whether none of them is due any more.

    One that somebody else holds just now stays due, as does one that cannot be started. Raises the
    database's own error where it is away.
    """
    due = schedules.due(timezone.now())
    for process_id in due:
        try:
            account_for(process_id)
        except Exception as error:  # One process harms no other; the next look tries it again.
            if is_away(error):
                raise
            logger.exception("Process %s could not be started.", process_id)
    return not set(due) & set(schedules.due(timezone.now())) if due else True


def start_occurrence(process_id: int, *, scheduled_for: str, rule: str) -> None:
    """What a Schedule row calls where django-q2's own scheduler fires it, outside our qcluster."""
    since = parse_datetime(scheduled_for)
    patiently(lambda: account_for(process_id, since=since, rule=rule), "start an occurrence")


@transaction.atomic
def account_for(
    process_id: int, *, since: datetime | None = None, rule: str | None = None
) -> Execution | None:
    """Give every occurrence that is due and has no row its row; return that of the latest.

    They are counted from `since`, or else from when its Schedule row says. The latest is started
    (or, if nothing is to be caught up, only if it is on time), the others are missed. The Schedule
    row moves on in the same transaction. `rule` is the one by which `since` was due, if known.
    """
    process = Process.objects.lock(skip_locked=since is None).filter(pk=process_id).first()
    since = since or schedules.next_run_of(process_id)
    current = schedules.rule_in_force(process) if process else None
    if process is not None and _others_know(process):
        return None
    if process is None and not Process.objects.filter(pk=process_id).exists():
        schedules.move_on(process_id, None)
    if process is None or since is None:
        return None
    if current is None:  # Parked, not tried again and again: the list of processes shows why.
        schedules.move_on(process_id, None)
        return None
    if rule is not None and rule != str(current):
        record_unstarted(process, [(since, Cause(Status.MISSED, reasons.RULE_CHANGED))])
        return None
    return _account(process, current, since)


def _others_know(process: Process) -> bool:
    """During an upgrade its function may be in the code of other nodes only: their clocks start it."""
    return process.is_broken and bool(Node.objects.live().knowing(process.function))


def _account(process: Process, rule: Rule, since: datetime) -> Execution | None:
    now = timezone.now()
    schedules.move_on(process.pk, rule.next_after(now))
    holds = Holds(process, since, now)
    # Twice over what is due, which may be more than one wants to keep.
    starting = _to_start(process, (at for at in _due(rule, since, now) if not holds.at(at)), now)
    others = (at for at in _due(rule, since, now) if at not in starting)
    causes = _Causes(process, holds, since, now)
    record_unstarted(process, ((at, causes.of(at)) for at in others))
    waits = process.catch_up == CatchUp.ALL
    started = [
        launch(process, trigger=Trigger.SCHEDULE, scheduled_for=at, waits=waits) for at in starting
    ]
    return started[-1] if started else None


def _due(rule: Rule, since: datetime, now: datetime) -> Iterator[datetime]:
    return rule.between(since - schedules.SECOND, now)


def _to_start(process: Process, due: Iterable[datetime], now: datetime) -> list[datetime]:
    """The latest of what is due, as many as are to be caught up, unless it is too late for them."""
    most = process.catch_up_limit if process.catch_up == CatchUp.ALL else 1
    latest = deque(due, maxlen=most)
    if process.catch_up == CatchUp.NONE:
        on_time = timedelta(seconds=ON_TIME)
        latest = deque(at for at in latest if now - process.start_of(at) <= on_time)
    return [at for at in latest if not process.is_too_late(at)]


class _Causes:
    """Why occurrences are not started. Those of one cause share it, and so a row."""

    def __init__(self, process: Process, holds: Holds, since: datetime, now: datetime) -> None:
        self.process, self.holds = process, holds
        self.missed = Cause(
            Status.MISSED, reasons.NOTHING_RUNNING, Node.objects.silence_before(now)
        )
        self.too_late = Cause(Status.SKIPPED, reasons.TOO_LATE, process.lateness(since))

    def of(self, at: datetime) -> Cause:
        hold = self.holds.at(at)
        if hold is not None:
            return Cause(Status.SKIPPED, hold.reason, hold.data)
        return self.too_late if self.process.is_too_late(at) else self.missed
