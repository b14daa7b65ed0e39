from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from automation.engine import ending, pausing
from automation.engine.claims import claim, claim_next
from automation.models import Execution, Pause, Process, Status, Trigger, hold_now, reasons
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def only_our_processes():
    Process.objects.all().delete()


def fail(process, **options) -> Execution:
    execution = ExecutionFactory(process=process, running=True, **options)
    ending.end(execution, Status.FAILED, token=execution.token)
    return execution


def complete(process) -> None:
    execution = ExecutionFactory(process=process, running=True)
    ending.end(execution, Status.COMPLETED, token=execution.token)


def test_pause_says_who_and_why_and_until_when():
    process, sara = ProcessFactory(), UserFactory(username="sara")
    until = timezone.now() + timedelta(days=1)

    assert pausing.pause([process], why=" the disk is full ", until=until, by=sara) == 1

    pause = Pause.objects.get()
    assert (pause.process, pause.why, pause.until, pause.by) == (
        *(process, "the disk is full", until, sara),
    )
    assert hold_now(process).in_words == "The process was paused by sara: the disk is full"


def test_process_that_is_paused_already_is_not_paused_again():
    one, two = ProcessFactory(), ProcessFactory()
    pausing.pause([one], why="first")

    assert pausing.pause([one, two], why="second") == 1
    assert hold_now(one).data["why"] == "first"


@pytest.mark.parametrize(
    ("options", "column"),
    [({"why": "  "}, "why"), ({"why": "a", "until": timezone.now() - timedelta(1)}, "until")],
)
def test_pause_without_a_reason_or_with_an_end_that_has_passed_is_refused(options, column):
    with pytest.raises(ValidationError) as refusal:
        pausing.pause(None, **options)

    assert column in refusal.value.message_dict


def test_resume_ends_the_pause_and_keeps_who_did_it():
    process, sara = ProcessFactory(), UserFactory(username="sara")
    pausing.pause([process], why="a while")

    assert pausing.resume([process], by=sara) == 1
    assert hold_now(process) is None
    assert Pause.objects.get().ended_by_name == "sara"
    assert pausing.resume([process], by=sara) == 0


def test_retry_waits_while_its_process_is_paused_or_off_and_goes_on_afterwards():
    function = "probes.commit_then_raise"  # Not atomic: on SQLite those run one by one.
    paused, off, free = (ProcessFactory(function=function, is_enabled=on) for on in (1, 0, 1))
    for process in (paused, off, free):
        ExecutionFactory(process=process, trigger=Trigger.RETRY)
    pausing.pause([paused], why="a while")

    assert [held.execution.process for held in claim_next(9, node="n")] == [free]
    assert claim(Execution.objects.get(process=paused).pk, node="n") is None

    pausing.resume([paused])
    Process.objects.filter(pk=off.pk).enable()
    claimed = {held.execution.process for held in claim_next(9, node="n")}
    assert claimed == {paused, off}


def test_what_a_person_starts_runs_though_everything_is_paused():
    execution = ExecutionFactory(trigger=Trigger.MANUAL)
    pausing.pause(None, why="we move house")

    assert [held.execution for held in claim_next(9, node="n")] == [execution]


def test_occurrence_that_waits_for_a_worker_is_skipped_once_its_process_is_paused():
    process = ProcessFactory(cron="0 7 * * *")
    ExecutionFactory(process=process, trigger=Trigger.SCHEDULE, scheduled_for=timezone.now())
    pausing.pause([process], why="a while")

    assert claim_next(9, node="n") == []
    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == (Status.SKIPPED, reasons.PAUSED)


def test_process_pauses_by_itself_after_so_many_failures_in_a_row():
    process = ProcessFactory(pause_after_failures=2)
    fail(process)
    complete(process)
    fail(process)
    assert not Pause.objects.exists()

    last = fail(process)

    pause = Pause.objects.get()
    assert (pause.process, pause.execution) == (process, last)
    assert pause.why == "It failed 2 times in a row."


def test_attempts_of_one_run_count_as_one_failure():
    process = ProcessFactory(pause_after_failures=2, max_retries=1, retry_delay=1)
    first = fail(process)
    retry = Execution.objects.get(retry_of=first)
    Execution.objects.filter(pk=retry.pk).cancel(reasons.CANCELLED)
    fail(process, trigger=Trigger.RETRY, retry_of=first, attempt=2)

    assert not Pause.objects.exists()


def test_failures_before_it_was_resumed_do_not_count_again():
    process = ProcessFactory(pause_after_failures=2)
    fail(process)
    fail(process)
    pausing.resume([process])

    fail(process)

    assert not Pause.objects.in_force().exists()
