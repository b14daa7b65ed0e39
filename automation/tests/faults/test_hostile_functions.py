"""Functions that mean harm, on two workers, while others do their work."""

import os
import signal

import pytest
from django.db import connection

from automation.models import AfterCommit, Execution, Status, reasons
from automation.tests.faults.truth import LONG, assert_all_is_well, living, wait_for
from automation.tests.written import written
from conftest import wait_until

#: Seconds in which a statement ends whose run has ended; by itself it would take 60.
ENDS_WITHIN = 20

pytestmark = pytest.mark.django_db(transaction=True)


def launch_beside_good_work(journal, cases) -> list[tuple[Execution, Status, str]]:
    found = []
    for function, parameters, status, reason in cases:
        execution = journal.launch_of(journal.foreign(function), **parameters)
        found.append((execution, status, reason))
        found.append((journal.launch(), Status.COMPLETED, ""))
    return found


def assert_ends(launched, node) -> None:
    for execution, status, reason in launched:
        wait_until(lambda e=execution: is_final(e), LONG, node)
        told = f"{execution.function} {execution.parameters} {execution.error_message} {node}"
        assert (execution.status, execution.reason) == (status, reason), told


def is_final(execution: Execution) -> bool:
    execution.refresh_from_db()
    return execution.is_final


def test_time_limit_ends_whatever_does_not_want_to_end(start_node, journal):
    sleeping = journal.launch("work_as_it_goes", seconds=60, time_limit=1, max_retries=0)
    ignoring = [
        journal.launch_of(journal.foreign(f, 1)) for f in ("hold_the_gil", "swallow_everything")
    ]
    node = start_node()

    assert wait_for(sleeping, Status.TIMED_OUT, why=node).reason == ""
    for execution in ignoring:
        assert wait_for(execution, Status.TIMED_OUT, why=node).reason == reasons.TIME_LIMIT_IGNORED
    assert_all_is_well(journal, node)


@pytest.mark.postgresql
@pytest.mark.parametrize("atomic", ["", "_not_atomic"])
def test_time_limit_ends_a_statement_with_its_run(start_node, journal, atomic):
    execution = journal.launch_of(journal.foreign(f"sleep_in_the_database{atomic}", 1))

    node = start_node()

    assert wait_for(execution, Status.TIMED_OUT, why=node).reason == ""
    wait_until(lambda: not statements_that_sleep(), ENDS_WITHIN, node)
    assert_all_is_well(journal, node)


@pytest.mark.postgresql
def test_statement_of_a_killed_worker_ends_too(start_node, journal):
    execution = journal.launch_of(journal.foreign("sleep_in_the_database", 60))
    node = start_node()
    wait_until(statements_that_sleep, LONG, node)

    for pid in node.workers:
        os.kill(pid, signal.SIGKILL)

    wait_for(execution, Status.LOST, why=node)
    wait_until(lambda: not statements_that_sleep(), ENDS_WITHIN, node)
    assert_all_is_well(journal, node)


def statements_that_sleep() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state = 'active' AND query ILIKE 'SELECT pg_sleep%%'"
        )
        return int(cursor.fetchone()[0])


def test_function_that_ruins_its_worker_harms_no_other(start_node, journal):
    died = Status.LOST, reasons.WORKER_DIED
    launched = launch_beside_good_work(
        journal,
        [
            ("segfault", {}, *died),
            ("die", {}, *died),
            ("leave", {}, Status.FAILED, ""),
            ("fork_and_let_the_child_return", {"journal": journal}, Status.COMPLETED, ""),
            ("leave_a_child_behind", {"journal": journal}, Status.COMPLETED, ""),
            ("give_back", {"what": "generator"}, Status.FAILED, ""),
            ("give_back", {"what": "cycle"}, Status.FAILED, ""),
            ("raise_what_cannot_be_shown", {}, Status.FAILED, ""),
        ],
    )

    node = start_node()

    assert_ends(launched, node)
    assert_all_is_well(journal, node)


def test_what_follows_a_commit_ends_in_every_way_and_is_on_record(start_node, journal):
    ends = {
        "write": ("", ""),
        "raise": (AfterCommit.FAILED, "ZeroDivisionError"),
        "die": (AfterCommit.CUT_OFF, "exit code 3"),
        "kill": (AfterCommit.CUT_OFF, "signal SIGKILL"),
    }
    launched = {
        way: journal.launch_of(journal.foreign("follow"), ways=[way, "write"]) for way in ends
    }

    node = start_node()

    for way, (outcome, told) in ends.items():
        execution = launched[way]
        wait_until(lambda e=execution: is_final(e), LONG, node)
        wait_until(lambda e=execution, o=outcome: is_followed(e, o), LONG, node)
        assert execution.status == Status.COMPLETED, f"{way} {node}"
        assert told in execution.error_message
        assert written().filter(name=f"written by run {execution.pk}").exists()
        assert execution.log_lines.filter(message=f"To follow: {way}").exists()
    assert "completed, but what follows its commit was cut off" in node.text
    assert "had not confirmed" not in node.text
    assert_all_is_well(journal, node)


def is_followed(execution: Execution, outcome: str) -> bool:
    """Whether what followed the commit is on record, and its log too."""
    execution.refresh_from_db()
    return execution.after_commit == outcome and execution.log_lines.exists()


def test_function_that_ruins_its_connection_harms_no_other(start_node, journal):
    launched = launch_beside_good_work(
        journal,
        [
            ("break_connection", {}, Status.FAILED, ""),
            ("leave_the_connection_closed", {}, Status.COMPLETED, ""),
            ("leave_a_transaction_open", {}, Status.FAILED, ""),
            ("leave_a_transaction_open_in_that_of_the_run", {}, Status.FAILED, ""),
            ("leave_autocommit_off", {}, Status.FAILED, ""),
            ("leave_a_transaction_broken", {}, Status.FAILED, ""),
        ],
    )

    node = start_node()

    assert_ends(launched, node)
    assert not written().filter(name__contains="left").exists()
    assert_all_is_well(journal, node)


@pytest.mark.postgresql
def test_function_that_changes_its_session_changes_no_other(start_node, journal):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'nobody_at_all'")
        if not cursor.fetchone():
            cursor.execute("CREATE ROLE nobody_at_all")
    spoilt = [
        "SET search_path TO pg_catalog",
        "SET ROLE nobody_at_all",
        "SET statement_timeout TO 1",
        "SET default_transaction_read_only TO on",
        "SET TIME ZONE 'Asia/Tehran'",
    ]
    launched = launch_beside_good_work(
        journal,
        [("spoil_the_session", {"statement": one}, Status.COMPLETED, "") for one in spoilt],
    )
    launched += launch_beside_good_work(
        journal,
        [
            ("spoil_the_session_of_the_transaction", {"statement": one}, Status.FAILED, "")
            for one in spoilt[:2]
        ],
    )

    node = start_node()

    assert_ends(launched, node)
    assert_all_is_well(journal, node)


def test_child_that_a_run_left_behind_goes_with_its_node(start_node, journal):
    launched = journal.launch_of(journal.foreign("leave_a_child_behind"), journal=journal)
    node = start_node()
    wait_for(launched, Status.COMPLETED, why=node)
    tree = node.tree
    assert len(tree) == 6

    assert_all_is_well(journal, node)

    assert not living(tree)
