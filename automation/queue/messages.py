"""Messages: rows of django-q2's queue table that bring an execution's id to a worker."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import get_ident
from typing import Any

from django.conf import settings
from django.db import connection, models
from django.db.models import Exists, OuterRef
from django.db.models.signals import post_save, pre_save
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf, logger
from django_q.models import OrmQ
from django_q.tasks import async_task

from automation import database
from automation.database import statements
from automation.database.listen import RUN, notify
from automation.database.statements import placeholders
from automation.models import Execution, ExecutionQuerySet, Status

# By name: the runner is above this floor.
ENTRY = "automation.entry.run_execution"

#: Seconds beyond a run's time limit after which django-q2 takes its worker for hung. It counts from
#: before the claim, which may have to wait for the database.
GRACE = 60


class _Outbox(ORM):  # type: ignore[misc]  # django-q2 is untyped
    """A broker of django-q2 that keeps messages until they are saved together."""

    def __init__(self) -> None:
        super().__init__(list_key=default_queue())
        self.packages: list[str] = []

    def enqueue(self, task: str) -> int:
        self.packages.append(task)
        return len(self.packages)


class _NextMessage(models.Func):
    """The id of the next message, on PostgreSQL."""

    template = f"nextval(pg_get_serial_sequence('{OrmQ._meta.db_table}', 'id'))"
    output_field = models.BigIntegerField()


statements.usual_insert(lambda: Execution(process_id=0), message=_NextMessage())
statements.usual_insert(
    lambda: Execution(process_id=0, scheduled_for=timezone.now()), message=_NextMessage()
)
statements.usual_insert(lambda: OrmQ(pk=0, key="", payload="", lock=timezone.now()))


def record(execution: Execution, *, time_limit: int) -> None:
    """Save a new pending execution and queue it, as `save` and `push` do, in fewer statements.

    `time_limit` in seconds. Call it in a transaction.
    """
    if not database.has_sequences():
        execution.save()
        push(execution, time_limit=time_limit)
        return
    told = {"raw": False, "using": connection.alias, "update_fields": None}
    pre_save.send(Execution, instance=execution, **told)
    statements.insert(execution, message=_NextMessage())
    # The id of its message is known already, and the message names the execution.
    [row] = _rows([execution], time_limit=time_limit)
    row.pk = execution.message
    statements.insert(row)
    notify(RUN)
    post_save.send(Execution, instance=execution, created=True, **told)


def push(execution: Execution, *, time_limit: int, not_before: datetime | None = None) -> None:
    """Queue a pending execution, for when it is available.

    `time_limit` in seconds. Call it in the transaction that made the execution pending.
    """
    push_all([execution], time_limit=time_limit, not_before=not_before)


def push_all(
    executions: Sequence[Execution], *, time_limit: int, not_before: datetime | None = None
) -> None:
    """Queue pending executions, in as many statements as `push` needs for one."""
    rows = _rows(executions, time_limit=time_limit, not_before=not_before)
    OrmQ.objects.bulk_create(rows)  # Without signals, which wake workers for ordinary work.
    for execution, row in zip(executions, rows, strict=True):
        execution.message = row.pk
    if len(executions) == 1:
        Execution.objects.filter(pk=executions[0].pk).update(message=executions[0].message)
    else:
        Execution.objects.bulk_update(executions, ["message"])
    notify(RUN)


def _rows(
    executions: Sequence[Execution], *, time_limit: int, not_before: datetime | None = None
) -> list[OrmQ]:
    """Return the messages of executions, not saved."""
    outbox = _Outbox()
    with _one_line_for(len(executions)):
        for execution in executions:
            options: dict[str, Any] = {
                "broker": outbox,
                "group": execution.process_name,
                "save": False,  # The execution is the record.
                "timeout": time_limit + GRACE,
            }
            async_task(ENTRY, execution.pk, q_options=options)
    return [
        OrmQ(key=outbox.list_key, payload=package, lock=not_before or execution.available_at)
        for execution, package in zip(executions, outbox.packages, strict=True)
    ]


@contextmanager
def _one_line_for(count: int) -> Iterator[None]:
    """Log one line, with the number of messages, in place of django-q2's line for each."""
    here = get_ident()

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger.addFilter(is_elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(is_elsewhere)
    logger.info("Enqueued [%s] %s", default_queue(), count)


def delete(messages: Iterable[int | None]) -> None:
    found = [message for message in messages if message]
    if found:
        _delete(len(found), found=found)


@statements.delete((1,))
def _delete(count: int) -> Any:
    return OrmQ.objects.filter(pk__in=placeholders("found", models.BigAutoField(), count))


def without_message() -> ExecutionQuerySet:
    """Return the pending executions that no message would bring to a worker."""
    return Execution.objects.filter(status=Status.PENDING).exclude(
        Exists(OrmQ.objects.filter(pk=OuterRef("message")))
    )


def default_queue() -> str:
    """Return the name of the queue that executions belong to, whichever this process serves."""
    return str(getattr(settings, "Q_CLUSTER", {}).get("cluster_name", Conf.PREFIX))


def queue_name() -> str:
    """Return the name of the queue that this process serves, by the settings and Q_CLUSTER_NAME."""
    return str(Conf.CLUSTER_NAME)


def serves_executions() -> bool:
    return queue_name() == default_queue()
