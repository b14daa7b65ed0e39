"""Ordinary work: rows of django-q2's queue table that a project queued itself, by `async_task`."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import models, transaction
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from automation.database import statements
from automation.database.statements import Placeholder
from automation.models import OPEN, Execution
from automation.queue.messages import default_queue, queue_name


class Ordinary(NamedTuple):
    """A message of ordinary work."""

    message: int
    package: str  # signed
    #: How the worker died that ran it, so that all that is left is to record that; "" for none.
    died_with: str = ""


def some_ordinary() -> bool:
    """Whether the queue of executions has a message without one.

    Messages of executions are deleted when these are done.
    """
    carried = Execution.objects.filter(status__in=OPEN, message__isnull=False)
    rows = OrmQ.objects.filter(key=default_queue())
    return bool(rows.exclude(pk__in=carried.values("message")).exists())


def take_ordinary(count: int) -> list[Ordinary]:
    """Take up to `count` messages of ordinary work, oldest first.

    Each is locked for django-q2's `retry` seconds, after which it comes again unless it was
    acknowledged.
    """
    now, queue = timezone.now(), queue_name()
    # Asked before the transaction, which on SQLite waits for any writer.
    if not _first_ordinary(now=now, queue=queue):
        return []
    with transaction.atomic():
        rows = list(_ordinary(queue, now).select_for_update(skip_locked=True)[:count])
        until = now + timedelta(seconds=Conf.RETRY)
        OrmQ.objects.filter(pk__in=[row.pk for row in rows]).update(lock=until)
    return [Ordinary(row.pk, row.payload) for row in rows]


@statements.select(())
def _first_ordinary() -> Any:
    queue, now = (
        Placeholder("queue", models.CharField()),
        Placeholder("now", models.DateTimeField()),
    )
    return _ordinary(queue, now).values_list("pk")[:1]


def _ordinary(queue: Any, now: Any) -> Any:
    """Return the messages that are due and carry no execution."""
    carried = Execution.objects.filter(status__in=OPEN, message__isnull=False)
    due = OrmQ.objects.filter(key=queue, lock__lt=now).order_by("pk")
    return due.exclude(pk__in=carried.values("message"))


def give_back_ordinary(messages: Iterable[int]) -> None:
    """Let others take messages whose work was not begun."""
    OrmQ.objects.filter(pk__in=list(messages)).update(lock=timezone.now())
