"""Repair Schedule rows, and account for what was lost with a row that vanished."""

import logging
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from automation.database.away import is_away
from automation.engine.start import due
from automation.models import Process, Silence
from automation.queue import repair as rows
from automation.queue.repair import BATCH
from automation.queue.schedules import RowChange

logger = logging.getLogger(__name__)

#: Processes that are named in a line of the log at most.
NAMED = 5


def repair(ids: Sequence[int], *, skip_locked: bool = False) -> list[RowChange]:
    """Repair the Schedule rows of these processes; return what was changed.

    Where a row had vanished, what nothing started meanwhile is started or recorded as missed, as
    the process says, in the same transaction. With `skip_locked`, processes that somebody else has
    locked are left out.
    """
    wrong = rows.out_of_step(ids)
    if not wrong:
        return []
    with transaction.atomic():
        changes = rows.put_right(wrong, skip_locked=skip_locked)
        vanished = [change.vanished for change in changes if change.vanished]
        for process in vanished:
            _account_for(process)
    if vanished:
        logger.warning("Schedule rows had vanished and are there again: %s.", _named(vanished))
    return changes


def repair_all() -> list[RowChange]:
    """Repair the Schedule rows of every process; delete rows whose process is gone."""
    ids = all_ids()
    batches = (ids[begin : begin + BATCH] for begin in range(0, len(ids), BATCH))
    changes = [change for batch in batches for change in repair(batch)]
    return [*changes, *rows.delete_orphans()]


def all_ids() -> list[int]:
    return list(Process.objects.order_by("pk").values_list("pk", flat=True))


def _account_for(process: Process) -> None:
    try:
        due.account_for(process.pk, away=Silence(None, timezone.now(), of="schedule"))
    except Exception as error:  # It stays due, and the clock tries it again later.
        if is_away(error):
            raise
        logger.exception("What was lost of %s could not be accounted for.", process.name)


def _named(processes: Sequence[Process]) -> str:
    names = ", ".join(process.name for process in processes[:NAMED])
    more = len(processes) - NAMED
    return f"{names} and {more} more" if more > 0 else names
