"""Ordinary work of django-q2: what a project queues itself, run by django-q2's own `worker`.

That function serves a whole process: it takes tasks from a queue and puts results into another,
until it is told to stop. Here it is called once for each message, with a queue that holds one task;
what is done with the result is what django-q2's monitor would do. What it does once in a process
(post_spawn, two log lines) is done by `announce_worker` and `announce_end_of_worker`, so that no
execution has to run inside it.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import current_process
from traceback import format_exception
from types import SimpleNamespace
from typing import Any

from django.dispatch import Signal
from django_q import worker as stock
from django_q.conf import Conf
from django_q.signing import SignedPackage

from automation.cluster.stock import results
from automation.queue.ordinary import Ordinary

logger = logging.getLogger(__name__)

#: Seconds that unpickling a message may take: it may run the project's own code.
READ_WITHIN = 60

_STOP, _IDLE = "STOP", -1  # django-q2's own
_NEEDED = {"id", "name", "func", "args", "kwargs", "started"}


def announce_worker() -> None:
    """Tell as django-q2 does that a worker process begins; call it once in each process."""
    process = current_process()
    stock.logger.info("%s ready for work at %s", process.name, process.pid)
    stock.post_spawn.send(sender="django_q", proc_name=process.name)
    if stock.setproctitle:
        stock.setproctitle.setproctitle(f"qcluster {process.name} idle")


def announce_end_of_worker() -> None:
    stock.logger.info("%s stopped doing work", current_process().name)


def work(message: Ordinary, begun: Callable[[int | None], None]) -> bool:
    """Run a message's task, and record how it went; return whether this process may go on.

    `begun` is told the time limit in seconds, None for no limit.
    """
    begun(READ_WITHIN)  # Reading the message may run code too, and counts as its work.
    task = _read(message)
    if task is None:
        return True
    if message.died_with:
        results.finish(results.failed(task, message.died_with))
        return True
    return _work(_OneTask(task, begun))


def _work(queue: "_OneTask") -> bool:
    timer = SimpleNamespace(value=_IDLE, get_lock=nullcontext)
    try:
        with _for_one_task(queue):
            stock.worker(queue, queue, timer)
    except BaseException as error:  # of the task's function, or of a receiver of the signals
        if queue.task is None:
            raise
        results.finish(results.failed(queue.task, "".join(format_exception(error))))
        return False
    return bool(timer.value == _IDLE)


class _OneTask:
    """Both queues of django-q2's worker: one task to take, and a place for its result."""

    def __init__(self, task: dict[str, Any], begun: Callable[[int | None], None]) -> None:
        self.begun, self.process = begun, os.getpid()
        self._waiting: dict[str, Any] | None = task
        #: The message that the worker has now.
        self.task: dict[str, Any] | None = None
        self.limit: int | None = None

    def get(self) -> Any:
        self.task, self._waiting = self._waiting, None
        if self.task is None:
            return _STOP
        limit = self.task.get("timeout", Conf.TIMEOUT)
        self.limit = int(limit) if limit and limit != -1 else None
        self.begun(self.limit)
        return self.task

    def put(self, task: dict[str, Any]) -> None:
        if os.getpid() != self.process:
            os._exit(0)  # The function forked and let its child return: that is no result.
        self.begun(self.limit)  # Its hook has the same time again.
        results.finish(task)
        self.task = None


@contextmanager
def _for_one_task(queue: _OneTask) -> Iterator[None]:
    """Let django-q2's worker leave out what belongs to a whole process."""

    class OfTheTask(logging.LoggerAdapter[Any]):
        def info(self, msg: object, *args: object, **kwargs: Any) -> None:
            if queue.task is not None:
                super().info(msg, *args, **kwargs)

    before = stock.logger, stock.post_spawn
    stock.logger, stock.post_spawn = OfTheTask(stock.logger), Signal()
    try:
        yield
    finally:
        stock.logger, stock.post_spawn = before


def _read(message: Ordinary) -> dict[str, Any] | None:
    """Return the task of a message; of one that cannot be read, record the failure."""
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
