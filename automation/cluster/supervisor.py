"""The parent of a node: starts a dispatcher and a clock, and guards them.

It never touches the database once they run, so that nothing there can hold it up.
"""

import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from django.db import connections

from automation import database
from automation.cluster import dispatcher, inline, node, repairs
from automation.cluster.children import (
    Child,
    Wakeup,
    adopt_orphans,
    keep_private,
    kill_orphans,
    private_pipe,
)
from automation.cluster.clock import main as keep_time
from automation.cluster.heartbeat import Heartbeat
from automation.cluster.inbox import Inbox, UnreadableError
from automation.cluster.readiness import (
    insist,
    only_node_of_its_file,
    wait_for_database,
)
from automation.cluster.stock import naming
from automation.cluster.stock.naming import logger
from automation.cluster.stopping import RECORD_WITHIN
from automation.conf import setting
from automation.database import session
from automation.database.plans import plans
from automation.engine.run import lease
from automation.engine.start import due
from automation.queue.messages import serves_executions

#: Seconds that a child has to end by itself, once it waits for nothing: the dispatcher may have ends
#: to record, for which it takes `stopping.RECORD_WITHIN` at most.
END_WITHIN = RECORD_WITHIN + 3
#: Seconds without a sign of life, of which the clock gives one every few, until it is replaced.
CLOCK_SILENT = 15
#: Seconds between looks at the children, who wake their parent, for a host that was suspended tells
#: nobody; and where something is to end.
LOOK, SOON = 1, 0.5
#: Seconds before a child that died is started again; and how many deaths in how many seconds are
#: too many.
BACKOFF, MAX_DEATHS, DEATHS_WITHIN = 0.2, 5, 30


class GuardDiedError(RuntimeError):
    """A part of the node ended by itself again and again."""


@dataclass
class _GuardedChild:
    """A child process that the parent keeps alive."""

    name: str
    main: Callable[[Connection], object]
    silent_after: float  # seconds
    pipe: Connection = field(init=False)
    child: Child = field(init=False)
    heard_at: float = field(init=False)
    was_silent: bool = field(init=False, default=False)
    #: When it gave its last sign of life; None before the first. `heard_at` is set at its start too.
    spoke_at: float | None = field(init=False, default=None)
    #: When its predecessor gave its last sign of life.
    last_spoke_at: float | None = field(init=False, default=None)
    deaths: list[float] = field(init=False, default_factory=list)
    #: When it is killed, if it was told to stop and has not.
    stop_by: float = field(init=False, default=math.inf)

    def start(self) -> None:
        self.last_spoke_at = self.spoke_at or self.last_spoke_at
        self.pipe, its_end = private_pipe()
        self._inbox = Inbox(self.pipe)

        def main() -> None:
            keep_private(its_end)
            self.main(its_end)

        self.child = Child(self.name, main)
        its_end.close()
        self.heard_at, self.spoke_at = lease.now(), None

    def hear(self) -> None:
        try:
            for spoke_at in self._inbox.messages():
                self.spoke_at = float(spoke_at)
                self.heard_at = max(self.heard_at, self.spoke_at)
        except (EOFError, OSError):
            pass
        except (UnreadableError, TypeError, ValueError) as error:
            logger.error("The %s is killed: it sent what cannot be read (%s).", self.name, error)
            self.child.kill()

    def stop(self, grace: float | None, *, within: float) -> None:
        """Tell it to end; `grace` is what the work that it runs gets. Killed after `within` seconds."""
        self.stop_by = min(self.stop_by, lease.now() + within)
        try:
            self.pipe.send(grace)
        except OSError:  # The child is gone.
            logger.debug("%s heard nothing.", self.name)


def run(*, run_once: bool = False, grace: float | None = None) -> None:
    """Run a node until a signal ends it; with `run_once`, until nothing is left to do.

    `grace`: seconds that running work gets after the signal; None: as the setting STOP_GRACE says,
    which by default is as long as the time limits of what runs. A second signal ends that. Raises
    GuardDiedError, so that a service manager sees a failure and starts everything again, and
    NotReadyError.
    """
    if database.in_memory():
        inline.run(run_once=run_once)
        return
    wakeup = Wakeup(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    adopt_orphans()
    session.without_pool()
    with ExitStack() as stack:
        logger.info("Q Cluster %s starting.", naming.name())
        stack.enter_context(only_node_of_its_file())
        if not wait_for_database(wakeup):
            return
        grace = setting("STOP_GRACE") if grace is None else grace
        me = node.Itself(node.new_name(), os.getpid(), naming.workers(), grace)
        # Before anything looks at what is due: the row ends the time in which nothing was running.
        if insist(me.register, "register this node", wakeup) is None:
            return
        if run_once and serves_executions():  # Otherwise the clock does so.
            repairs.all_at_once()
            due.tick()
        plans.compose()  # Composed here for all its children.
        connections.close_all()  # None of them inherits an open one.
        _Children(wakeup, me, run_once=run_once).main()


class _Children:
    """The children of the parent: started, guarded and stopped."""

    def __init__(self, wakeup: Wakeup, me: node.Itself, *, run_once: bool) -> None:
        self.wakeup, self.grace = wakeup, me.stop_grace

        def dispatch(pipe: Connection) -> None:
            dispatcher.main(dispatcher.Order(me, pipe=pipe, drain=run_once))

        length = lease.length()
        silent_after = length.total_seconds() * lease.KILL if length else float("inf")
        self.dispatcher = _GuardedChild("dispatcher", dispatch, silent_after)
        self.parts = [self.dispatcher]
        if not run_once:
            silent_after = max(length.total_seconds() if length else 60.0, CLOCK_SILENT)
            guarded = _GuardedChild(
                "clock", lambda pipe: keep_time(pipe, guarded.last_spoke_at), silent_after
            )
            self.parts.append(guarded)
        self.heartbeat = Heartbeat()
        self.is_stopping = False
        self.is_announced = False

    def main(self) -> None:
        try:
            for part in self.parts:
                part.start()
            while not self._is_over:
                self._look()
                wait(
                    [self.wakeup.fileno(), *(part.pipe for part in self.parts)],
                    self._seconds_until_look,
                )
            logger.info("Q Cluster %s has stopped.", naming.name())
        finally:
            for part in self.parts:
                part.child.kill()
            self.heartbeat.stop()
            kill_orphans(set())

    @property
    def _seconds_until_look(self) -> float:
        """Seconds until it has to look again, whatever happens: until a part counts as silent."""
        if self.is_stopping or not self.is_announced:
            return SOON
        silent_at = min(part.heard_at + part.silent_after for part in self.parts)
        return min(LOOK, max(SOON, silent_at - lease.now()))

    @property
    def _is_over(self) -> bool:
        return self.is_stopping and not any(part.child.is_alive for part in self.parts)

    def _look(self) -> None:
        if {signal.SIGTERM, signal.SIGINT} & set(self.wakeup.signals()):
            self._stop(0 if self.is_stopping else self.grace)
        for part in self.parts:
            part.hear()
        if self.dispatcher.spoke_at is not None and not self.is_announced:
            self.is_announced = True
            logger.info("Q Cluster %s running.", naming.name())
        for part in self.parts:
            self._guard(part)
        if not self.is_stopping and len(self.parts) > 1:  # With `run_once` there is no clock.
            self.heartbeat.look([part.spoke_at for part in self.parts])

    def _guard(self, part: _GuardedChild) -> None:
        if not part.child.is_alive:
            self._replace_dead(part)
        elif lease.now() - part.heard_at > part.silent_after:
            logger.error("The %s is silent; it is killed.", part.name)
            part.was_silent = True
            part.child.kill()
        elif lease.now() > part.stop_by:
            part.child.kill()

    def _stop(self, grace: float | None) -> None:
        """End the clock, and the dispatcher as soon as what it runs has ended, or the grace has."""
        is_second, self.is_stopping = self.is_stopping, True
        logger.info("Q Cluster %s stopping%s.", naming.name(), " at once" if is_second else "")
        for part in self.parts:
            waits = part is self.dispatcher
            for_work = (math.inf if grace is None else grace) if waits else 0.0
            part.stop(grace, within=for_work + END_WITHIN)

    def _replace_dead(self, part: _GuardedChild) -> None:
        # A dead dispatcher's workers died with it; what they started has come to this process.
        living = {p.child.pid for p in self.parts if p.child.is_alive}
        kill_orphans(living | self.heartbeat.pids)
        if self.is_stopping:
            return
        if part.child.exit_code == 0 and part is self.dispatcher:
            self._stop(0)  # It drained the queue.
            return
        logger.critical("The %s died (%s).", part.name, part.child.exit_code)
        if part.was_silent:  # It is not at fault where it waits for the database.
            part.was_silent = False
        else:
            self._count_death(part)
        time.sleep(BACKOFF * max(1, len(part.deaths)))
        part.pipe.close()
        part.start()

    def _count_death(self, part: _GuardedChild) -> None:
        now = lease.now()
        part.deaths = [at for at in part.deaths if now - at < DEATHS_WITHIN] + [now]
        if len(part.deaths) >= MAX_DEATHS:
            raise GuardDiedError(
                f"The {part.name} died {MAX_DEATHS} times within {DEATHS_WITHIN} s; the lines above "
                "say why."
            )
