"""The messages between a worker and its dispatcher."""

import os
import select
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from automation.engine.run.claims import Claim
from automation.queue.ordinary import Ordinary

#: The dispatcher sends a piece of work, or this: the worker has to end.
STOP = "stop"
#: A worker sends pairs: one of these, and its value. BEGUN: the time limit in seconds (None: none).
#: COMMITTING: the limit in seconds for what follows the commit. DONE: it can take more work.
#: LEAVING: it is done, and takes nothing more.
BEGUN, LINE, PROGRESS, COMMITTING = "begun", "line", "progress", "committing"
DONE, LEAVING = "done", "leaving"


class Channel:
    """The worker's end of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._process, self._lock = os.getpid(), threading.Lock()

    def receive(self) -> Claim | Ordinary | None:
        """Wait for the next piece of work; None at the end, or where the dispatcher is gone."""
        try:
            work: Any = self._pipe.recv()
        except (EOFError, OSError):
            return None
        return None if work == STOP else work

    def say(self, kind: str, value: Any = None) -> None:
        """Send a message. Raises OSError where the dispatcher is gone."""
        with self._lock:
            self._pipe.send((kind, value))

    def say_unless_it_is_gone(self, kind: str) -> None:
        """Send a message if the dispatcher is there; if not, the next `receive` returns None."""
        with suppress(OSError):
            self.say(kind)

    def say_if_there_is_room(self, kind: str, value: Any) -> None:
        """Send a message without ever waiting, or not at all.

        A function may call it from a thread or a fork.
        """
        if os.getpid() != self._process or not self._lock.acquire(blocking=False):
            return
        try:
            if select.select([], [self._pipe], [], 0)[1]:
                self._pipe.send((kind, value))
        finally:
            self._lock.release()
