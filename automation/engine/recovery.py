"""What a dead worker or a lost message leaves behind is put right."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import CharField, QuerySet

from automation import logs
from automation.engine import ending
from automation.models import Execution, Node, Process, Status, compiled, locking, reasons
from automation.models.compiled import parameters
from automation.queue import messages


def mark_lost(process: Process | None) -> int:
    """End the executions of a process (None: of deleted ones) whose lease ran out; return how many.

    Call it in a transaction, with the process locked.
    """
    return ending.lose(Execution.objects.filter(process=process).expired(), reasons.LEASE_EXPIRED)


def mark_all_lost() -> int:
    """The same for every process, each in a transaction of its own."""
    lost = 0
    for (process_id,) in _processes_with_expired():
        with transaction.atomic():
            lost += mark_lost(locking.lock(process_id))
    return lost


@compiled.select(())
def _processes_with_expired() -> "QuerySet[Any, Any]":
    return Execution.objects.expired().order_by().values_list("process_id").distinct()


def mark_lost_of_node(name: str, reason: str) -> int:
    """End what runs on a node of which it is known that none of its workers lives."""
    lost = 0
    running = Execution.objects.filter(status=Status.RUNNING, node=name)
    for execution in running.order_by("pk"):
        with transaction.atomic():
            locking.lock(execution.process_id)
            lost += ending.lose([execution], reason)
    return lost


def requeue_forgotten() -> int:
    """Queue the pending executions that no message would bring to a worker. Return how many."""
    return sum(_requeue(pk) for (pk,) in _forgotten())


@compiled.select(())
def _forgotten() -> "QuerySet[Any, Any]":
    return messages.without_message().values_list("pk")


@transaction.atomic
def _requeue(execution_id: int) -> bool:
    rows = Execution.objects.filter(pk=execution_id, status=Status.PENDING)
    execution = rows.select_for_update(skip_locked=True).first()
    # Looked for once more, now that nobody else can queue it.
    if execution is None or not messages.without_message().filter(pk=execution_id).exists():
        return False
    limit = execution.process.effective_time_limit if execution.process else 1
    messages.push(execution, time_limit=limit)
    return True


def skip_what_no_node_knows() -> int:
    """Skip pending executions whose function is in the code of no live node; return how many."""
    queue = messages.default_queue()
    nodes = [node for node in Node.live_ones() if node.cluster == queue]
    if not nodes:
        return 0
    known = sorted({key for node in nodes for key in node.functions})
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


@compiled.select()
def _of_others(count: int) -> "QuerySet[Any, Any]":
    pending = Execution.objects.filter(status=Status.PENDING)
    others = pending.exclude(function__in=parameters("known", CharField(), count))
    return others.values_list("pk", "function", "message")
