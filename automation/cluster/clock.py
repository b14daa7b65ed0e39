"""The clock: a process that sleeps until something is due, and starts it."""

import logging
import signal
from collections import deque
from datetime import datetime, timedelta
from multiprocessing.connection import Connection, wait
from typing import Any

from django.db import Error, connection
from django.utils import timezone

from automation.cluster.children import Wakeup
from automation.cluster.repairs import Repairs
from automation.cluster.stock import project_schedules
from automation.database import listen, session
from automation.database.away import is_away
from automation.database.plans import plans
from automation.engine.end import notices, recovery
from automation.engine.run import lease
from automation.engine.start import due
from automation.engine.upkeep import reconciling
from automation.models import Node, Process, Silence
from automation.queue import schedules
from automation.queue.messages import serves_executions

logger = logging.getLogger(__name__)

#: Seconds between looks where nobody says that a schedule has changed, and where somebody does.
LOOK, LOOK_BESIDE_LISTENING = 1, 10
#: Seconds between its signs of life to the parent, at most, while it is busy.
BEAT = 1
#: Seconds between looks at what dead nodes and lost messages left behind.
HOUSEKEEPING = 5
#: Seconds between looks for processes that are late, or were missed.
WATCH = 30
#: Seconds between proofs of the whole history, and seconds that one turn has for that, so that what
#: comes due does not wait longer.
PROOF, PROVING = 3_600, 0.2
#: By how many seconds a wait must be too long to say that the host was suspended.
OVERSLEPT = 5
#: Seconds that are waited for in one go, and on time.
SHORT = 0.1
#: Seconds until a database that is away, or a process that is locked, is tried again.
PAUSE = 0.5


class Clock:
    def __init__(self, pipe: Connection, looked_at: float | None = None) -> None:
        """`looked_at`: when the one before this, that was killed, looked last."""
        self.pipe = pipe
        #: When it was last looked at what is due; and whether it was not for longer than it should.
        self.looked_at, self.was_away = looked_at, looked_at is not None
        self.database_was_away = False
        self.wakeup = Wakeup(signal.SIGTERM, signal.SIGINT)
        self.listener: listen.Listener | None = None
        self.beat_at = lease.now()
        self.kept_house_at = -HOUSEKEEPING * 1.0
        self.watched_at = -WATCH * 1.0
        self.is_stopping = False
        self.nodes: set[int] = set()
        self.repairs = Repairs()
        self.proved_at = -PROOF * 1.0
        self.to_prove: deque[int] = deque()

    def main(self) -> None:
        """Run until the parent says otherwise."""
        while not self.is_stopping:
            try:
                self._sleep(self._turn())
            except Error as error:
                self._sleep(self._get_over(error))

    def _turn(self) -> float:
        """Start what is due; return for how many seconds nothing is."""
        if self.listener is None and listen.can_listen():
            self.listener = listen.Listener()
        is_all = True
        if serves_executions():
            is_all = due.start_due(self._away, goes_on=self._goes_on)
        self.looked_at, self.was_away, self.database_was_away = lease.now(), False, False
        project_schedules.start_due()
        if serves_executions() and self._has_time_for_the_house():
            self._keep_house()
        self.repairs.go_on(self._until_next() if self.repairs.waiting else 0)
        self._beat()
        if not is_all:
            return PAUSE
        return 0 if self.repairs.waiting else self._until_next()

    def _beat(self) -> None:
        self.beat_at = lease.now()
        self.pipe.send(self.beat_at)

    def _goes_on(self) -> bool:
        """Whether it was not told to stop; gives its parent a sign of life where much is due."""
        if lease.now() - self.beat_at > BEAT:
            self._beat()
        return not self.pipe.poll()

    @property
    def _away(self) -> Silence | None:
        """Return the time in which nobody looked at what is due, though the node was there."""
        if self.looked_at is None or not self.was_away:
            return None
        now = timezone.now()
        since = now - timedelta(seconds=lease.now() - self.looked_at)
        return Silence(since, now, of="database" if self.database_was_away else "")

    def _has_time_for_the_house(self) -> bool:
        """Whether it is time for repairs, and nothing comes due during them."""
        since = lease.now() - self.kept_house_at
        return since >= HOUSEKEEPING and (
            since >= 2 * HOUSEKEEPING or self._until_next() > 2 * PROVING
        )

    def _keep_house(self) -> None:
        self.kept_house_at = lease.now()
        recovery.mark_all_lost()
        recovery.mark_lost_of_dead_terminals()
        recovery.requeue_forgotten()
        recovery.skip_what_no_node_knows()
        nodes = {node.pk for node in Node.live_ones()}
        # The nodes of now may agree on defaults about which the former ones did not.
        if self.nodes != nodes:
            self.repairs.everything()
        self.nodes = nodes
        self.repairs.look()
        if self.repairs.is_whole:  # What follows relies on the repaired rows.
            return
        if lease.now() - self.watched_at >= WATCH:
            self.watched_at = lease.now()
            notices.about_silence()
        self._prove()

    def _prove(self) -> None:
        """Continue the proof of the history: at the start, and every hour."""
        begun = lease.now()
        if not self.to_prove and begun - self.proved_at >= PROOF:
            self.proved_at = begun
            self.to_prove.extend(Process.objects.order_by("pk").values_list("pk", flat=True))
        while self.to_prove and lease.now() - begun < PROVING:
            process_id = self.to_prove.popleft()
            if reconciling.reconcile_safely(process_id):
                self.to_prove.append(process_id)

    def _until_next(self) -> float:
        can_hear = self.listener is not None and not self.listener.hears_nothing
        longest = LOOK_BESIDE_LISTENING if can_hear else LOOK
        longest = min(longest, HOUSEKEEPING)
        of_processes = schedules.next_due() if serves_executions() else None
        dues = [at for at in (of_processes, project_schedules.next_due()) if at]
        return min([longest, *(_seconds_until(at) for at in dues)])

    def _sleep(self, seconds: float) -> None:
        """Sleep until something is due, a schedule has changed, or it has to stop."""
        end = lease.now() + seconds
        while not self._wait(_in_time(end - lease.now())) and lease.now() < end:
            pass
        self.was_away |= lease.now() - end > OVERSLEPT

    def _wait(self, seconds: float) -> bool:
        """Wait for whatever comes first; return whether it is a reason to look at schedules."""
        waited_for: list[Any] = [self.wakeup.fileno(), self.pipe]
        if self.listener is not None:
            waited_for.append(self.listener.fileno())
        wait(waited_for, seconds)
        self.wakeup.signals()  # The parent gets the signals too, and says what to do.
        while self.pipe.poll():
            self.pipe.recv()
            self.is_stopping = True
        topics: set[str] = set()
        if self.listener is not None:
            topics = self.listener.heard()
            plans.keep(on=self.listener.hears)
        return self.is_stopping or listen.SCHEDULE in topics

    def _get_over(self, error: Exception) -> float:
        """Go on a moment after an error; return in how many seconds."""
        if not is_away(error):  # Whatever is wrong with one row, the others come due.
            logger.exception("The clock met an error; it goes on.")
            connection.close()  # Its session may be in any state.
            return PAUSE
        self.was_away = self.database_was_away = True
        logger.warning("The clock waits for the database: %s", str(error).strip())
        connection.close()
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        return PAUSE


def _in_time(seconds: float) -> float:
    """Return how long to wait so as not to be late: Linux ends a wait up to a thousandth late."""
    return max(0.0, seconds * 0.998 if seconds > SHORT else seconds)


def _seconds_until(at: datetime) -> float:
    return (at - timezone.now()).total_seconds()


def main(pipe: Connection, looked_at: float | None) -> None:
    session.settle()
    Clock(pipe, looked_at).main()
