"""What an atomic run leaves to be done after its commit: called, limited, and on record."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from automation.cluster import endings
from automation.cluster.worker_process import Assignment
from automation.engine.run import commit_hooks
from automation.engine.run.claims import claim_one
from automation.engine.run.runner import run, run_execution
from automation.engine.start.launch import launch
from automation.models import AfterCommit, Execution, Notice, Process, Status, Trigger
from automation.reports.explain.at import explain_then
from automation.testing import run as run_process
from automation.tests.factories import ProcessFactory
from automation.tests.written import written

pytestmark = pytest.mark.django_db(transaction=True)


def process_of(**columns) -> Process:
    return ProcessFactory(function="probes.follow", **{"time_limit": 30, **columns})


def followed(*ways: str, process: Process | None = None, **parameters) -> Execution:
    """Run it as a worker does; return its ended execution."""
    parameters = {"ways": list(ways), **parameters}
    process = process or process_of()
    execution = launch(process, trigger=Trigger.MANUAL, parameters=parameters)
    run_execution(execution.pk)
    execution.refresh_from_db()
    return execution


def assert_effects_are_kept(execution: Execution) -> None:
    assert (execution.status, execution.result) == (Status.COMPLETED, "done")
    assert written().filter(name=f"written by run {execution.pk}").exists()


@pytest.mark.parametrize("robust", [False, True])
def test_every_hook_is_called_though_one_raises_and_the_execution_says_so(robust):
    execution = followed("raise", "write", "exit", "write", robust=robust)

    assert_effects_are_kept(execution)
    assert execution.after_commit == AfterCommit.FAILED
    assert written().filter(name__startswith="written by what follows").count() == 2
    assert "_divide_by_zero: ZeroDivisionError: division by zero" in execution.error_message
    assert "_exit: The function ended its worker: exit('enough')." in execution.error_message
    assert "1 / 0" in execution.traceback
    messages = [line.message for line in execution.log_lines.all()]
    assert messages[:2] == ["To follow: raise", "About to divide"]
    assert "It followed" in messages


def test_what_goes_well_is_kept_in_the_log_and_costs_no_further_update():
    execution = followed("write")

    assert_effects_are_kept(execution)
    assert (execution.after_commit, execution.error_message) == ("", "")
    assert [line.message for line in execution.log_lines.all()] == [
        "To follow: write",
        "It followed",
    ]


def test_run_that_nothing_follows_pays_no_statement():
    process = ProcessFactory(function="probes.greet")
    execution = launch(process, trigger=Trigger.MANUAL)
    claim = claim_one(execution.pk, node="test")
    assert claim
    statements: list[str] = []

    def note(call, sql, *rest):
        statements.append(sql)
        return call(sql, *rest)

    with connection.execute_wrapper(note):
        run(claim)

    ends = [sql for sql in statements if sql.startswith("UPDATE") and "execution" in sql]
    assert len(ends) == 1
    assert not any("after_commit" in sql for sql in ends)


def test_what_takes_too_long_is_ended_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr(commit_hooks, "AT_LEAST", 1)

    execution = followed("write", "sleep", "raise", process=process_of(time_limit=1))

    assert_effects_are_kept(execution)
    assert execution.after_commit == AfterCommit.TIMED_OUT
    assert "took longer than its 1 s, and was ended in" in execution.error_message
    assert execution.error_message.endswith("_sleep. Not called: 2 more.")
    messages = [line.message for line in execution.log_lines.all()]
    assert messages[-3:] == ["It followed", "To follow: sleep", "Asleep after the commit"]


@pytest.mark.postgresql
def test_statement_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(commit_hooks, "AT_LEAST", 1)

    execution = followed("sleep_in_the_database", process=process_of(time_limit=1))

    assert execution.after_commit == AfterCommit.TIMED_OUT


def test_transaction_that_a_hook_leaves_open_is_rolled_back():
    execution = followed("leave_open", "write")

    assert execution.after_commit == AfterCommit.FAILED
    assert "left a transaction open" in execution.error_message
    assert not written().filter(name__startswith="left open").exists()
    assert written().filter(name__startswith="written by what follows").exists()


def test_interrupt_at_the_terminal_is_recorded_and_goes_on():
    execution = launch(process_of(), trigger=Trigger.MANUAL, parameters={"ways": ["interrupt"]})
    claim = claim_one(execution.pk, node="terminal")
    assert claim

    with pytest.raises(KeyboardInterrupt):
        run(claim)

    execution.refresh_from_db()
    assert_effects_are_kept(execution)
    assert execution.after_commit == AfterCommit.CUT_OFF


def test_failure_is_told_and_recovery_only_once_all_went_well(settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": ["sara@example.org"]}
    process = process_of(max_retries=3)

    first = followed("raise", process=process)
    followed("raise", process=process)
    followed("write", process=process)

    events = list(Notice.objects.order_by("pk").values_list("event", flat=True))
    assert events == ["after_commit", "after_commit", "recovered"]
    assert not first.retries.exists()


def test_pages_lists_and_explanations_say_so(admin_client, capsys):
    process = process_of()
    execution = followed("raise", process=process)
    other = followed("write", process=process)

    page = admin_client.get(reverse("admin:automation_execution_change", args=[execution.pk]))
    assert "after the commit: failed" in page.text
    assert "Its effects are committed, but what was to follow failed." in page.text
    assert "done" in page.text
    address = reverse("admin:automation_execution_changelist")
    listed = admin_client.get(address, {"after_commit__exact": "failed"})
    assert [row.pk for row in listed.context["cl"].result_list] == [execution.pk]
    assert "after the commit: failed" in listed.text
    assert other.after_commit == ""
    due = execution.created_at.replace(second=0, microsecond=0)
    Execution.objects.filter(pk=execution.pk).update(scheduled_for=due)
    told = explain_then(process, due).verdict.text
    assert told.endswith("Its effects are committed, but what was to follow failed.")


def test_command_tells_it_by_its_exit_code_and_json(capsys):
    process_of(name="followed")
    options = ["--param", "ways=raise,write", "--json"]

    with pytest.raises(SystemExit) as ended:
        call_command("run_process", "followed", *options)

    assert ended.value.code == 4
    told = capsys.readouterr().out
    assert '"status": "completed"' in told
    assert '"after_commit": "failed"' in told


@pytest.mark.django_db(transaction=False)
def test_hooks_are_djangos_in_a_test_that_is_one_transaction(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        execution = run_process(process_of(), ways=["write"])

    assert execution.status == Status.COMPLETED
    assert callbacks[-1].__name__ == "_write"


@pytest.mark.parametrize(
    ("seconds", "outcome", "told"),
    [
        (2, AfterCommit.CUT_OFF, "signal SIGKILL"),
        (20, AfterCommit.TIMED_OUT, "took longer than its 15 s, and was killed"),
    ],
)
def test_dispatcher_records_what_a_dead_worker_could_not(seconds, outcome, told):
    execution = launch(process_of(), trigger=Trigger.MANUAL, parameters={"ways": []})
    claim = claim_one(execution.pk, node="test")
    assert claim
    run(claim)
    of_worker = Assignment(claim)
    of_worker.begin(30)
    of_worker.commit(15)
    assert of_worker.committing_at is not None
    at = of_worker.committing_at + seconds
    death = endings.Death(assignment=of_worker, exit_code=-9, at=at, is_stopped=False)

    endings.record(death)
    endings.record(death)

    execution.refresh_from_db()
    assert_effects_are_kept(execution)
    assert execution.after_commit == outcome
    assert told in execution.error_message


def test_list_of_processes_shows_it_beside_the_last_run(admin_client):
    followed("raise")

    page = admin_client.get(reverse("admin:automation_process_changelist"))

    assert "after the commit: failed" in page.text
