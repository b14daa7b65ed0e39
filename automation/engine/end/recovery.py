"""Repair what a dead worker or a lost message leaves behind."""

import logging
from collections import defaultdict
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import CharField, QuerySet

from automation import database, logs
from automation.database import locks, node_lock, statements, terminal_locks
from automation.database.statements import placeholders
from automation.engine.end import ending
from automation.models import Execution, Known, Node, Process, Status, locking, reasons
from automation.queue import messages

logger = logging.getLogger(__name__)

#: Executions that are repaired in one call at most: the caller has other things to do.
MOST = 200
#: Seconds to wait for the row of a process, which a run may have locked.
MOMENT = 0.5


def mark_lost(process: Process | None) -> int:
    """End the executions of a process whose lease is over; return how many.

    `process` None: of deleted processes. Call it in a transaction, with the process locked.
    """
    return ending.lose(Execution.objects.filter(process=process).expired(), reasons.LEASE_EXPIRED)


def mark_all_lost() -> int:
    """End the executions of every process whose lease is over; return how many.

    Each process in a transaction of its own.
    """
    lost = 0
    for (process_id,) in _processes_with_expired():
        with locks.unless_locked(MOMENT), transaction.atomic():
            lost += mark_lost(locking.lock(process_id))
    return lost


@statements.select(())
def _processes_with_expired() -> "QuerySet[Any, Any]":
    return Execution.objects.expired().order_by().values_list("process_id").distinct()


def mark_lost_of_node(name: str, reason: str) -> int:
    """End what runs on a node whose workers are known to be dead; return how many."""
    lost = 0
    running = Execution.objects.filter(status=Status.RUNNING, node=name)
    for execution in running.order_by("pk"):
        # Where the process stays locked, the lease will end.
        with locks.unless_locked(MOMENT), transaction.atomic():
            locking.lock(execution.process_id)
            lost += ending.lose([execution], reason)
    return lost


def mark_lost_of_the_dead() -> int:
    """On SQLite, end what ran on a dead node or at dead terminals, without awaiting a lease.

    Returns how many.
    """
    if not database.one_host() or connection.in_atomic_block:
        return 0
    return _mark_lost_of_dead_node() + mark_lost_of_dead_terminals()


def _mark_lost_of_dead_node() -> int:
    running = Execution.objects.filter(status=Status.RUNNING).values("node")
    # Before the lock is looked at: a node that started since has another name.
    there = Node.objects.filter(stopped_at__isnull=True, name__in=running)
    names = list(there.values_list("name", flat=True))
    if not names or not node_lock.is_free():
        return 0
    return sum(mark_lost_of_node(name, reasons.NODE_DIED) for name in names)


def mark_lost_of_dead_terminals() -> int:
    """On SQLite, end what ran at terminals that are dead; return how many."""
    if not database.one_host() or connection.in_atomic_block:
        return 0
    running = Execution.objects.filter(status=Status.RUNNING).order_by("pk")
    of_terminals = running.filter(node__endswith=terminal_locks.TERMINAL)
    lost = 0
    for execution in of_terminals:
        if not terminal_locks.is_held(execution.pk):
            with transaction.atomic():
                locking.lock(execution.process_id)
                lost += ending.lose([execution], reasons.NODE_DIED)
    return lost


def requeue_forgotten() -> int:
    """Queue pending executions that no message would bring to a worker; return how many.

    At most MOST in one call.
    """
    forgotten = [pk for (pk,) in _forgotten()]
    queued = _requeue(forgotten) if forgotten else 0
    if queued:
        logger.warning(
            "The messages of %s waiting executions were gone; there are new ones.", queued
        )
    return queued


@statements.select(())
def _forgotten() -> "QuerySet[Any, Any]":
    return messages.without_message().order_by("pk").values_list("pk")[:MOST]


@transaction.atomic
def _requeue(ids: list[int]) -> int:
    # Looked for again, now that nobody else can queue them.
    rows = Execution.objects.filter(pk__in=ids, status=Status.PENDING)
    locked = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
    by_limit = defaultdict(list)
    forgotten = messages.without_message().filter(pk__in=locked).select_related("process")
    for execution in forgotten:
        process = execution.process
        by_limit[process.effective_time_limit if process else 1].append(execution)
    for limit, executions in by_limit.items():
        messages.push_all(executions, time_limit=limit)
    return sum(map(len, by_limit.values()))


def skip_what_no_node_knows() -> int:
    """Skip pending executions whose function is in the code of no live node; return how many.

    At most MOST in one call.
    """
    queue = messages.default_queue()
    nodes = [node for node in Node.live_ones() if node.cluster == queue]
    if not nodes:
        return 0
    known = sorted(Known.to(nodes).functions)
    skipped = 0
    for pk, function, message in _of_others(len(known), known=known):
        with transaction.atomic():
            row = Execution.objects.filter(pk=pk)
            if row.skip(reasons.FUNCTION_GONE, function=function):
                messages.delete([message])
                told = partial(reasons.in_words, reasons.FUNCTION_GONE, {"function": function})
                logs.skipped(f"Execution #{pk}", told)
                skipped += 1
    return skipped


@statements.select()
def _of_others(count: int) -> "QuerySet[Any, Any]":
    pending = Execution.objects.filter(status=Status.PENDING)
    others = pending.exclude(function__in=placeholders("known", CharField(), count))
    return others.order_by("pk").values_list("pk", "function", "message")[:MOST]
