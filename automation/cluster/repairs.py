"""The clock's repairs of Schedule rows, a few at a time, so that nothing due waits for them."""

import logging
from collections import deque

from automation import checks
from automation.engine.run import lease
from automation.engine.upkeep import repairing
from automation.models import Process, coming_of
from automation.queue import repair as rows
from automation.queue import schedules
from automation.queue.schedules import RowChange

logger = logging.getLogger(__name__)

#: Seconds between looks for rows that vanished; each time a batch of others is compared as well.
LOOK = 10
#: Seconds of repairs in one turn; and after how many they go on, though something comes due soon.
GO, AT_LEAST_EVERY = 0.1, 1
#: Processes whose next run is logged at the start.
NAMED = 20


class Repairs:
    def __init__(self) -> None:
        self.waiting: deque[int] = deque()
        self.looked_at, self.went_on_at = -LOOK * 1.0, -AT_LEAST_EVERY * 1.0
        #: The id of the last process that was compared in turn.
        self.compared = 0
        #: Whether every process was compared, and the next runs were logged.
        self.has_told = False
        self.is_whole = False

    def everything(self) -> None:
        """Have all processes compared.

        At the start, and where nodes came or went that may disagree.
        """
        self.waiting.clear()
        self.waiting.extend(repairing.all_ids())
        self.is_whole = True

    def look(self) -> None:
        """Find rows that have vanished, and have the next few of the others compared."""
        if self.waiting or lease.now() - self.looked_at < LOOK:
            return
        self.looked_at = lease.now()
        following = Process.objects.filter(pk__gt=self.compared).order_by("pk")
        batch = list(following.values_list("pk", flat=True)[: rows.BATCH])
        self.compared = batch[-1] if len(batch) == rows.BATCH else 0
        self.waiting.extend(dict.fromkeys([*rows.without_row(), *batch]))

    def go_on(self, seconds_until_next: float) -> None:
        """Repair for a moment, unless something comes due within it."""
        begun = lease.now()
        if seconds_until_next < GO and begun - self.went_on_at < AT_LEAST_EVERY:
            return
        while self.waiting and lease.now() - begun < GO:
            batch = [self.waiting.popleft() for _ in range(min(rows.BATCH, len(self.waiting)))]
            tell(repairing.repair(batch, skip_locked=True))  # Skipped ones come in turn again.
            if not self.has_told:
                warn_about(batch)
        self.went_on_at = lease.now()
        if self.is_whole and not self.waiting:
            self._end_whole()

    def _end_whole(self) -> None:
        self.is_whole = False
        tell(rows.delete_orphans())
        if not self.has_told:
            self.has_told = True
            tell_of_next_runs()


def all_at_once() -> None:
    """Repair everything, where no clock will do so."""
    tell(repairing.repair_all())
    warn_about(repairing.all_ids())
    tell_of_next_runs()


def tell(changes: list[RowChange]) -> None:
    for change in changes:
        if change.vanished is None:  # There is a log line of vanished rows already.
            logger.info("Schedule of %s: %s.", change.name, change.what)


def warn_about(ids: list[int]) -> None:
    """Log what does not fit in these processes."""
    for process in Process.objects.filter(pk__in=ids).select_related("concurrency_group"):
        if process.is_broken:
            logger.warning(
                "%s: its function %s is not in the code.", process.name, process.function
            )
        for message in checks.warnings_about(process):
            logger.warning("%s", message)


def tell_of_next_runs() -> None:
    """Log which processes run next, and when."""
    first, count = schedules.in_order_of_next_run(NAMED)
    processes = Process.objects.in_bulk(first)
    for pk, coming in coming_of(processes.values()).items():
        if coming.next_run is not None:
            told = (processes[pk], coming.next_run.isoformat(), processes[pk].effective_timezone)
            logger.info("%s: next run %s (%s).", *told)
    if count > len(first):
        logger.info("%s more processes have a schedule.", count - len(first))
