"""A worker: takes one piece of work after the other from its dispatcher, and runs it."""

import logging
import os
import select
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from django.db import DatabaseError, close_old_connections, connection, connections
from django_q.conf import Conf
from django_q.worker import rss_check

from automation.cluster import ordinary
from automation.engine import runner, session
from automation.engine.context import CANCEL_SIGNAL, Watcher
from automation.models import Execution, LogLine
from automation.queue.messages import Ordinary

logger = logging.getLogger(__name__)

#: What goes through the pipe: (word, value). Leaving: done, and it takes nothing more.
BEGUN, LINE, PROGRESS, DONE, LEAVING = "begun", "line", "progress", "done", "leaving"
STOP = "stop"

#: Seconds, for the statements of ordinary work.
NO_LIMIT = 0

#: libpq's word for a session outside any transaction.
_IDLE = 0


@dataclass
class _Voice:
    """What a worker says to its dispatcher."""

    pipe: Connection
    #: Pieces of work that it took, and whether the last is a message of ordinary work.
    taken: int = 0
    has_ordinary: bool = False

    def __post_init__(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()

    def say(self, word: str, value: Any = None) -> None:
        with self._lock:
            self.pipe.send((word, value))

    def say_if_there_is_room(self, word: str, value: Any) -> None:
        """The same, without ever waiting; a function may call it from a thread or a fork."""
        if os.getpid() != self._process or not self._lock.acquire(blocking=False):
            return
        try:
            if select.select([], [self.pipe], [], 0)[1]:
                self.pipe.send((word, value))
        finally:
            self._lock.release()


@dataclass
class _Telling(Watcher):
    """Tells the dispatcher of a run while it goes on."""

    voice: _Voice

    limit: int

    def begun(self) -> None:
        self.voice.say(BEGUN, self.limit)

    def line(self, line: LogLine) -> None:
        self.voice.say_if_there_is_room(LINE, line)

    def progress(self, execution: Execution) -> None:
        names = ("progress_done", "progress_total", "progress_message")
        values = {name: getattr(execution, name) for name in names}
        self.voice.say_if_there_is_room(PROGRESS, values)


def main(pipe: Connection) -> None:
    """Work until told to stop, or until the dispatcher is gone."""
    # A signal for the group stops the dispatcher; what runs may finish.
    for number in (signal.SIGTERM, signal.SIGINT, CANCEL_SIGNAL):
        signal.signal(number, lambda *_: None)
    session.settle()
    with suppress(DatabaseError):  # A run will say so.
        connection.ensure_connection()
    voice = _Voice(pipe)
    ordinary.work(partial(_next_ordinary, voice), begun=partial(voice.say, BEGUN))
    with suppress(OSError):  # Its dispatcher is gone.
        voice.say(LEAVING)


def _next_ordinary(voice: _Voice) -> Ordinary | None:
    """Run executions until a message of ordinary work comes, and return that; None at the end.

    Who comes for more is done with the message it took before.
    """
    while not _is_worn_out(voice.taken):
        try:
            if voice.has_ordinary:
                voice.say(DONE)
                voice.has_ordinary = False
                ready_session(NO_LIMIT)
            work = voice.pipe.recv()
        except (EOFError, OSError):
            return None
        if work == STOP:
            return None
        voice.taken += 1
        close_if_cut_off()
        if isinstance(work, Ordinary):
            voice.has_ordinary = True
            ready_session(NO_LIMIT)
            return work
        runner.run(work, _Telling(voice, work.time_limit))
        if not _is_worn_out(voice.taken):
            voice.say(DONE)
            ready_session(work.time_limit)
    return None


def _is_worn_out(taken: int) -> bool:
    """As django-q2 has it; there only ordinary work counts."""
    return taken > 0 and (taken == Conf.RECYCLE or bool(rss_check()))


def ready_session(time_limit: int) -> None:
    """Whatever this run left in its database session, the next one does not see.

    While nobody waits for it: the next will most likely have the same limit. A session that a
    pooler lent goes back: nothing is told to it, and what is to be cleaned there is the pooler's.
    """
    close_old_connections()
    raw = connection.connection
    if connection.vendor == "postgresql" and raw is not None:
        try:
            if raw.closed or raw.info.transaction_status != _IDLE or not session.is_ours():
                connections.close_all()  # Or it left a transaction open, by SQL of its own.
            else:
                session.clean(time_limit)
        except DatabaseError:
            connections.close_all()


def close_if_cut_off() -> None:
    """Let a run begin on a new connection where the server closed the old one meanwhile.

    A connection on which something is to be read while nothing was asked was closed.
    """
    raw = connection.connection
    if connection.vendor == "postgresql" and raw is not None:
        try:
            if raw.closed or select.select([raw], [], [], 0)[0]:
                connections.close_all()
        except (OSError, ValueError):
            connections.close_all()
