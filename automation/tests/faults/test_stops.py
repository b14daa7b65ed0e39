"""SIGTERM, with work running and work waiting."""

import os
import re
import signal
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django_q.models import Task
from django_q.tasks import async_task

from automation.models import Node, Status, reasons
from automation.reports.workers import workers
from automation.tests.faults.truth import (
    LONG,
    assert_all_is_well,
    assert_history_is_true,
    living,
    wait_for,
)
from automation.tests.probes import ordinary
from automation.tests.written import written
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def to_the_parent(node) -> None:
    os.kill(node.parent, signal.SIGTERM)


def to_the_group(node) -> None:
    os.killpg(node.parent, signal.SIGTERM)


def to_everything(node) -> None:
    """What systemd does without KillMode=mixed."""
    node.signal_all(signal.SIGTERM)


@pytest.mark.parametrize("terminate", [to_the_parent, to_the_group, to_everything])
def test_running_work_ends_and_waiting_work_waits_for_the_next_node(start_node, journal, terminate):
    process = journal.process(overlap_policy="wait")
    running, *waiting = [journal.launch_of(process, seconds=2) for _ in range(3)]
    node = start_node()
    journal.wait_for(running, node)
    tree = node.tree

    terminate(node)

    assert node.process.wait(20) == 0, node  # The grace is longer: it ends with the work.
    assert not living(tree)
    assert wait_for(running, Status.COMPLETED, why=node) == running
    for execution in waiting:
        execution.refresh_from_db()
        assert execution.status == Status.PENDING
    after = start_node()
    for execution in waiting:
        assert wait_for(execution, Status.COMPLETED, why=after) == execution
    assert_all_is_well(journal, after)


def test_what_outlives_the_grace_is_killed_and_put_in_line_again_if_nothing_of_it_stayed(
    start_node, journal
):
    atomic = journal.launch(seconds=8, max_retries=0)
    other = journal.launch("work_as_it_goes", seconds=8, max_retries=0)
    node = start_node("--grace", "0.5")
    for execution in (atomic, other):
        journal.wait_for(execution, node)

    assert node.stop(seconds=LONG) == 0, node

    for execution in (atomic, other):
        execution.refresh_from_db()
        assert (execution.status, execution.reason) == (Status.LOST, reasons.NODE_STOPPED)
    assert not other.retries.exists()
    again = atomic.retries.get()
    assert (again.status, again.attempt) == (Status.PENDING, atomic.attempt)
    after = start_node()
    wait_for(atomic, Status.COMPLETED, why=after)
    assert_all_is_well(journal, after)


def test_setting_caps_what_running_work_gets(start_node, journal):
    execution = journal.launch("work_as_it_goes", seconds=30, time_limit=600, max_retries=0)
    node = start_node(STOP_GRACE="1")
    journal.wait_for(execution, node)

    assert node.stop(seconds=20) == 0, node

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (Status.LOST, reasons.NODE_STOPPED)


def test_stop_waits_for_ordinary_work_and_says_so(start_node):
    node = start_node()
    async_task(ordinary.PATH + "take_long", 3)
    wait_until(written().filter(name__startswith="took long").exists, LONG, node)

    assert node.stop(seconds=20) == 0, node

    assert "The stop waits for the task of message" in node.text
    assert Task.objects.get().success


def test_what_runs_is_waited_for_until_its_time_limit_and_a_second_signal_ends_that(
    start_node, journal
):
    execution = journal.launch(seconds=30, time_limit=600)
    node = start_node()
    journal.wait_for(execution, node)
    execution.refresh_from_db()

    to_the_parent(node)
    said = node.wait_for(f"The stop waits for {execution}, running since ", LONG)
    since, until = re.findall(r"running since (\S+): until (\S+) at the latest\.", said)[0]
    times = [datetime.fromisoformat(text) for text in (since, until)]
    assert abs(times[0] - execution.started_at) < timedelta(seconds=3)
    assert times[1] - times[0] == timedelta(seconds=603)
    if connection.vendor == "postgresql":  # On SQLite the atomic run is the only writer.
        wait_until(lambda: workers().is_stopping, LONG, node)
    to_the_parent(node)

    assert node.process.wait(20) == 0, node
    row = Node.objects.get()
    assert row.started_at < row.stopping_at < row.stopped_at
    again = wait_for(execution, Status.PENDING, why=node)
    again.process.executions.filter(pk=again.pk).delete()
    assert_history_is_true(journal, why=node)
