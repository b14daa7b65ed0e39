"""Record what was due by a rule that is no longer followed, and was not started."""

import logging
from datetime import datetime

from automation.models import (
    Cause,
    Holds,
    Node,
    Process,
    ScheduleVersion,
    Status,
    holds_between,
    outage_at,
    reasons,
    record_unstarted,
)
from automation.queue.rules import SECOND
from automation.schedule import Rule, Unreadable

logger = logging.getLogger(__name__)


def record(
    process: Process,
    due: datetime,
    now: datetime,
    *,
    rule: Rule | None,
    newest: ScheduleVersion | None,
) -> None:
    """Record what was due from `due` until now and not started, each occurrence with its cause.

    `rule`: what is followed from now on; `newest`: the version of the schedule until now.
    """
    cause = _cause(rule, newest)
    holds = holds_between([process], due - SECOND, now)[process.pk]
    # Where the zone is gone, for example: at least the instant that was known.
    passed = iter([due])
    if newest and newest.rule:
        spans = ScheduleVersion.objects.overdue(process, due - SECOND, now, newest)
        passed = (at for span in spans for at in span.due())
    silences = []
    # Where no node was there, the change is not the cause.
    if cause.reason == reasons.RULE_CHANGED:
        silences = Node.objects.silences(due - SECOND, now)
    record_unstarted(
        process, ((at, _held(holds, at) or outage_at(at, silences) or cause) for at in passed)
    )


def record_unreadable(process: Process, rule: Unreadable, now: datetime) -> None:
    """Log that a rule cannot be read.

    Where it is not known when it was due, record one row for all of it.
    """
    logger.error("%s: its rule cannot be read: %s", process.name, rule.error)
    if rule.known is None:
        record_unstarted(process, [(now, _unreadable(rule))])


def _held(holds: Holds, at: datetime) -> Cause | None:
    hold = holds.at(at)
    return Cause(Status.SKIPPED, hold.reason, hold.data) if hold else None


def _cause(rule: Rule | None, newest: ScheduleVersion | None) -> Cause:
    """Return why what is due until now is not started: the rule is unreadable or was changed."""
    former = newest.rule if newest else None
    if unreadable := next((one for one in (rule, former) if isinstance(one, Unreadable)), None):
        return _unreadable(unreadable)
    return Cause(Status.MISSED, reasons.RULE_CHANGED)


def _unreadable(rule: Unreadable) -> Cause:
    return Cause(Status.SKIPPED, reasons.RULE_UNREADABLE, {"error": rule.error})
