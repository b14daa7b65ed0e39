import logging
import os
import re
import signal
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from automation import logs
from automation.engine.end.cancelling import cancel
from automation.engine.run.runner import run_execution
from automation.engine.start import due
from automation.engine.start.launch import launch
from automation.models import Execution, Process, Status, Trigger
from automation.tests.factories import ProcessFactory
from conftest import wait_until

ACTIVE = Execution.objects.filter(status__in=[Status.PENDING, Status.RUNNING])


def lines_of(execution: object, text: str) -> list[str]:
    """Return the lines of an execution on the console, without their times."""
    found = [line for line in text.splitlines() if f"{execution}" in line]
    return [re.sub(r"^\S+ \S+ (\w+) automation.executions: ", r"\1 ", line) for line in found]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == logs.logger.name]


@pytest.mark.django_db(transaction=True)
def test_console_of_the_workers_says_what_started_ended_was_skipped_and_tried_again(qcluster):
    fails = ProcessFactory(
        name="fails", function="probes.commit_then_raise", max_retries=1, retry_delay=1
    )
    greets = ProcessFactory(name="greets", function="probes.greet")
    failed = launch(fails, trigger=Trigger.MANUAL, requested_by_name="sara")
    greeted = launch(greets, trigger=Trigger.MANUAL)
    slow = ProcessFactory(name="slow", function="probes.take_long", time_limit=1)
    timed_out = launch(slow, trigger=Trigger.MANUAL, parameters={"seconds": 60})

    cluster = qcluster()
    wait_until(lambda: not ACTIVE.exists(), 60, cluster)
    retry = Execution.objects.get(retry_of=failed)
    wait_until(lambda: f"{retry} failed" in cluster.text, why=cluster)

    said = cluster.text
    assert lines_of(failed, said)[0] == f"INFO {failed} started: manual, by sara."
    assert re.search(rf"ERROR .*{failed} failed after \d\.\d s: ValueError: half way", said)
    assert re.search(rf"INFO .*{retry} is attempt 2, after {failed}. It starts at 20", said)
    assert f"INFO automation.executions: {retry} started: retry." in said
    assert re.search(r"\n    Traceback .*\n(    .*\n)+    ValueError: half way", said)
    start, own_line, end = lines_of(greeted, said)
    assert start == f"INFO {greeted} started: manual."
    assert own_line.endswith(f"INFO automation.run: {greeted}: Greeting world")
    assert re.fullmatch(rf"INFO {greeted} completed after \d\.\d s\.", end)
    assert re.search(rf"ERROR .*{timed_out} timed out after \d\.\d s: It ran longer than", said)


@pytest.mark.django_db(transaction=True)
def test_console_says_whose_worker_was_killed(qcluster):
    process = ProcessFactory(name="slow", function="probes.take_long")
    lost = launch(process, trigger=Trigger.MANUAL, parameters={"seconds": 60})
    cluster = qcluster()
    cluster.wait_for(f"{lost} started")
    dispatcher = next(
        pid for pid in cluster.tree if cluster.children_of(pid) and pid != cluster.process.pid
    )
    for worker in cluster.children_of(dispatcher):
        os.kill(worker, signal.SIGKILL)

    cluster.wait_for(f"{lost} lost after")

    assert re.search(
        rf"ERROR .*{lost} lost after .*: its worker ended with signal SIGKILL", cluster.text
    )


@pytest.mark.django_db
def test_failure_is_one_error_with_its_traceback(caplog):
    execution = launch(ProcessFactory(function="probes.commit_then_raise"), trigger=Trigger.MANUAL)

    run_execution(execution.pk)

    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage().startswith(f"{execution} failed after ")
    assert isinstance(record.exc_info[1], ValueError)


@pytest.mark.django_db
def test_skip_is_a_line_in_english_once_it_is_committed(caplog, django_capture_on_commit_callbacks):
    process = ProcessFactory(name="once")
    first = launch(process, trigger=Trigger.MANUAL)
    caplog.set_level(logging.INFO, logger=logs.logger.name)

    with django_capture_on_commit_callbacks(execute=True), translation.override("fa"):
        second = launch(process, trigger=Trigger.MANUAL)
        assert not said(caplog)

    assert said(caplog) == [
        f"{second} skipped: Execution {first.pk} had not ended yet, and this process skips a start "
        "then."
    ]


@pytest.mark.django_db
def test_missed_occurrences_of_one_cause_are_one_warning(
    caplog, time_machine, django_capture_on_commit_callbacks
):
    time_machine.move_to(datetime(2026, 11, 22, 6, 0, 30, tzinfo=UTC), tick=False)
    Process.objects.all().delete()
    ProcessFactory(name="each_minute", timezone="UTC", cron="* * * * *")
    caplog.set_level(logging.INFO, logger=logs.logger.name)

    time_machine.shift(timedelta(minutes=5))
    with django_capture_on_commit_callbacks(execute=True):
        due.tick()

    (missed,) = [record for record in caplog.records if "missed" in record.getMessage()]
    assert missed.levelno == logging.WARNING
    assert missed.getMessage().startswith(
        "each_minute missed, due 2026-11-22T09:31:00+03:30 and later, 4 times until "
        "2026-11-22T09:34:00+03:30: "
    )


@pytest.mark.django_db
def test_cancel_of_what_waits_names_who_did_it(caplog, django_capture_on_commit_callbacks):
    execution = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    caplog.set_level(logging.INFO, logger=logs.logger.name)

    with django_capture_on_commit_callbacks(execute=True):
        cancel(execution, by_name="sara")

    assert said(caplog) == [f"{execution} cancelled before it began, by sara."]


def formatted(message: str, *arguments: object) -> str:
    formatter = logs.LineFormatter("%(levelname)s %(run)s%(message)s")
    record = logging.LogRecord("x", logging.INFO, __file__, 1, message, arguments, None)
    return formatter.format(record)


def test_nobody_can_forge_a_line_or_command_the_terminal():
    typed = "a\n2026-11-25 18:00:00 CRITICAL FORGED\r\x1b[31m\x9b2J\u2028\u202eb\x00"

    assert formatted("given %s", typed) == (
        "INFO given a\n    2026-11-25 18:00:00 CRITICAL FORGED\\r\\x1b[31m\\x9b2J\\u2028\\u202eb\\x00"
    )


def test_line_names_the_run_it_comes_from_and_only_while_that_goes_on():
    with logs.of_run("report #7"):
        assert formatted("step") == "INFO report #7: step"
        with logs.of_run("inner #8"):
            assert formatted("step") == "INFO inner #8: step"
        assert formatted("step") == "INFO report #7: step"
    assert formatted("step") == "INFO step"
