"""Ends that the database does not have yet: of work whose workers died."""

import logging
from collections.abc import Iterable

from django.db import Error, connection

from automation.cluster import endings
from automation.cluster.stock import results
from automation.cluster.worker_process import WorkerProcess
from automation.database import locks
from automation.database.away import is_away
from automation.engine.run import lease
from automation.engine.run.claims import Claim
from automation.queue.ordinary import Ordinary

logger = logging.getLogger(__name__)


class Unrecorded:
    """What became of the work of dead workers, until it is recorded."""

    def __init__(self) -> None:
        self._deaths: list[endings.Death] = []
        #: Ordinary work whose worker died, for another worker to record.
        self.for_workers: list[Ordinary] = []

    def __len__(self) -> int:
        return len(self._deaths) + len(self.for_workers)

    @property
    def has_to_write(self) -> bool:
        """Whether this process still has something to write."""
        return bool(self._deaths)

    def note(self, worker: WorkerProcess, *, is_stopped: bool) -> None:
        """Note that a worker died.

        `is_stopped`: its node was stopped, and could not wait any longer.
        """
        if worker.assignment is not None:
            code = worker.child.exit_code
            self._deaths.append(
                endings.Death(
                    assignment=worker.assignment,
                    exit_code=code,
                    at=lease.now(),
                    is_stopped=is_stopped,
                )
            )

    def give_back(self, claims: Iterable[Claim]) -> None:
        """Note claims to be given back, as if their workers had died before they began."""
        self._deaths += map(endings.unbegun, claims)

    def record(self, *, within: float) -> bool:
        """Write what can be written; return whether work may have become free.

        A run that goes on may have locked the process: after `within` seconds its end is left for
        the next time.
        """
        is_any_done = False
        for death in list(self._deaths):
            is_any_done |= self._record(death, within)
        return is_any_done

    def _record(self, death: endings.Death, within: float) -> bool:
        left, is_done = None, False
        try:
            with locks.unless_locked(within):
                left, is_done = endings.record(death), True
        except Error as error:
            if is_away(error):
                raise
            logger.exception("An end could not be recorded; its lease will end.")
            connection.close()  # Whatever is wrong with its session.
            is_done = True
        if is_done:
            self._deaths.remove(death)
            self.for_workers += [left] if left else []
        return is_done

    def record_plainly(self) -> None:
        """Record ordinary work that no worker recorded, without its hook, signals and cache."""
        for work in self.for_workers:
            results.record_plainly(work.message, work.died_with)
