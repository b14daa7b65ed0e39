"""A worker: takes one piece of work after the other from its dispatcher, and runs it.

Executions are run by the engine, messages of ordinary work by django-q2's own `worker()`.
"""

import logging
import signal
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from multiprocessing.connection import Connection

from django.conf import settings
from django.core.cache import caches
from django.db import DatabaseError, connection

from automation.cluster import channel
from automation.cluster.channel import Channel
from automation.cluster.stock import ordinary
from automation.cluster.stock.recycling import is_worn_out
from automation.cluster.surroundings import Surroundings
from automation.database import session
from automation.database.forking import live_apart_in_children
from automation.engine.run import log, runner
from automation.engine.run.claims import Claim
from automation.engine.run.interruptions import CANCEL_SIGNAL, Watcher
from automation.models import Execution, LogLine
from automation.queue.ordinary import Ordinary

logger = logging.getLogger(__name__)

#: Seconds that a statement of ordinary work may take.
NO_LIMIT = 0


def main(pipe: Connection) -> None:
    """Work until told to stop, or until the dispatcher is gone."""
    # A signal for the group stops the dispatcher; what runs may finish.
    for number in (signal.SIGTERM, signal.SIGINT, CANCEL_SIGNAL):
        signal.signal(number, lambda *_: None)
    live_apart_in_children()
    session.settle()
    with suppress(DatabaseError):  # The next run reports the error.
        connection.ensure_connection()
    _make_caches()
    log.pass_all_lines()
    ordinary.announce_worker()  # What receivers of post_spawn create is there for everything that it runs.
    to_dispatcher = Channel(pipe)
    _Worker(to_dispatcher).work()
    ordinary.announce_end_of_worker()
    to_dispatcher.say_unless_it_is_gone(channel.LEAVING)


def _make_caches() -> None:
    """Create the caches once: Django keeps them in a context variable.

    Each run would create, and connect, caches of its own.
    """
    for alias in settings.CACHES:
        with suppress(Exception):  # Whoever uses the cache gets the error.
            caches[alias]


class _Worker:
    """The work of one process, and the state that it had before."""

    def __init__(self, to_dispatcher: Channel) -> None:
        self.channel = to_dispatcher
        self.surroundings = Surroundings()
        self.taken = 0

    def work(self) -> None:
        """Run what arrives, until nothing does or this process should be replaced."""
        while (work := self.channel.receive()) is not None:
            self.taken += 1
            session.close_if_cut_off()
            goes_on = self._run(work) if isinstance(work, Claim) else self._run_ordinary(work)
            if not (self._put_back_after(work) and goes_on) or is_worn_out(self.taken):
                return
            self.channel.say_unless_it_is_gone(channel.DONE)
            # Now, while nobody waits for it: the next run most likely has the same limit.
            session.ready(work.time_limit if isinstance(work, Claim) else NO_LIMIT)

    def _run(self, claim: Claim) -> bool:
        # What the run leaves in context variables stays in the copy.
        copy_context().run(runner.run, claim, _Reporter(self.channel, claim.time_limit))
        return True

    def _run_ordinary(self, message: Ordinary) -> bool:
        session.ready(NO_LIMIT)
        return ordinary.work(message, begun=lambda limit: self.channel.say(channel.BEGUN, limit))

    def _put_back_after(self, work: Claim | Ordinary) -> bool:
        """Restore what a piece of work changed in this process; return whether all could be."""
        left = self.surroundings.put_back()
        if left:
            what = (
                f"The task of message {work.message}"
                if isinstance(work, Ordinary)
                else work.execution
            )
            logger.warning("%s left behind: %s. Its worker is replaced.", what, left)
        return not left


@dataclass
class _Reporter(Watcher):
    """Reports a run to the dispatcher while it goes on."""

    channel: Channel
    limit: int

    is_at_terminal = False

    def begun(self) -> None:
        self.channel.say(channel.BEGUN, self.limit)

    def line(self, line: LogLine) -> None:
        self.channel.say_if_there_is_room(channel.LINE, line)

    def progress(self, execution: Execution) -> None:
        names = ("progress_done", "progress_total", "progress_message")
        values = {name: getattr(execution, name) for name in names}
        self.channel.say_if_there_is_room(channel.PROGRESS, values)

    def committing(self, seconds: int) -> None:
        self.channel.say(channel.COMMITTING, seconds)
