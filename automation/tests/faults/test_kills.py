"""kill -9 of every part of a node."""

import os
import signal
import time

import pytest

from automation.models import Execution, Status, reasons
from automation.tests.faults.truth import (
    LONG,
    assert_all_is_well,
    assert_history_is_true,
    living,
    wait_for,
)
from automation.tests.races import locked_elsewhere
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_busy_worker(node, journal):
    execution = journal.launch(seconds=1.5)

    kill(journal.wait_for(execution, node))

    retry = wait_for(execution, Status.COMPLETED, why=node)
    assert retry.retry_of == execution
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (Status.LOST, reasons.WORKER_DIED)
    assert execution.exit_code == -signal.SIGKILL
    assert_all_is_well(journal, node)


@pytest.mark.postgresql
def test_busy_worker_whose_process_another_run_has_locked(node, journal):
    execution = journal.launch("work_as_it_goes", seconds=60)
    pid = journal.wait_for(execution, node)

    with locked_elsewhere(execution.process):
        kill(pid)
        wait_until(lambda: not living([pid]), LONG, node)
        for _ in range(3):  # The node goes on meanwhile.
            wait_for(journal.launch(), Status.COMPLETED, why=node)
        execution.refresh_from_db()
        assert execution.status == Status.RUNNING

    wait_until(lambda: Execution.objects.get(pk=execution.pk).status == Status.LOST, LONG, node)


def test_idle_workers_one_after_the_other_and_all_together(node, journal):
    for pid in node.workers:
        kill(pid)
        wait_until(lambda pid=pid: pid not in node.workers, LONG, node)
        wait_for(journal.launch(), Status.COMPLETED, why=node)
    for pid in node.workers:
        kill(pid)

    assert_all_is_well(journal, node)


def test_every_worker_in_turn_while_both_have_work(node, journal):
    executions = [journal.launch("work_as_it_goes", seconds=3, max_retries=3) for _ in range(2)]

    for execution in executions:
        kill(journal.wait_for(execution, node))
    kill(node.workers[0])
    kill(node.workers[-1])

    for execution in executions:
        wait_for(execution, Status.COMPLETED, why=node)
    assert_all_is_well(journal, node)


def test_dispatcher_with_work_running_and_waiting(start_node, journal):
    running = [journal.launch(name, seconds=3) for name in ("work", "work_as_it_goes")]
    waiting = [journal.launch() for _ in range(3)]
    node = start_node()
    workers = [journal.wait_for(execution, node) for execution in running]

    killed_at = time.monotonic()
    kill(node.dispatcher)

    wait_until(lambda: not living(workers), LONG, node)
    for execution in running:  # At once, not when they are done.
        assert journal.last_sign_of(execution) < killed_at + 2
    for execution in (*running, *waiting):
        wait_for(execution, Status.COMPLETED, why=node)
    for execution in running:
        execution.refresh_from_db()
        assert (execution.status, execution.reason) == (Status.LOST, reasons.NODE_DIED)
    assert_all_is_well(journal, node)


def test_clock(node, journal):
    execution = journal.launch(seconds=1.5)
    journal.wait_for(execution, node)

    kill(node.clock)

    assert wait_for(execution, Status.COMPLETED, why=node) == execution
    assert_all_is_well(journal, node)


def test_parent(start_node, journal):
    running, waiting = journal.launch(seconds=4), journal.launch()
    node = start_node()
    journal.wait_for(running, node)
    tree = node.tree

    kill(node.parent)

    wait_until(lambda: not living(tree), LONG, node)
    after = start_node()
    for execution in (running, waiting):
        wait_for(execution, Status.COMPLETED, why=after)
    running.refresh_from_db()
    assert (running.status, running.reason) == (Status.LOST, reasons.NODE_DIED)
    assert_all_is_well(journal, after)


def test_whole_group(start_node, journal):
    running, waiting = journal.launch(seconds=4), journal.launch()
    node = start_node()
    journal.wait_for(running, node)
    tree = node.tree

    os.killpg(node.parent, signal.SIGKILL)

    wait_until(lambda: not living(tree), LONG, node)
    after = start_node()
    for execution in (running, waiting):
        wait_for(execution, Status.COMPLETED, why=after)
    assert_history_is_true(journal, why=after)
    assert_all_is_well(journal, after)
