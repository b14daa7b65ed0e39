"""The stop of a node: what it waits for, until when, and what it logs meanwhile."""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from automation.cluster.worker_process import Assignment, WorkerProcess
from automation.engine.run import lease
from automation.engine.run.claims import Claim

logger = logging.getLogger(__name__)

#: Seconds between log lines about what is waited for.
REMIND = 30
#: Seconds, once nothing runs any more, for recording ends that the database does not take.
RECORD_WITHIN = 5


@dataclass
class Stop:
    """The stop of a node: nothing more is claimed, and what runs is waited for."""

    #: When the stop was asked for, by the clock of this host.
    asked_at: datetime | None = None
    #: When whatever still runs is killed, by `lease.now`; infinite: each at its own time limit.
    kill_at: float = math.inf
    #: When the last worker was gone.
    empty_at: float | None = None
    _told_at: float = field(default=-math.inf, init=False)

    def ask(self, grace: float | None) -> None:
        """Stop, and wait so many seconds for what runs; None: until its time limit.

        Where it is called again, the shortest time counts.
        """
        self.asked_at = self.asked_at or timezone.now()
        if grace is not None:
            self.kill_at = min(self.kill_at, lease.now() + grace)

    @property
    def is_asked(self) -> bool:
        return self.asked_at is not None

    @property
    def is_out_of_time(self) -> bool:
        return lease.now() >= self.kill_at

    def is_finished(self, workers: list[WorkerProcess], *, has_to_write: bool) -> bool:
        """Whether nothing runs, and nothing has to be written that the database would take."""
        if not self.is_asked or workers:
            return False
        self.empty_at = self.empty_at or lease.now()
        return not has_to_write or lease.now() - self.empty_at > RECORD_WITHIN

    def tell(self, running: Iterable[Assignment]) -> None:
        """Log what is waited for: at once, and from time to time."""
        now = lease.now()
        if self.is_asked and not self.is_out_of_time and now - self._told_at >= REMIND:
            self._told_at = now
            for work in running:
                logger.info("%s A second signal ends it at once.", self._what_is_waited_for(work))

    def _what_is_waited_for(self, work: Assignment) -> str:
        carried = work.work
        if isinstance(carried, Claim):
            what = str(carried.execution)
        else:
            what = f"the task of message {carried.message}"
        if work.begun_at is None:
            return f"The stop waits for {what}, which begins just now."
        ends = min(self.kill_at, math.inf if work.kill_at is None else work.kill_at)
        until = "it has no time limit" if math.isinf(ends) else f"until {_at(ends)} at the latest"
        return f"The stop waits for {what}, running since {_at(work.begun_at)}: {until}."


def _at(instant: float) -> str:
    """Return the time on the wall at an instant of `lease.now`."""
    at = timezone.now() + timedelta(seconds=instant - lease.now())
    return timezone.localtime(at).isoformat(timespec="seconds")
