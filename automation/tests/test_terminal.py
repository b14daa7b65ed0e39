"""Runs at a terminal: the command as typed, with signals as people and systems send them."""

import os
import signal
import sys
import time

import pytest
from django.db import connection

from automation.engine.end.cancelling import cancel
from automation.engine.start.launch import launch
from automation.models import AfterCommit, Execution, Process, Status, Trigger, reasons
from automation.tests.factories import ProcessFactory
from automation.tests.written import written
from conftest import ROOT, Child, parents_of_the_living, wait_until

#: Seconds, on PostgreSQL.
LEASE = 5

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def typed(test_database, tmp_path):
    """Type `run_process` for a function; return the command while it goes on."""
    children: list[Child] = []

    def start(function: str, time_limit: int = 60, wait_for: str = "running", **parameters):
        function = f"probes.{function}"
        process = Process.objects.filter(function=function).first()
        process = process or ProcessFactory(function=function, time_limit=time_limit)
        given = [f"--param={name}={value}" for name, value in parameters.items()]
        command = [sys.executable, str(ROOT / "manage.py"), "run_process", process.name, *given]
        environment = {**test_database, "TESTS_LEASE": str(LEASE)}
        children.append(Child(command, environment, tmp_path / f"typed-{len(children)}"))
        children[-1].wait_for(wait_for)
        return children[-1]

    yield start
    for child in children:
        child.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_run_as_cancelled(typed, number):
    command = typed("take_long", wait_for="Asleep")

    assert command.stop(number) == 1

    ended = Execution.objects.get()
    assert (ended.status, ended.reason) == (Status.CANCELLED, reasons.INTERRUPTED), command
    assert not written().exists()
    assert command.tree == []


@pytest.mark.parametrize("function", ["set_the_alarm_itself", "wait_for_a_command"])
def test_time_limit_holds_as_in_a_worker(typed, function):
    begun = time.monotonic()
    command = typed(function, time_limit=1)
    tree = command.tree

    assert command.process.wait(30) == 1

    ended = Execution.objects.get()
    assert ended.status == Status.TIMED_OUT, command
    assert time.monotonic() - begun < 20
    # What a killed one had started is not its parent's to wait for: it may be a zombie for a while.
    wait_until(lambda: not set(tree) & set(parents_of_the_living()))


def test_run_is_cancelled_by_somebody_else(typed):
    typed_command = typed("take_long", wait_for="Asleep")

    cancel(Execution.objects.get(), by_name="sara")

    assert typed_command.process.wait(20) == 1
    ended = Execution.objects.get()
    assert (ended.status, ended.cancel_requested_by_name) == (Status.CANCELLED, "sara")
    assert not written().exists()


def test_run_that_was_killed_keeps_no_other_from_starting(typed):
    """At once on SQLite, which knows of terminals that are gone; else after its lease."""
    killed = typed("take_long", wait_for="Asleep")
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    wait_until(lambda: killed.tree == [])
    why = reasons.NODE_DIED
    if connection.vendor == "postgresql":
        why = reasons.LEASE_EXPIRED
        wait_until(lambda: Execution.objects.expired().exists())

    other = typed("take_long", wait_for="completed", seconds=0)

    assert other.process.wait(20) == 0
    first, second = Execution.objects.order_by("pk")
    assert (first.status, first.reason) == (Status.LOST, why)
    assert second.status == Status.COMPLETED


@pytest.mark.sqlite
def test_node_that_was_killed_as_a_whole_keeps_no_run_from_starting(typed, qcluster):
    node = qcluster()
    process = ProcessFactory(function="probes.take_long", time_limit=600)
    first = launch(process, trigger=Trigger.MANUAL)
    wait_until(lambda: Execution.objects.filter(pk=first.pk, status=Status.RUNNING), why=node)
    tree = node.tree
    os.killpg(node.process.pid, signal.SIGKILL)
    node.process.wait()
    wait_until(lambda: not set(tree) & set(parents_of_the_living()))

    other = typed("greet", wait_for="completed")

    assert other.process.wait(20) == 0
    first, second = Execution.objects.order_by("pk")
    assert (first.status, first.reason) == (Status.LOST, reasons.NODE_DIED)
    assert second.status == Status.COMPLETED


@pytest.mark.sqlite
def test_node_that_lives_keeps_what_it_runs(typed, qcluster):
    node = qcluster()
    process = ProcessFactory(function="probes.take_long_and_ignore_all", time_limit=600)
    first = launch(process, trigger=Trigger.MANUAL)
    wait_until(lambda: Execution.objects.filter(pk=first.pk, status=Status.RUNNING), why=node)

    assert typed("greet", wait_for="completed").process.wait(20) == 0

    first.refresh_from_db()
    assert first.status == Status.RUNNING, node
    node.kill()  # It would wait for what runs.


def test_run_whose_process_dies_is_recorded(typed):
    command = typed("take_long", wait_for="Asleep")
    [child] = command.children_of(command.process.pid)

    os.kill(child, signal.SIGKILL)

    assert command.process.wait(20) == 1
    ended = Execution.objects.get()
    assert (ended.status, ended.reason) == (Status.LOST, reasons.WORKER_DIED)
    assert "SIGKILL" in ended.reason_in_words


@pytest.mark.parametrize(
    ("way", "seconds", "outcome", "told"),
    [
        ("sleep_a_little", 6, "", ""),
        ("kill", 0, AfterCommit.CUT_OFF, "signal SIGKILL"),
    ],
)
def test_what_follows_a_commit_has_a_limit_of_its_own(typed, way, seconds, outcome, told):
    """It may go on after the time limit, with the grace of 3 s, is over."""
    begun = time.monotonic()
    command = typed("follow", time_limit=1, wait_for="To follow", ways=f'["{way}", "write"]')

    code = command.process.wait(60)

    ended = Execution.objects.get()
    assert (ended.status, ended.after_commit) == (Status.COMPLETED, outcome), command
    assert (told in ended.error_message, code == 0) == (True, not outcome)
    assert time.monotonic() - begun > seconds
    follows = written().filter(name__startswith="written by what follows")
    assert follows.exists() == (outcome == "")
