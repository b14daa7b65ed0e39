"""A worker: takes one piece of work after the other from its dispatcher, and runs it."""

import logging
import os
import resource
import select
import signal
import sys
import threading
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db import DatabaseError, connection
from django_q.conf import Conf
from django_q.worker import rss_check

from automation.cluster.stock import ordinary
from automation.cluster.surroundings import Surroundings
from automation.conf import setting
from automation.database import session
from automation.database.forking import live_apart_in_children
from automation.engine.run import runner
from automation.engine.run.interruptions import CANCEL_SIGNAL, Watcher
from automation.models import Execution, LogLine
from automation.queue.messages import Ordinary

logger = logging.getLogger(__name__)

#: What goes through the pipe: (word, value). Leaving: done, and it takes nothing more.
BEGUN, LINE, PROGRESS, COMMITTING = "begun", "line", "progress", "committing"
DONE, LEAVING = "done", "leaving"
STOP = "stop"

#: Seconds, for the statements of ordinary work.
NO_LIMIT = 0


@dataclass
class _Voice:
    """What a worker says to its dispatcher."""

    pipe: Connection
    #: Pieces of work that it took, and the message of ordinary work that it has.
    taken: int = 0
    ordinary: Ordinary | None = None

    def __post_init__(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()
        self.surroundings = Surroundings()

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

    is_at_terminal = False

    def begun(self) -> None:
        self.voice.say(BEGUN, self.limit)

    def line(self, line: LogLine) -> None:
        self.voice.say_if_there_is_room(LINE, line)

    def progress(self, execution: Execution) -> None:
        names = ("progress_done", "progress_total", "progress_message")
        values = {name: getattr(execution, name) for name in names}
        self.voice.say_if_there_is_room(PROGRESS, values)

    def committing(self, seconds: int) -> None:
        self.voice.say(COMMITTING, seconds)


def main(pipe: Connection) -> None:
    """Work until told to stop, or until the dispatcher is gone."""
    # A signal for the group stops the dispatcher; what runs may finish.
    for number in (signal.SIGTERM, signal.SIGINT, CANCEL_SIGNAL):
        signal.signal(number, lambda *_: None)
    live_apart_in_children()
    session.settle()
    with suppress(DatabaseError):  # A run will say so.
        connection.ensure_connection()
    _make_caches()
    voice = _Voice(pipe)
    ordinary.work(partial(_next_ordinary, voice), begun=partial(voice.say, BEGUN))
    with suppress(OSError):  # Its dispatcher is gone.
        voice.say(LEAVING)


def _make_caches() -> None:
    """Django keeps them in a context variable: each run would make, and connect, its own."""
    for alias in settings.CACHES:
        with suppress(Exception):  # Whoever uses it will hear.
            caches[alias]


def _next_ordinary(voice: _Voice) -> Ordinary | None:
    """Run executions until a message of ordinary work comes, and return that; None at the end.

    Who comes for more is done with the message it took before.
    """
    while True:
        try:
            if voice.ordinary is not None:
                done, voice.ordinary = f"The task of message {voice.ordinary.message}", None
                if not _goes_on_after(done, voice):
                    return None
                voice.say(DONE)
                session.ready(NO_LIMIT)
            work = voice.pipe.recv()
        except (EOFError, OSError):
            return None
        if work == STOP:
            return None
        voice.taken += 1
        session.close_if_cut_off()
        if isinstance(work, Ordinary):
            voice.ordinary = work
            session.ready(NO_LIMIT)
            return work
        # What it leaves in context variables stays in the copy.
        copy_context().run(runner.run, work, _Telling(voice, work.time_limit))
        if not _goes_on_after(work.execution, voice):
            return None
        voice.say(DONE)
        session.ready(work.time_limit)


def _goes_on_after(work: object, voice: _Voice) -> bool:
    """Put back what a piece of work changed in this process; whether it can take another."""
    left = voice.surroundings.put_back()
    if left:
        logger.warning("%s left behind: %s. Its worker is replaced.", work, left)
    return not left and not _is_worn_out(voice.taken)


def _is_worn_out(taken: int) -> bool:
    """As the settings have it; where they do not, those of django-q2."""
    most, mebibytes = setting("WORKER_MAX_RUNS"), setting("WORKER_MAX_MIB")
    if taken >= (Conf.RECYCLE if most is None else most):
        return True
    return bool(rss_check()) if mebibytes is None else _peak() >= mebibytes


def _peak() -> float:
    """The most MiB of memory that this process had at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB; bytes on macOS
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
