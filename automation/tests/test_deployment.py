import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from automation.models import CatchUp, Execution, Kind, Pause, Process
from automation.reports import deployment
from automation.reports.deployment import look_ahead
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_there(time_machine) -> None:
    """At 07:28 in Tehran; the default processes of the site would come due."""
    time_machine.move_to(datetime(2026, 11, 22, 3, 58, tzinfo=UTC), tick=False)
    Process.objects.all().delete()


def without_its_function(**fields) -> Process:
    process = ProcessFactory(**fields)
    Process.objects.filter(pk=process.pk).update(function="probes.removed")
    process.refresh_from_db()
    return process


def test_nothing_to_interrupt_is_safe():
    ProcessFactory(cron="0 12 * * *")
    ExecutionFactory(process=ProcessFactory(), parameters={"name": "Sara"})
    ExecutionFactory(completed=True, function="probes.removed")

    assert look_ahead(5).is_safe


def test_what_runs_would_be_interrupted():
    """Nothing is known of where it runs, or the stop of its node does not wait so long."""
    elsewhere = ExecutionFactory(running=True)
    NodeFactory(name="hurried", stop_grace=200)
    there = ExecutionFactory(running=True, node="hurried", process=ProcessFactory(time_limit=300))

    outlook = look_ahead(5)

    assert [one.execution for one in outlook.running] == [elsewhere, there]
    assert all(one.is_interrupted for one in outlook.running)
    assert not outlook.is_safe


def test_what_the_stop_waits_for_is_safe_but_for_what_falls_due_meanwhile():
    process = ProcessFactory(time_limit=900)
    node = NodeFactory()
    execution = ExecutionFactory(running=True, node=node.name, process=process)

    [running] = look_ahead(5).running
    assert (running.execution, running.is_interrupted) == (execution, False)
    assert running.until == execution.started_at + timedelta(seconds=903)
    assert look_ahead(5).is_safe

    ProcessFactory(cron="40 7 * * *", catch_up=CatchUp.NONE)
    assert not look_ahead(5).is_safe


def test_longest_stop_follows_from_the_limits(settings):
    limit = settings.Q_CLUSTER["timeout"] + 3
    assert look_ahead(5).longest_stop == limit

    ProcessFactory(time_limit=3_600)
    assert look_ahead(5).longest_stop == 3_603

    NodeFactory(stop_grace=20)
    assert look_ahead(5).longest_stop == 20
    NodeFactory()
    assert look_ahead(5).longest_stop == 3_603

    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "timeout": None}
    assert look_ahead(5).longest_stop is None


def test_what_runs_is_waited_for(monkeypatch):
    execution = ExecutionFactory(running=True)

    def end(_seconds) -> None:
        Execution.objects.filter(pk=execution.pk).lose("node_died")

    monkeypatch.setattr(deployment, "sleep", end)

    assert look_ahead(5, wait=10).is_safe


@pytest.mark.parametrize(("catch_up", "safe"), [(CatchUp.LATEST, True), (CatchUp.NONE, False)])
def test_what_falls_due_is_listed_and_unsafe_only_where_nothing_is_caught_up(catch_up, safe):
    process = ProcessFactory(cron="30 7 * * *", catch_up=catch_up)
    ProcessFactory(cron="30 7 * * *", is_enabled=False)

    outlook = look_ahead(5)

    assert [(due.process, due.instants[0].isoformat()) for due in outlook.due] == [
        (process, "2026-11-22T07:30:00+03:30")
    ]
    assert outlook.is_safe is safe
    assert look_ahead(1).due == []


def test_what_is_paused_when_it_falls_due_is_not_lost_by_a_stop():
    process = ProcessFactory(cron="30 7 * * *", catch_up=CatchUp.NONE)
    pause = Pause.objects.create(process=process, why="a while")
    assert look_ahead(5).due == []

    pause.until = timezone.now() + timedelta(minutes=1)
    pause.save()
    assert len(look_ahead(5).due) == 1


def test_waiting_execution_that_this_code_refuses_is_unsafe():
    process = ProcessFactory()
    refused = ExecutionFactory(process=process, parameters={"nme": "Sara"})
    ExecutionFactory(process=process, parameters={"nme": 1}, kind=Kind.UNDO)

    outlook = look_ahead(5)

    ((execution, error),) = outlook.refused
    assert execution == refused
    assert "There is no parameter 'nme'" in error
    assert not outlook.is_safe


def test_process_whose_function_is_gone_is_orphaned_where_something_would_start_it():
    scheduled = without_its_function(cron="0 3 * * *")
    waiting = without_its_function()
    ExecutionFactory(process=waiting)
    without_its_function()
    without_its_function(cron="0 3 * * *", is_enabled=False)

    assert set(look_ahead(5).orphaned) == {scheduled, waiting}


def test_number_of_queries_does_not_grow(django_assert_num_queries):
    for _ in range(5):
        ExecutionFactory(process=without_its_function(cron="30 7 * * *"))
        ExecutionFactory(running=True, process=ProcessFactory(cron="30 7 * * *"))

    with django_assert_num_queries(10):
        look_ahead(5)


# The commands


def outcome(capsys, *arguments) -> tuple[int, str]:
    try:
        call_command(*arguments)
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as end:
        return int(end.code or 0), capsys.readouterr().out
    return 0, capsys.readouterr().out


def test_safe_to_deploy_says_what_stands_in_the_way(capsys):
    code, told = outcome(capsys, "safe_to_deploy")
    assert (code, told.splitlines()[-1]) == (0, "Safe to deploy.")
    assert told.startswith("A stop may take 371 s by the limits of now")
    process = ProcessFactory(name="nightly", cron="30 7 * * *")
    running = ExecutionFactory(process=process, running=True, node="host:1")
    ExecutionFactory(process=process, parameters={"nme": 1})
    without_its_function(name="old", cron="0 3 * * *")

    code, told = outcome(capsys, "safe_to_deploy")

    assert code == 1
    assert f"Would be interrupted: nightly #{running.pk}, on host:1." in told
    NodeFactory(name="host:1")
    assert f"at the latest: nightly #{running.pk}, on" in outcome(capsys, "safe_to_deploy")[1]
    assert "Falls due: nightly at Sun 2026-11-22 07:30 (Asia/Tehran)." in told
    assert "Waits with parameters that this code refuses: nightly #" in told
    assert "Has no function in this code: old (probes.removed)." in told
    assert told.endswith("Not safe to deploy.\n")
    printed = json.loads(outcome(capsys, "safe_to_deploy", "--json")[1])
    assert printed["is_safe"] is False
    assert printed["running"][0]["execution"] == running.pk
    assert printed["due"][0]["at"] == ["2026-11-22T07:30:00+03:30"]
    assert printed["orphaned"] == [{"process": "old", "function": "probes.removed"}]


@pytest.mark.parametrize("options", [["--minutes", "-1"], ["--wait", "-1"]])
def test_safe_to_deploy_refuses_what_is_no_length_of_time(capsys, options):
    assert outcome(capsys, "safe_to_deploy", *options)[0] == 2


def test_check_cluster_says_whether_a_node_works(capsys):
    NodeFactory(stopped_at=timezone.now())
    silent = NodeFactory(seen_at=datetime.now(UTC) - timedelta(days=400))
    assert outcome(capsys, "check_cluster") == (
        1,
        "No node that starts anything was seen in the last 60 s.\n",
    )

    silent.delete()
    node = NodeFactory()

    assert outcome(capsys, "check_cluster", "--seconds", "20") == (
        0,
        f"Seen in the last 20 s: {node.name}.\n",
    )
    printed = json.loads(outcome(capsys, "check_cluster", "--json")[1])
    assert printed == {"is_live": True, "nodes": [node.name], "error": ""}


@pytest.mark.parametrize("seconds", ["0", "-1", "1e9"])
def test_check_cluster_refuses_what_is_no_length_of_time(capsys, seconds):
    assert outcome(capsys, "check_cluster", "--seconds", seconds)[0] == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_no_number_ends_with_the_same_code(manage):
    for command in (["safe_to_deploy", "--minutes", "nan"], ["check_cluster", "--seconds", "x"]):
        done = manage(*command)
        assert (done.returncode, "is no number" in done.stderr) == (2, True), done.stderr
