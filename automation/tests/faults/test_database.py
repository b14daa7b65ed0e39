"""PostgreSQL dies, hangs, or hides behind a pooler."""

import time
from datetime import timedelta

import pytest

from automation.models import Node, Status, reasons
from automation.tests.faults.conftest import LEASE
from automation.tests.faults.server import backends_stopped
from automation.tests.faults.truth import LONG, assert_all_is_well, living, wait_for
from conftest import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def test_server_killed_while_nothing_runs(server, start_node, journal):
    node = start_node()
    wait_for(journal.launch(), Status.COMPLETED, why=node)

    server.kill()
    wait_until(lambda: "does not answer" in node.text, LONG, node)
    server.start()

    assert_all_is_well(journal, node)


def test_server_killed_in_the_middle_of_runs_and_back_within_the_lease(server, start_node, journal):
    atomic = journal.launch(seconds=2)
    other = journal.launch("work_as_it_goes", seconds=2, max_retries=0)
    node = start_node(TESTS_LEASE="30")
    for execution in (atomic, other):
        journal.wait_for(execution, node)

    server.kill()
    # They end while it is away: that is the moment of the result.
    wait_until(lambda: "Waiting to record the end" in node.text, LONG, node)
    server.start()

    assert wait_for(other, Status.COMPLETED, why=node) == other
    assert wait_for(atomic, Status.COMPLETED, why=node).retry_of == atomic
    atomic.refresh_from_db()
    assert atomic.status == Status.FAILED
    assert_all_is_well(journal, node)


def test_server_away_for_longer_than_the_lease(server, start_node, journal):
    executions = [journal.launch(name, seconds=2 * LEASE) for name in ("work", "work_as_it_goes")]
    node = start_node()
    pids = [journal.wait_for(execution, node) for execution in executions]

    server.kill()
    away_since = time.monotonic()
    wait_until(lambda: not living(pids), LONG, node)
    for execution in executions:
        assert journal.last_sign_of(execution) < away_since + LEASE
    server.start()

    for execution in executions:
        wait_for(execution, Status.COMPLETED, why=node)
    assert_all_is_well(journal, node)


def test_connections_that_hang_without_an_answer(server, start_node, journal):
    executions = [journal.launch(name, seconds=2 * LEASE) for name in ("work", "work_as_it_goes")]
    node = start_node()
    workers = [journal.wait_for(execution, node) for execution in executions]

    with backends_stopped():
        hanging_since = time.monotonic()
        wait_until(lambda: not living(workers), LONG, node)
        for execution in executions:
            assert journal.last_sign_of(execution) < hanging_since + LEASE
        wait_until(lambda: "dispatcher is silent" in node.text, LONG, node)
        # New connections answer: it goes on by them, while those of before still hang.
        for execution in executions:
            wait_for(execution, Status.COMPLETED, why=node)

    for execution in executions:
        execution.refresh_from_db()
        assert (execution.status, execution.reason) == (Status.LOST, reasons.NODE_DIED)
    assert_all_is_well(journal, node)


def test_network_that_swallows_everything_while_another_node_is_there(wire, start_node, journal):
    execution = journal.launch(seconds=2 * LEASE)
    cut_off = start_node(DATABASE_URL=wire.url)
    journal.wait_for(execution, cut_off)
    other = start_node()

    wire.freeze()
    retry = wait_for(execution, Status.COMPLETED, why=other)
    wire.thaw()

    assert retry.node != execution.node
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (Status.LOST, reasons.LEASE_EXPIRED)
    assert_all_is_well(journal, cut_off, others=(other,))


@pytest.mark.parametrize("how", ["before", "after"])
def test_commit_that_nobody_confirms(wire, start_node, journal, how):
    wire.cuts_commit = how
    execution = journal.launch()

    node = start_node(DATABASE_URL=wire.url)

    done = wait_for(execution, Status.COMPLETED, why=node)
    assert wire.cuts == 1
    assert (done == execution) == (how == "after")
    execution.refresh_from_db()
    assert execution.status == (Status.COMPLETED if how == "after" else Status.FAILED)
    if how == "after":
        node.wait_for("had not confirmed it")
    assert ("had not confirmed it" in node.text) == (how == "after")
    assert_all_is_well(journal, node)


def test_pooler_under_which_nothing_is_heard(wire, start_node, journal):
    wire.swallows_notices = True
    node = start_node(DATABASE_URL=wire.url)

    wait_until(lambda: "LISTEN hears nothing" in node.text, LONG, node)

    # Looked for each second, not each five; one look may be late.
    assert min(delay_of_a_start(journal, node) for _ in range(3)) < timedelta(seconds=4)
    assert node.text.count("LISTEN hears nothing") == 1
    assert_all_is_well(journal, node)


def delay_of_a_start(journal, node) -> timedelta:
    done = wait_for(journal.launch(), Status.COMPLETED, why=node)
    return done.started_at - done.created_at


def test_server_that_is_away_at_the_start_is_waited_for(server, start_node, journal):
    execution = journal.launch()
    server.kill()

    node = start_node(wait_for="The database does not answer")
    time.sleep(2)
    server.start()

    wait_for(execution, Status.COMPLETED, why=node)
    assert Node.objects.count() == 1
    assert_all_is_well(journal, node)
