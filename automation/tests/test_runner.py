import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django_q.models import OrmQ

from automation.database.text import storable
from automation.engine.run.claims import claim_one
from automation.engine.run.interruptions import Watcher
from automation.engine.run.log import MAX_LINE_LENGTH, MAX_LINES, RunLog
from automation.engine.run.runner import run, run_execution
from automation.engine.start.launch import launch
from automation.models import Execution, Status, Trigger, reasons
from automation.process_function import ProcessFunction
from automation.tests.factories import ProcessFactory
from automation.tests.written import written


def executed(function: str, **parameters) -> Execution:
    """Launch and run it as a worker does."""
    process = ProcessFactory(function=f"probes.{function}", time_limit=1)
    execution = launch(process, trigger=Trigger.MANUAL, parameters=parameters)
    run_execution(execution.pk)
    execution.refresh_from_db()
    return execution


@pytest.mark.django_db
def test_run_records_result_log_and_end_and_consumes_the_message():
    execution = executed("greet", name="Sara")

    assert execution.status == Status.COMPLETED
    assert execution.result == {"greeting": "Hello Sara! "}
    assert [line.message for line in execution.log_lines.all()] == ["Greeting Sara"]
    assert execution.started_at <= execution.completed_at
    assert written().filter(name=f"greeted Sara in run {execution.pk}").exists()
    assert not OrmQ.objects.exists()


@pytest.mark.django_db
def test_run_delivered_a_second_time_calls_the_function_once():
    execution = executed("greet")

    run_execution(execution.pk)

    assert written().filter(name__startswith="greeted").count() == 1


@pytest.mark.django_db
def test_function_that_takes_no_run_is_called_without_one():
    assert executed("without_run").result == 42


@pytest.mark.django_db
def test_run_tells_the_time_in_the_zone_of_its_process(monkeypatch, time_machine):
    time_machine.move_to(datetime(2026, 11, 22, 21, 0, tzinfo=UTC), tick=False)
    seen = []
    monkeypatch.setattr(ProcessFunction, "call", lambda self, run, parameters: seen.append(run))
    process = ProcessFactory(cron="0 * * * *", timezone="Asia/Tehran")
    due = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
    execution = launch(process, trigger=Trigger.SCHEDULE, scheduled_for=due)

    run_execution(execution.pk)

    assert seen[0].now.isoformat() == "2026-11-23T00:30:00+03:30"
    assert seen[0].scheduled_for == due
    assert seen[0].execution_id == execution.pk


@pytest.mark.django_db
def test_function_that_raises_leaves_nothing_but_the_record():
    execution = executed("write_then_raise")

    assert execution.status == Status.FAILED
    assert execution.error_message == "ValueError: no � luck"
    assert execution.result == {"success": False, "error": execution.error_message}
    assert "in write_then_raise" in execution.traceback
    assert [line.level for line in execution.log_lines.all()] == ["WARNING"]
    assert not written().exists()


@pytest.mark.django_db
def test_function_that_is_not_atomic_keeps_what_it_committed_before_it_raised():
    execution = executed("commit_then_raise")

    assert execution.status == Status.FAILED
    assert written().filter(name="committed before the error").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "what", ["nan", "infinity", "nul", "surrogate", "set", "generator", "cycle"]
)
def test_result_that_json_cannot_hold_fails_the_run_with_a_sentence(what):
    execution = executed("give_back", what=what)

    assert execution.status == Status.FAILED
    assert execution.error_message.startswith("The function returned")


@pytest.mark.django_db
def test_function_that_exits_fails_and_does_not_take_the_worker_with_it():
    execution = executed("leave")

    assert execution.status == Status.FAILED
    assert execution.error_message == "The function ended its worker: exit('enough')."


@pytest.mark.django_db
@pytest.mark.parametrize("function", ["take_long", "take_long_and_swallow"])
def test_function_that_passes_its_time_limit_is_stopped_and_rolled_back(function):
    execution = executed(function, seconds=30)

    assert execution.status == Status.TIMED_OUT
    assert execution.error_message == "It ran longer than its time limit of 1 s."
    assert execution.completed_at - execution.started_at < timedelta(seconds=10)
    assert not written().exists()


@pytest.mark.django_db
def test_interrupt_at_the_terminal_is_recorded_and_goes_on():
    process = ProcessFactory(function="probes.interrupt")
    claim = claim_one(launch(process, trigger=Trigger.MANUAL).pk, node="terminal")
    assert claim

    with pytest.raises(KeyboardInterrupt):
        run(claim)

    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == (Status.CANCELLED, reasons.INTERRUPTED)


@pytest.mark.django_db(transaction=True)
def test_function_that_breaks_its_connection_fails_and_is_recorded_on_a_new_one():
    execution = executed("break_connection")

    assert execution.status == Status.FAILED
    assert not written().exists()
    assert connection.is_usable()


@pytest.mark.django_db
def test_worker_that_was_given_up_for_lost_can_neither_finish_nor_commit():
    process = ProcessFactory(function="probes.greet")
    claim = claim_one(launch(process, trigger=Trigger.MANUAL).pk, node="slow")
    assert claim
    Execution.objects.lose(reasons.LEASE_EXPIRED)

    assert run(claim) == Status.LOST

    execution = Execution.objects.get()
    assert (execution.status, execution.result) == (Status.LOST, None)
    assert not written().exists()
    assert not execution.log_lines.exists()


@pytest.mark.django_db
def test_stored_parameters_that_no_longer_fit_fail_the_run_with_that_sentence():
    execution = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    Execution.objects.update(parameters={"times": "many"})

    run_execution(execution.pk)

    execution.refresh_from_db()
    assert execution.status == Status.FAILED
    assert execution.error_message == "times: Enter a whole number."


@pytest.mark.django_db
def test_log_over_its_limits_is_cut_and_says_so():
    execution = executed("talk", lines=MAX_LINES + 50)

    lines = list(execution.log_lines.all())
    assert len(lines) == MAX_LINES + 1
    assert lines[-1].message == f"51 more lines were left out: a run keeps {MAX_LINES}."


def test_text_over_its_limit_keeps_both_ends():
    text = storable("a" * 5_000 + "z" * 5_000, MAX_LINE_LENGTH)

    assert text.startswith("a" * 2_000 + "\n[… 6000 characters left out …]\n")
    assert text.endswith("z" * 2_000)


@pytest.mark.django_db
def test_logging_is_as_before_after_a_run():
    before = list(logging.getLogger().handlers), logging.getLogger("automation.run").level

    executed("greet")

    after = list(logging.getLogger().handlers), logging.getLogger("automation.run").level
    assert after == before


@pytest.mark.django_db
def test_exception_that_cannot_be_shown_is_recorded_all_the_same():
    execution = executed("raise_what_cannot_be_shown")

    assert execution.status == Status.FAILED
    assert "SilentError" in execution.error_message
    (line,) = execution.log_lines.all()
    assert line.message.startswith("It went wrong\nTraceback")
    assert line.message.endswith("ValueError: the first")


def test_log_call_that_cannot_be_formatted_is_kept_as_that():
    log = RunLog(Watcher())

    log.emit(logging.LogRecord("shop", logging.INFO, __file__, 1, "%d apples", ("many",), None))

    assert [line.message for line in log.lines] == ["(a line that could not be formatted)"]


@pytest.mark.django_db
def test_text_that_only_looks_like_an_escaped_nul_is_a_result():
    assert executed("give_back_a_path").result == r"C:\u0000 path"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("function", ["sleep_in_the_database", "sleep_in_the_database_not_atomic"])
def test_statement_that_passes_the_time_limit_is_ended(function):
    execution = executed(function)

    assert execution.status == Status.TIMED_OUT
    assert execution.completed_at - execution.started_at < timedelta(seconds=5)
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.django_db
def test_result_beyond_the_limit_fails_with_both_numbers():
    execution = executed("greet", times=100_000)

    assert execution.status == Status.FAILED
    assert "characters of JSON; a result has at most 1,000,000" in execution.error_message


@pytest.mark.django_db
def test_waiting_execution_whose_parameters_no_longer_fit_fails_with_that_sentence():
    execution = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    Execution.objects.filter(pk=execution.pk).update(parameters={"nme": "Sara"})

    run_execution(execution.pk)

    execution.refresh_from_db()
    assert execution.status == Status.FAILED
    assert execution.error_message == "There is no parameter 'nme'. Did you mean name?"
