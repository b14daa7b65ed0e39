"""A start where something is missing, or is there already."""

import os
import signal
import sys

import pytest
from django.db import connection

from automation.models import Status, reasons
from automation.tests.faults.conftest import Node
from automation.tests.faults.truth import LONG, assert_all_is_well, living, wait_for
from conftest import ROOT, Child, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def manage(environment: dict[str, str], output, *arguments: str) -> Node:
    return Node([sys.executable, str(ROOT / "manage.py"), *arguments], environment, output)


def test_database_without_tables_is_waited_for(empty_database, tmp_path):
    node = manage(empty_database, tmp_path / "node.log", "qcluster")
    try:
        node.wait_for("run `manage.py migrate`. The workers wait.", LONG)
        migrate = manage(empty_database, tmp_path / "migrate.log", "migrate")
        assert migrate.process.wait(LONG) == 0, migrate
        node.wait_for("running.", LONG)
        assert node.stop(seconds=LONG) == 0, node
    finally:
        node.kill()


def test_stop_while_the_database_is_waited_for(empty_database, tmp_path):
    node: Child = manage(empty_database, tmp_path / "node.log", "qcluster")
    node.wait_for("The workers wait.", LONG)

    assert node.stop(seconds=LONG) == 0, node


@pytest.mark.sqlite
def test_second_node_on_the_same_file_is_refused_with_a_sentence(start_node, journal):
    first = start_node()

    second = start_node(wait_for="Another qcluster works on")

    assert second.process.wait(LONG) == 1
    assert "Traceback" not in second.text
    assert_all_is_well(journal, first)


@pytest.mark.sqlite
def test_node_of_an_earlier_boot_is_known_to_be_dead(start_node, journal):
    execution = journal.launch("work_as_it_goes", seconds=3, time_limit=600)
    node = start_node()
    journal.wait_for(execution, node)
    tree = node.tree

    node.signal_all(signal.SIGKILL)
    wait_until(lambda: not living(tree), LONG, node)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE automation_node SET pid_space = 'an earlier boot'")
    after = start_node()

    wait_for(execution, Status.COMPLETED, why=after)
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (Status.LOST, reasons.NODE_DIED)
    assert_all_is_well(journal, after)


@pytest.mark.sqlite
def test_child_that_a_run_left_behind_keeps_no_later_node_from_its_file(start_node, journal):
    execution = journal.launch_of(journal.foreign("leave_a_child_behind"), journal=journal)
    node = start_node()
    wait_for(execution, Status.COMPLETED, why=node)
    [left] = [pid for pid in node.tree if pid not in {node.parent, *node.parts, *node.workers}]

    for pid in [pid for pid in node.tree if pid != left]:
        os.kill(pid, signal.SIGKILL)
    try:
        assert_all_is_well(journal, start_node())
    finally:
        os.kill(left, signal.SIGKILL)
