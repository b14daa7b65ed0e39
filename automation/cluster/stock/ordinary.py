"""Ordinary work of django-q2: what a project queues itself, run by django-q2's own functions.

Its `worker` takes tasks from a queue and puts results into another. Here the one is the pipe to the
dispatcher, and the other does at once what django-q2's monitor would.
"""

import logging
import os
from collections.abc import Callable
from contextlib import nullcontext
from traceback import format_exception
from types import SimpleNamespace
from typing import Any

from django_q.conf import Conf
from django_q.signing import SignedPackage
from django_q.worker import worker

from automation.cluster.stock import results
from automation.queue.messages import Ordinary

logger = logging.getLogger(__name__)

#: Seconds that unpickling a message may take: it may run the project's own code.
READ_WITHIN = 60

_STOP = "STOP"  # django-q2's word
_NEEDED = {"id", "name", "func", "args", "kwargs", "started"}


def work(next_message: Callable[[], Ordinary | None], begun: Callable[[int | None], None]) -> None:
    """Run what `next_message` gives until it gives None, or until this worker should be replaced.

    `begun` hears the time limit in seconds, None for no limit.
    """
    desk = _Desk(next_message, begun)
    timer = SimpleNamespace(value=-1, get_lock=nullcontext)
    try:
        worker(desk, desk, timer)
    except BaseException as error:  # of the task's function, or of who listens to the signals
        if desk.task is None:
            raise
        results.finish(results.failed(desk.task, "".join(format_exception(error))))


class _Desk:
    """Both queues of django-q2's worker."""

    def __init__(
        self, next_message: Callable[[], Ordinary | None], begun: Callable[[int | None], None]
    ) -> None:
        self.next_message, self.begun = next_message, begun
        self.task: dict[str, Any] | None = None
        self.limit: int | None = None
        self.process = os.getpid()

    def get(self) -> Any:
        while (message := self.next_message()) is not None:
            # Before it is read: what reading does to this worker is the message's work too.
            self.begun(READ_WITHIN)
            task = _read(message)
            if task is not None and message.died_with:
                results.finish(results.failed(task, message.died_with))
            elif task is not None:
                self._take(task)
                return task
        return _STOP

    def _take(self, task: dict[str, Any]) -> None:
        self.task = task
        limit = task.get("timeout", Conf.TIMEOUT)
        self.limit = int(limit) if limit and limit != -1 else None
        self.begun(self.limit)

    def put(self, task: dict[str, Any]) -> None:
        if os.getpid() != self.process:
            os._exit(0)  # The function forked and let its child return: that is no result.
        self.begun(self.limit)  # Its hook has as long once more.
        results.finish(task)
        self.task = None


def _read(message: Ordinary) -> dict[str, Any] | None:
    """The task of a message; of one that cannot be read the failure is recorded."""
    try:
        task: dict[str, Any] = SignedPackage.loads(message.package)
        if lacking := _NEEDED - task.keys():
            raise ValueError(f"It lacks {', '.join(sorted(lacking))}.")
    except Exception as error:  # Unpickling runs the project's own code.
        logger.error("Message %s cannot be read: %r", message.message, error)
        task = {**results.unread(message.message), "ack_id": message.message, "ack_failure": True}
        results.finish(results.failed(task, f"Its message cannot be read: {error!r}"))
        return None
    return {**task, "ack_id": message.message}
