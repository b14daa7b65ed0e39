"""The dispatcher: claims what is due for idle workers, and guards what they run.

It is one process without threads. It waits for everything at once: signals, the pipes of its
workers and of its parent, and notifications of the database.
"""

import logging
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from django.db import Error, connection
from django.utils import timezone

from automation import database
from automation.cluster import node
from automation.cluster.ahead import Ahead
from automation.cluster.children import Wakeup
from automation.cluster.live import Live
from automation.cluster.mailer import Mailer
from automation.cluster.pool import Pool
from automation.cluster.reporting import Reporting
from automation.cluster.stock.stat import PublishedStat
from automation.cluster.stopping import Stop
from automation.cluster.topics import Topics
from automation.cluster.unrecorded import Unrecorded
from automation.database import listen, session
from automation.database.away import is_away
from automation.engine.end import cancel_requests, cancelling
from automation.engine.run import lease
from automation.models import claiming
from automation.queue import messages
from automation.queue.ordinary import Ordinary, take_ordinary

logger = logging.getLogger(__name__)

#: Seconds between looks at time limits while something runs.
WATCH = 0.5
#: Seconds until a database that is away is tried again.
PAUSE = 0.5
#: Seconds for which it waits on SQLite for another writer.
BUSY = 0.1


@dataclass(frozen=True)
class Order:
    """The options with which the parent starts a dispatcher."""

    me: node.Itself
    pipe: Connection
    drain: bool = False  # stop when nothing is left to do


class Dispatcher:
    """The workers of a node, what is claimed for them, and what is reported of them."""

    def __init__(self, order: Order) -> None:
        self.order, self.me = order, order.me
        self.wakeup = Wakeup(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        self.topics = Topics()
        self.pool = Pool(order.me.workers)
        self.reporting = Reporting(order.me, order.pipe)
        self.ahead = Ahead(lease.length())
        self.unrecorded = Unrecorded()
        self.live = Live()
        self.mailer = Mailer()
        self.stat = PublishedStat(order.me.name, order.me.pid)
        self.stop = Stop()
        self.ordinary_goes_first = False

    def main(self) -> None:
        while not self._is_finished:
            try:
                self._turn()
            except Error as error:
                self._get_over(error)
            if not self._is_finished:
                self._wait()
        self._leave()

    def _turn(self) -> None:
        # First what needs no database, which may be away.
        self._hear()
        self._note_deaths()
        self._kill_overdue()
        self.pool.interrupt_what_was_asked_for_beside_the_database()
        # Then the leases and ends of what runs.
        self.reporting.begin()
        self.topics.hear()
        self._record_deaths()
        self._renew()
        self.topics.look_again()
        self._cancel()
        self.live.write(self.pool.assignments)
        self._publish()
        # Then new work.
        if not self.stop.is_asked:
            self.pool.fill()
            self._hand_out()
            self._send_notices()
        else:
            self.ahead.give_back()
            # Last, since on SQLite it may have to wait for an atomic run.
            self.reporting.say_that_it_stops(self.stop.asked_at)
        if self.order.drain and self._is_drained:
            self.stop.ask(0)

    # What runs

    def _hear(self) -> None:
        self.wakeup.signals()  # The parent gets the signal to stop too, and says how long that may take.
        while self.order.pipe.poll():
            self.stop.ask(self.order.pipe.recv())
        for ended in self.pool.hear():
            self.ahead.note_end(ended)
            self.topics.run_ended()
        if self.stop.is_asked:
            self.pool.dismiss_idle()
            self.stop.tell(self.pool.assignments)

    def _note_deaths(self) -> None:
        for worker in self.pool.remove_dead():
            self.stat.count_replaced_worker()
            self.unrecorded.note(worker, is_stopped=self.stop.is_out_of_time)

    def _kill_overdue(self) -> None:
        self.pool.kill_overdue()
        if self.stop.is_out_of_time:
            self.pool.kill_all()

    def _record_deaths(self) -> None:
        """Write the ends of runs that their dead workers could not write."""
        if self.unrecorded.record(within=BUSY):
            self.topics.add(listen.RUN, listen.TASK)  # What was given back may start.

    def _renew(self) -> None:
        """Report the node, and renew the leases of what it runs."""
        gone = self.reporting.renew([*self.ahead.claims, *self.pool.claims])
        if gone is not None:
            self.topics.add(listen.CANCEL)
            self.ahead.forget(gone)
            self.pool.kill_those_that_lost(gone)

    def _cancel(self) -> None:
        """Interrupt what a person cancelled."""
        if self.topics.take(listen.CANCEL):
            for execution_id in cancel_requests.asked():
                cancelling.carry_out(execution_id)
            self.pool.interrupt_what_was_asked_for()

    def _publish(self) -> None:
        self.stat.publish(
            is_stopping=self.stop.is_asked,
            workers=[worker.child.pid for worker in self.pool.workers],
            in_hand=len(self.pool.assignments),
            unrecorded=len(self.unrecorded),
        )

    # New work

    def _hand_out(self) -> None:
        """Hand work to idle workers: what was claimed ahead, then what can be claimed now."""
        self._hand(self.unrecorded.for_workers)
        if not self.pool.idle:
            if self.ahead.is_late:
                self.ahead.give_back()
            return
        # Each kind goes first every other time, so that neither waits for the end of the other.
        self.ordinary_goes_first = not self.ordinary_goes_first
        if self.ordinary_goes_first:
            self._take_ordinary()
        self._claim()
        self._take_ordinary()

    def _claim(self) -> None:
        """Claim executions, and hand them out."""
        idle = len(self.pool.idle)
        if listen.RUN not in self.topics or not idle:
            return
        is_all = True
        if messages.serves_executions():
            is_all = self.ahead.claim(idle, workers=len(self.pool.workers), node=self.me.name)
        self._hand([])  # Hand out at once, before the database is asked for more.
        if is_all:
            self.topics.discard(listen.RUN)
            self._expect_next()

    def _expect_next(self) -> None:
        """Note when the next execution that waits for its time comes due."""
        now = timezone.now()
        at = claiming.next_available(now)
        self.topics.expect(lease.now() + (at - now).total_seconds() if at else None)

    def _take_ordinary(self) -> None:
        """Take messages of ordinary work, and hand them out."""
        idle = len(self.pool.idle)
        if listen.TASK not in self.topics or not idle:
            return
        taken = take_ordinary(idle)
        if len(taken) < idle:
            self.topics.discard(listen.TASK)
        self._hand(taken)

    def _hand(self, ordinary: list[Ordinary]) -> None:
        """Hand claims, then ordinary work, to idle workers; remove from both what is handed out."""
        claims = self.ahead.claims
        for worker in self.pool.idle:
            if claims or ordinary:
                worker.hand(claims.pop(0) if claims else ordinary.pop(0))

    def _send_notices(self) -> None:
        """Send notices from another process, so that nothing here waits for a mail server."""
        self.mailer.look(is_told=self.topics.take(listen.NOTICE) or self.order.drain)

    # Waiting, and the end

    @property
    def _is_drained(self) -> bool:
        is_idle = not self.pool.assignments and not self.topics.has_work
        return is_idle and not self.unrecorded.for_workers and self.mailer.is_idle

    @property
    def _is_finished(self) -> bool:
        has_to_write = self.unrecorded.has_to_write or bool(self.ahead.claims)
        return self.stop.is_finished(self.pool.workers, has_to_write=has_to_write)

    def _wait(self) -> None:
        now, running = lease.now(), self.pool.assignments
        deadlines = [
            self.topics.deadline,
            self.reporting.deadline,
            self.ahead.deadline,
            self.live.deadline(running),
            self.stop.kill_at,
            # The host may have been suspended, which nobody reports, and the lease be over.
            now + WATCH if running else None,
            *(work.kill_at for work in running),
        ]
        pipes: list[Any] = [self.wakeup.fileno(), self.order.pipe, *self.topics.filenos]
        pipes += [worker.pipe for worker in self.pool.workers]
        wait(pipes, max(0.0, min(at for at in deadlines if at is not None) - now))

    def _get_over(self, error: Exception) -> None:
        """Go on after an error of the database, for the workers must be guarded."""
        if is_away(error):
            self._go_on_without_the_database(error)
            return
        logger.exception("The dispatcher met an error; it goes on.")
        connection.close()  # Whatever is wrong with its session.
        wait([self.wakeup.fileno(), self.order.pipe], PAUSE)

    def _go_on_without_the_database(self, error: Exception) -> None:
        """Guard what runs while the database is away, as long as its lease holds."""
        if database.one_writer() and "locked" in str(error):
            return  # Somebody else writes; the next turn comes soon.
        logger.warning("The database does not answer: %s", str(error).strip())
        connection.close()
        self.topics.database_is_away()
        # Their lease may be over when the database is back: they must not begin here.
        self.unrecorded.give_back(self.ahead.take_all())
        if not self.pool.assignments:
            self.reporting.nothing_is_promised()
        elif self.reporting.lease_ends:
            logger.error("The lease ends: all workers are killed.")
            self.pool.kill_all()
        wait([self.wakeup.fileno(), self.order.pipe], PAUSE)

    def _leave(self) -> None:
        self.mailer.stop()
        with suppress(Error):  # It goes silent then, and the messages come again.
            self.unrecorded.record_plainly()
            self.reporting.say_that_it_has_stopped(self.stop.asked_at)
        self.stat.publish_the_end()


def main(order: Order) -> None:
    session.settle()
    # Somebody else writes: the next turn tries again, without waiting.
    session.give_way_after(BUSY)
    Dispatcher(order).main()
