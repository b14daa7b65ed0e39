"""What one run leaves in its worker's process, and what the next one sees: a node with one worker."""

import os

import pytest

from automation.cluster.surroundings import Surroundings
from automation.models import Execution, Status
from automation.tests.faults.truth import LONG, assert_stops, wait_for
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def looked(journal, node) -> dict:
    """What a run sees; its lines are all there, and no others."""
    done = wait_for(journal.launch_of(journal.foreign("look_around")), Status.COMPLETED, why=node)
    lines = sorted(done.log_lines.values_list("message", flat=True))
    assert lines == ["Looked", "Looked too"], node
    return dict(done.result or {})


def run_of(journal, node, function: str, **parameters: object) -> Execution:
    launched = journal.launch_of(journal.foreign(function), **parameters)
    return wait_for(launched, Status.COMPLETED, why=node)


def is_final(execution: Execution) -> bool:
    execution.refresh_from_db()
    return execution.is_final


def test_next_run_meets_nothing_of_what_a_run_changed(start_node, journal):
    node = start_node(WORKERS="1", wait_for="ready for work")
    [worker] = node.children_of(node.dispatcher)
    before = looked(journal, node)

    run_of(journal, node, "leave_everything_changed")

    assert looked(journal, node) == before
    assert node.children_of(node.dispatcher) == [worker], node
    assert "left behind" not in node.text
    assert_stops(node)


def test_worker_in_which_something_stays_is_replaced_and_the_log_says_why(start_node, journal):
    node = start_node(WORKERS="1", wait_for="ready for work")
    before = looked(journal, node)

    for function, parameters, told in (
        ("leave_a_thread", {}, "the thread left behind"),
        ("leave_what_cannot_be_put_back", {"what": "niceness"}, "a changed niceness or affinity"),
        ("leave_what_cannot_be_put_back", {"what": "settings"}, "changed settings of Django"),
        ("leave_what_cannot_be_put_back", {"what": "streams"}, "redirected streams"),
    ):
        done = run_of(journal, node, function, **parameters)
        said = f"{done} left behind: {told}. Its worker is replaced."
        wait_until(lambda said=said: said in node.text, LONG, node)
        assert looked(journal, node) == before
    assert node.text.count("is replaced") == 4
    assert_stops(node)


def test_run_that_writes_to_what_its_worker_has_open_ends_its_worker_alone(start_node, journal):
    node = start_node(WORKERS="1", wait_for="ready for work")
    parts = node.parts
    # A length that no message has; one that is never reached; a message that is none.
    for what in ("ff" * 50, "0000ffff41", "00000001" + "41" * 20):
        process = journal.foreign("write_to_every_descriptor", 5)
        launched = journal.launch_of(process, what=what)
        wait_until(lambda one=launched: is_final(one), LONG, node)

    assert looked(journal, node)
    assert node.parts == parts, node
    assert "sent what cannot be read" in node.text
    assert_stops(node)


def test_processes_that_a_run_forks_have_connections_of_their_own(start_node, journal):
    node = start_node(WORKERS="1", wait_for="ready for work")

    done = run_of(journal, node, "use_a_pool_of_processes")

    assert done.result == [[0, 0]] * 24
    assert looked(journal, node)
    assert_stops(node)


def test_worker_keeps_little_of_what_it_asked_with_debug(start_node, journal):
    node = start_node(WORKERS="1", DEBUG="on", wait_for="ready for work")

    done = run_of(journal, node, "ask_much", statements=200, size=10_000)

    assert 0 < done.result < 60 * 11_000
    assert looked(journal, node)["queries"] < 20
    assert_stops(node)


def test_worker_is_replaced_after_as_many_runs_as_the_settings_say(start_node, journal):
    node = start_node(WORKERS="1", TESTS_WORKER_MAX_RUNS="2", wait_for="ready for work")
    workers = set()
    for _ in range(4):
        workers |= set(node.children_of(node.dispatcher))
        looked(journal, node)

    wait_until(lambda: set(node.children_of(node.dispatcher)) - workers, LONG, node)
    assert 2 <= len(workers) <= 3
    assert_stops(node)


def test_worker_starts_where_its_directory_is_gone_and_its_input_closed(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    stdin = os.dup(0)
    os.close(0)
    try:
        left = Surroundings().put_back()
    finally:
        os.dup2(stdin, 0)
        os.close(stdin)

    assert "directory" not in left
    assert "streams" not in left
