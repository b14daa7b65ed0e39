"""The dispatcher: claims what is due for idle workers, and guards what they run.

One process without threads. It never waits for anything but all of it at once: signals, the pipes
of its workers and its parent, and word from the database.
"""

import logging
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from django.db import Error, connection
from django.utils import timezone
from django_q.conf import Conf

from automation import database
from automation.cluster import endings, lease, node
from automation.cluster.children import Wakeup
from automation.cluster.mailer import Mailer
from automation.cluster.pool import Assignment, Worker
from automation.cluster.stock import results
from automation.cluster.stock.stat import PublishedStat
from automation.cluster.stopping import Stop
from automation.database import forking, listen, locks, session
from automation.database.away import is_away
from automation.database.plans import plans
from automation.engine.end import cancel_requests, cancelling, recovery
from automation.engine.run.claims import Claim, claim_next, give_back
from automation.models import Execution, Node, claiming, reasons
from automation.queue import messages

logger = logging.getLogger(__name__)

#: Seconds between looks for work where nobody says that there is some, where somebody does, and
#: where somebody should and is not heard.
POLL, POLL_BESIDE_LISTENING, POLL_WHEN_DEAF = 0.2, 5, 1
#: Seconds between looks at the time while something runs.
WATCH = 0.5
#: Seconds for which a run goes on before its log lines are written while it does, and between.
LIVE_AFTER = 0.5
#: For how many seconds of work, and how many runs a worker, is claimed ahead.
AHEAD_SECONDS, AHEAD = 0.05, 8
#: Seconds until a database that is away is tried again.
PAUSE = 0.5
#: Seconds for which it waits on SQLite while somebody else writes.
BUSY = 0.1


@dataclass(frozen=True)
class Order:
    """What the parent starts a dispatcher with."""

    me: node.Itself
    pipe: Connection
    drain: bool = False  # stop when nothing is left to do


class Dispatcher:
    def __init__(self, order: Order) -> None:
        self.order, self.me = order, order.me
        self.wakeup = Wakeup(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        self.workers: list[Worker] = []
        self.stat = PublishedStat(order.me.name, order.me.pid)
        self.lease = lease.length()
        #: Claimed for workers that will be idle in a moment, as long as runs are short.
        self.ready: list[Claim] = []
        self.claimed_at = 0.0
        self.pace: float | None = None  # seconds that a run takes, lately
        #: Ordinary work whose worker died: another one records that.
        self.obituaries: list[messages.Ordinary] = []
        self.ordinary_goes_first = False
        #: Ends that the database does not know of yet.
        self.unrecorded: list[endings.Death] = []
        self.listener: listen.Listener | None = None
        self.node_id: int | None = None
        self.words = {listen.RUN, listen.TASK, listen.CANCEL}
        self.renewed_at = self.looked_at = self.wrote_at = lease.now()
        self.next_available: float | None = None
        self.stop = Stop()
        self.has_said_that_it_stops = False
        self.said_that_it_is_deaf = False
        self.mailer = Mailer()

    def main(self) -> None:
        while not self._is_finished:
            try:
                self._turn()
            except Error as error:
                self._get_over(error)
            if not self._is_finished:
                self._wait()
        self._leave()

    # One turn

    def _turn(self) -> None:
        self._hear()
        self._bury_dead_workers()
        self._kill_the_deaf()
        self._interrupt_what_was_asked_for()
        self._connect()
        self._record()
        self._renew()
        self._look_again()
        self._cancel()
        self._tell_of_running()
        self._show()
        if not self.stop.is_asked:
            self._fill_up()
            self._claim()
            self._send_notices()
        else:
            self._give_back_ahead()
            self._say_that_it_stops()
        if self.order.drain and self._is_drained:
            self.stop.ask(0)

    def _hear(self) -> None:
        self.wakeup.signals()  # The parent has one to stop too, and says how long it may take.
        while self.order.pipe.poll():
            self.stop.ask(self.order.pipe.recv())
        for worker in self.workers:
            ended = worker.heard()
            if ended is not None:
                self._note_end(ended)
        if self.stop.is_asked:
            self._dismiss_the_idle()
            self.stop.tell(self._runs())

    def _note_end(self, run: Assignment) -> None:
        if run.claim:
            self._note_pace(run)
        self.words.add(listen.RUN)  # What waited for its slot may start.
        if self.listener is None:
            self.words.add(listen.TASK)  # It may have queued some.

    def _note_pace(self, run: Assignment) -> None:
        took = lease.now() - run.handed_at
        self.pace = took if self.pace is None else 0.8 * self.pace + 0.2 * took

    def _dismiss_the_idle(self) -> None:
        for worker in self.workers:
            if worker.is_idle:
                worker.dismiss()

    def _bury_dead_workers(self) -> None:
        for worker in list(self.workers):
            if worker.child.is_alive:
                continue
            worker.heard()
            worker.child.kill()  # what it started and left behind
            worker.pipe.close()
            self.workers.remove(worker)
            self.stat.stat.reincarnations += 1
            if worker.run is not None:
                self.unrecorded.append(self._death_of(worker.run, worker.child.exit_code))
            if worker.run is not None or not worker.is_leaving:
                logger.warning("%s ended with %s.", worker.child.name, worker.child.exit_code)

    def _death_of(self, run: Assignment, exit_code: int | None) -> endings.Death:
        is_stopped = self.stop.is_out_of_time
        return endings.Death(run=run, exit_code=exit_code, at=lease.now(), is_stopped=is_stopped)

    def _kill_the_deaf(self) -> None:
        now = lease.now()
        for worker in self.workers:
            run = worker.run
            if run and run.kill_at is not None and now >= run.kill_at and not worker.is_leaving:
                logger.warning("%s does not heed; it is killed.", worker.child.name)
                worker.kill()
        if self.stop.is_out_of_time:
            for worker in self.workers:
                worker.kill()

    def _connect(self) -> None:
        if self.node_id is None:
            node.bury_the_dead(self.me.name, self.me.pid)
            self._give_up_what_an_earlier_one_ran()
            self.node_id = self.me.register()
            self._beat()
        if self.listener is None and listen.can_listen():
            self.listener = listen.Listener()
        if self.listener is not None:
            self.words |= self.listener.heard()
            plans.keep(on=self.listener.hears)
            self._say_if_deaf(self.listener)

    def _say_if_deaf(self, listener: listen.Listener) -> None:
        if listener.is_deaf and not self.said_that_it_is_deaf:
            self.said_that_it_is_deaf = True
            logger.warning(
                "LISTEN hears nothing: a pooler that lends connections by the transaction? Work is "
                "looked for each %s s.",
                POLL_WHEN_DEAF,
            )

    def _give_up_what_an_earlier_one_ran(self) -> None:
        """A dispatcher of this node died; its workers died with it."""
        recovery.mark_lost_of_node(self.me.name, reasons.NODE_DIED)

    # What it knows of runs

    def _record(self) -> None:
        """Write the ends of runs whose workers could not."""
        for death in list(self.unrecorded):
            left, is_done = None, False
            try:
                # A run that goes on may have locked the process: then in a later turn.
                with locks.unless_locked(BUSY):
                    left, is_done = endings.record(death), True
            except Error as error:
                if is_away(error):
                    raise
                logger.exception("An end could not be recorded; its lease will end.")
                connection.close()  # Whatever is wrong with its session.
                is_done = True
            if is_done:
                self.unrecorded.remove(death)
                self.obituaries += [left] if left else []
                self.words |= {listen.RUN, listen.TASK}  # What it gave back may start.

    def _renew(self) -> None:
        """Say that the node lives, and with it what it runs."""
        now = lease.now()
        if self.lease is None:
            if now - self.renewed_at >= POLL_BESIDE_LISTENING:
                Node.objects.report(self.node_id or 0)
                self.renewed_at = now
                self._beat()
            return
        seconds = self.lease.total_seconds()
        if now - self.renewed_at < seconds * lease.RENEW:
            return
        claims = [*self.ready, *(run.claim for run in self._runs() if run.claim)]
        held = {claim.execution.pk: claim.token for claim in claims}
        gone = Execution.objects.all().renew(held, self.lease) if held else set()
        self.ready = [claim for claim in self.ready if claim.execution.pk not in gone]
        Node.objects.report(self.node_id or 0)
        self.renewed_at = now  # as of before the statements
        self.words |= {listen.CANCEL}
        self._beat()
        for worker in self.workers:
            if worker.run and worker.run.claim and worker.run.claim.execution.pk in gone:
                logger.error("%s was given to another node.", worker.run.claim.execution)
                worker.kill()

    def _beat(self) -> None:
        """Tell the parent that promises are kept."""
        self.order.pipe.send(self.renewed_at)

    def _runs(self) -> list[Assignment]:
        return [worker.run for worker in self.workers if worker.run]

    def _interrupt_what_was_asked_for(self) -> None:
        """Interrupt what a person cancelled beside the database, in which a run writes."""
        if cancel_requests.asked():
            for worker in self.workers:
                claim = worker.run.claim if worker.run else None
                if claim and cancel_requests.is_asked_for(claim.execution):
                    worker.cancel()

    def _cancel(self) -> None:
        """Interrupt what a person cancelled."""
        if listen.CANCEL not in self.words:
            return
        self.words.discard(listen.CANCEL)
        for execution_id in cancel_requests.asked():
            cancelling.carry_out(execution_id)
        running = {
            run.claim.token: worker for worker in self.workers if (run := worker.run) and run.claim
        }
        if running:
            asked = (
                Execution.objects.all()
                .claimed_with(running)
                .filter(cancel_requested_at__isnull=False)
            )
            for token in asked.values_list("token", flat=True):
                if token:
                    running[token].cancel()

    def _tell_of_running(self) -> None:
        """Write log lines and progress of runs that go on; on SQLite whoever writes goes first."""
        now = lease.now()
        if now - self.wrote_at < LIVE_AFTER:
            return
        self.wrote_at = now
        for run in self._runs():
            if run.claim and run.begun_at and now - run.begun_at >= LIVE_AFTER:
                endings.write_live(run, run.claim)

    def _show(self) -> None:
        status = Conf.WORKING if self._runs() else Conf.IDLE
        self.stat.publish(
            Conf.STOPPING if self.stop.is_asked else status,
            workers=[worker.child.pid for worker in self.workers],
            in_hand=len(self._runs()),
            unrecorded=len(self.unrecorded) + len(self.obituaries),
        )

    # New work

    def _look_again(self) -> None:
        """Take it for said that there is something, where nobody said so for a while."""
        now = lease.now()
        due = self.next_available is not None and now >= self.next_available
        if due or now - self.looked_at >= self._poll:
            self.words |= {listen.RUN, listen.TASK, listen.CANCEL}
            self.looked_at, self.next_available = now, None

    @property
    def _poll(self) -> float:
        if self.listener is None:
            return POLL
        return POLL_WHEN_DEAF if self.listener.is_deaf else POLL_BESIDE_LISTENING

    def _fill_up(self) -> None:
        while len(self.workers) < self.me.workers:
            taken = {worker.child.name for worker in self.workers}
            number = next(n for n in range(1, 1000) if f"worker {n}" not in taken)
            forking.before()
            self.workers.append(Worker(number))

    def _claim(self) -> None:
        """Hand work to whoever is idle: what was claimed ahead, or else what can be claimed now."""
        self._hand(self.obituaries)
        if not self._idle:
            self._give_back_ahead()
            return
        # Each kind goes first every other time, so that neither waits for the end of the other.
        self.ordinary_goes_first = not self.ordinary_goes_first
        if self.ordinary_goes_first:
            self._take_ordinary()
        self._claim_executions()
        self._take_ordinary()

    @property
    def _idle(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.is_idle]

    def _claim_executions(self) -> None:
        idle = len(self._idle)
        if listen.RUN not in self.words or not idle:
            return
        wanted = idle + self._ahead
        if messages.serves_executions():
            self.ready = claim_next(wanted, node=self.me.name, lease=self.lease)
            self.claimed_at = lease.now()
        is_all = len(self.ready) < wanted
        self._hand([])  # Before anything else is asked.
        if is_all:
            self.words.discard(listen.RUN)
            self._note_next_available()

    def _take_ordinary(self) -> None:
        idle = len(self._idle)
        if listen.TASK not in self.words or not idle:
            return
        taken = messages.take_ordinary(idle)
        if len(taken) < idle:
            self.words.discard(listen.TASK)
        self._hand(taken)

    def _hand(self, ordinary: list[messages.Ordinary]) -> None:
        for worker in self.workers:
            if worker.is_idle and (self.ready or ordinary):
                worker.hand(self.ready.pop(0) if self.ready else ordinary.pop(0))

    @property
    def _ahead(self) -> int:
        """How many to claim beyond the idle: what a moment will take, so that none waits for long."""
        if self.lease is None or self.pace is None or self.pace * 2 > AHEAD_SECONDS:
            return 0
        return min(AHEAD * len(self.workers), int(AHEAD_SECONDS / self.pace) * len(self.workers))

    def _give_back_ahead(self) -> None:
        """What was claimed ahead, and then had to wait after all, is anybody's again."""
        if self.ready and (self.stop.is_asked or lease.now() - self.claimed_at > 2 * AHEAD_SECONDS):
            give_back(self.ready)
            self.ready, self.pace = [], None

    def _note_next_available(self) -> None:
        """When the next of those comes due that wait for their time."""
        now = timezone.now()
        at = claiming.next_available(now)
        self.next_available = lease.now() + (at - now).total_seconds() if at else None

    def _send_notices(self) -> None:
        """In a process of its own: neither this one nor a worker waits for a mail server."""
        is_told = listen.NOTICE in self.words or self.order.drain
        self.words.discard(listen.NOTICE)
        self.mailer.look(is_told=is_told)

    def _say_that_it_stops(self) -> None:
        """Last in a turn: on SQLite it waits for an atomic run, which is no reason to wait."""
        if self.node_id is not None and not self.has_said_that_it_stops:
            node.stopping(self.node_id, self.stop.asked_at)
            self.has_said_that_it_stops = True

    # Waiting, and the end

    @property
    def _is_drained(self) -> bool:
        is_idle = not self._runs() and not self.words & {listen.RUN, listen.TASK}
        return is_idle and not self.obituaries and self.mailer.is_idle

    @property
    def _is_finished(self) -> bool:
        has_to_write = bool(self.unrecorded or self.ready)
        return self.stop.is_finished(self.workers, has_to_write=has_to_write)

    def _wait(self) -> None:
        now = lease.now()
        deadlines = [self.looked_at + self._poll]
        if self.lease is not None:
            deadlines.append(self.renewed_at + self.lease.total_seconds() * lease.RENEW)
        if self.ready:
            deadlines.append(self.claimed_at + 2 * AHEAD_SECONDS)
        deadlines += [run.kill_at for run in self._runs() if run.kill_at is not None]
        if self._runs():  # Nobody tells that the host was suspended, and the lease is over.
            deadlines.append(now + WATCH)
        deadlines += [at for at in (self.next_available, self.stop.kill_at) if at is not None]
        if any(run.lines or run.progress for run in self._runs()):
            deadlines.append(self.wrote_at + LIVE_AFTER)
        pipes: list[Any] = [self.wakeup.fileno(), self.order.pipe, *(w.pipe for w in self.workers)]
        if self.listener is not None:
            pipes.append(self.listener.fileno())
        wait(pipes, max(0.0, min(deadlines) - now))

    def _get_over(self, error: Exception) -> None:
        """Whatever the database says, the workers are guarded."""
        if is_away(error):
            self._lose_the_database(error)
        else:
            logger.exception("The dispatcher stumbled; it goes on.")
            connection.close()  # Whatever is wrong with its session.
            wait([self.wakeup.fileno(), self.order.pipe], PAUSE)

    def _lose_the_database(self, error: Exception) -> None:
        """Go on without: what runs goes on as long as the lease holds."""
        if database.one_writer() and "locked" in str(error):
            return  # Somebody else writes; the next turn comes soon.
        logger.warning("The database does not answer: %s", str(error).strip())
        connection.close()
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        self.words |= {listen.RUN, listen.TASK, listen.CANCEL}
        # Their lease may be over by the time the database is back: they are not to begin here.
        self.unrecorded += [endings.unbegun(claim) for claim in self.ready]
        self.ready = []
        if not self._runs():
            self.renewed_at = lease.now()  # There is nothing to promise.
            self._beat()
        elif self.lease is not None:
            since = lease.now() - self.renewed_at
            if since > self.lease.total_seconds() * lease.GIVE_UP:
                logger.error("The lease ends: all workers are killed.")
                for worker in self.workers:
                    worker.kill()
        wait([self.wakeup.fileno(), self.order.pipe], PAUSE)

    def _leave(self) -> None:
        self.mailer.stop()
        with suppress(Error):  # Its silence will tell, and their messages come again.
            for left in self.obituaries:
                results.record_plainly(left.message, left.epitaph)
            if self.node_id is not None:
                node.stopped(self.node_id, self.stop.asked_at)
        self.stat.publish_the_end()


def main(order: Order) -> None:
    session.settle()
    # Somebody else writes: that is no reason to wait, but to come back in the next turn.
    session.give_way_after(BUSY)
    Dispatcher(order).main()
