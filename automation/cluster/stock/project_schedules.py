"""Schedules of the project's own, which belong to no process, fired by django-q2's scheduler.

Each is fired in a call of its own, so that one which cannot be read stops no other.
"""

import logging
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from django.db.models import DateTimeField, Q
from django.utils import timezone
from django_q import scheduler
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import Schedule

from automation.cluster.stock.results import errors_let_out
from automation.database import statements
from automation.database.away import is_away
from automation.database.statements import Placeholder
from automation.queue import schedules

logger = logging.getLogger(__name__)


def start_due() -> None:
    """Fire what is due; park a Schedule that cannot be fired, and log why."""
    if not Conf.SCHEDULER:
        return
    for (pk,) in _due(now=timezone.now()):
        try:
            _fire(pk)
        except Exception as error:
            if is_away(error):
                raise  # An error of the database is not the Schedule's, and passes.
            _park(pk, error)


def _park(pk: int, error: Exception) -> None:
    row = Schedule.objects.get(pk=pk)
    Schedule.objects.filter(pk=pk).update(next_run=None)
    logger.error(
        "Schedule %s (%s) cannot be fired and is parked: correct it and set its next run. %r",
        row.pk,
        row.name or row.func,
        error,
    )


def next_due() -> datetime | None:
    if not Conf.SCHEDULER:
        return None
    return next((at for (at,) in _first_due()), None)


@statements.select(())
def _due() -> Any:
    due = _active().filter(next_run__lt=Placeholder("now", DateTimeField()))
    return due.order_by("next_run").values_list("pk")


@statements.select(())
def _first_due() -> Any:
    rows = _active().filter(next_run__isnull=False)
    return rows.order_by("next_run").values_list("next_run")[:1]


def _fire(pk: int) -> None:
    """Let django-q2's scheduler see this row alone.

    Raises whatever is wrong with it.
    """
    one: Any = SimpleNamespace(objects=Schedule.objects.filter(pk=pk), _meta=Schedule._meta)
    before, scheduler.Schedule = scheduler.Schedule, one
    try:
        with errors_let_out(scheduler):
            scheduler.scheduler(broker=get_broker())
    finally:
        scheduler.Schedule = before


def _active() -> Any:
    """Return the Schedules that this queue fires, as django-q2 selects them."""
    mine = Q(cluster=Conf.CLUSTER_NAME)
    if Conf.CLUSTER_NAME == Conf.PREFIX:
        mine |= Q(cluster__isnull=True)
    return schedules.ordinary().exclude(repeats=0).filter(mine)
