"""Results of ordinary work: django-q2's monitor handles them, called here by the workers."""

import logging
import pickle
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import ModuleType
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone
from django_q import monitor
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import Success, Task
from django_q.signals import post_execute
from django_q.utils import get_func_repr

from automation.database import locks
from automation.database.away import repeat_while_away
from automation.queue import messages

logger = logging.getLogger(__name__)


def finish(task: dict[str, Any]) -> None:
    """Handle a result as django-q2's monitor does: save, acknowledge, signal, log."""
    repeat_while_away(_wait_for_the_database, f"save the result of task {task['name']}")
    broker = get_broker()
    _save(task, broker)
    ack_id = task.pop("ack_id", False)
    if ack_id and (task["success"] or task.get("ack_failure", False)):
        broker.acknowledge(ack_id)
    post_execute.send_robust(sender="django_q", task=task)
    name, what = task["name"], get_func_repr(task["func"])
    if task["success"]:
        logger.info("Processed '%s' (%s)", what, name)
    else:
        logger.error("Failed '%s' (%s) - %s", what, name, task["result"])


def record_plainly(message: int, error: str) -> None:
    """Record a message's failure without reading it, and delete it."""
    with transaction.atomic():
        _record(unread(message), error)
        messages.delete([message])


def failed(task: dict[str, Any], error: str) -> dict[str, Any]:
    task |= {"result": error, "success": False, "stopped": timezone.now()}
    return task


def unread(message: int) -> dict[str, Any]:
    """Return what stands for the task of a message that was not read."""
    about = {"id": uuid4().hex, "name": f"message {message}", "func": "unreadable"}
    return {**about, "args": (), "kwargs": {}, "started": timezone.now()}


@contextmanager
def errors_let_out(module: ModuleType) -> Iterator[None]:
    """Raise the errors that django-q2 catches and logs, so that they can be handled."""

    class Raising(logging.LoggerAdapter[Any]):
        def exception(self, *_: Any, **__: Any) -> None:
            raise  # the error that is being handled

    log = module.logger
    module.logger = Raising(log)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.logger = log  # type: ignore[attr-defined]


def _save(task: dict[str, Any], broker: Any) -> None:
    """Save a result by django-q2; one that cannot be saved is recorded as a failure."""
    try:
        pickle.dumps(task["result"], pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # Pickling runs the project's own code.
        failed(task, f"Its result cannot be stored: {error!r}")
    try:
        repeat_while_away(
            partial(_save_once, task, broker), f"save the result of task {task['name']}"
        )
    except Exception as error:
        logger.exception("The result of task %s could not be saved.", task["name"])
        _record(task, f"Its result could not be saved: {error!r}")


def _save_once(task: dict[str, Any], broker: Any) -> None:
    save = monitor.save_cached if task.get("cached", False) else monitor.save_task
    chain = list(task.get("chain") or [])
    try:
        with ExitStack() as stack:
            if task.get("cached", False) and task.get("group"):
                # The group's list in the cache is read, added to and written back.
                stack.enter_context(locks.alone_with(task["group"]))
            stack.enter_context(errors_let_out(monitor))
            save(task, broker)
        _trim(task)
    except BaseException:
        task["chain"] = chain  # Its next task was taken out.
        raise


def _trim(task: dict[str, Any]) -> None:
    """Delete results over the save limit, beyond which workers get that save at the same moment."""
    if Conf.SAVE_LIMIT <= 0 or not task["success"]:
        return
    alike = Success.objects.order_by("-stopped")
    if (per := Conf.SAVE_LIMIT_PER) and per in task:
        alike = alike.filter(**{per: get_func_repr(task[per]) if per == "func" else task[per]})
    over = list(alike.values_list("pk", flat=True)[Conf.SAVE_LIMIT :])
    Success.objects.filter(pk__in=over).delete()


def _wait_for_the_database() -> None:
    with transaction.atomic():  # On SQLite a transaction begins with the write lock.
        Task.objects.exists()


def _record(task: dict[str, Any], error: str) -> None:
    """Record a failure without django-q2's code, its signals and what the task brought.

    So that it can always be stored.
    """
    row = Task(
        id=task["id"],
        name=str(task["name"])[:100],
        func=str(get_func_repr(task["func"]))[:256],
        group=str(task["group"])[:100] if task.get("group") else None,
        started=task["started"],
        stopped=timezone.now(),
        result=error,
        success=False,
        attempt_count=1,
    )
    Task.objects.bulk_create([row], ignore_conflicts=True)
