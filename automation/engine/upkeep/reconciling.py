"""Record what the ledger finds missing, whatever has lost it."""

import logging
from datetime import timedelta
from itertools import islice

from django.db import transaction
from django.utils import timezone

from automation.database.away import is_away
from automation.models import (
    Node,
    Process,
    ScheduleVersion,
    locking,
    nothing_running,
    record_unstarted,
)
from automation.queue import schedules
from automation.reports.ledger import GRACE, Finding, Proof, What, account, beginning

logger = logging.getLogger(__name__)

#: Occurrences that are looked at in one transaction.
STRETCH = 1_000

_INSTANT = timedelta(microseconds=1)


def reconcile_safely(process_id: int) -> bool:
    """Reconcile a process; log an error instead of raising it, as other processes follow."""
    try:
        return reconcile(process_id)
    except Exception as error:
        if is_away(error):
            raise
        logger.exception("The history of process %s could not be proven.", process_id)
        return False


@transaction.atomic
def reconcile(process_id: int) -> bool:
    """Prove the next stretch of a process's history; return whether there is more to prove.

    An instant without a row, though the Schedule row has moved beyond it, is recorded as missed;
    one with two rows is logged. How far the proof got is stored.
    """
    process = locking.lock(process_id, skip_locked=True)
    begin = beginning(process) if process else None
    if process is None or begin is None:
        return False
    since = max(begin, process.proven_until or begin)
    until = timezone.now() - GRACE
    due_since = schedules.next_run_of(process_id)
    if due_since is not None:  # From there on the clock accounts for what is due.
        until = min(until, due_since - _INSTANT)
    due = list(islice(ScheduleVersion.objects.due(process, since, until), STRETCH))
    is_more = len(due) == STRETCH
    proof = Proof(process, since, due[-1] if is_more else until)
    if proof.until <= since:
        return False
    account(proof, due)
    for finding in proof.findings:
        _settle(process, finding)
    Process.objects.filter(pk=process_id).update(proven_until=proof.until)
    return is_more


def _settle(process: Process, finding: Finding) -> None:
    told = (finding.what, process, finding.since.isoformat(), finding.until.isoformat())
    if finding.what != What.GAP:
        logger.error(
            "The history has a %s: %s, %s to %s, executions %s.", *told, finding.executions
        )
        return
    logger.error("The history had a %s: %s, %s to %s. It is recorded as missed.", *told)
    silences = Node.objects.silences(finding.since, timezone.now())
    due = ScheduleVersion.objects.due(process, finding.since - _INSTANT, finding.until)
    record_unstarted(process, ((at, nothing_running(at, silences)) for at in due))
