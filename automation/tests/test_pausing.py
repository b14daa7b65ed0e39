"""What a pause holds, and what ends it."""

from datetime import UTC, datetime, timedelta

import pytest

from automation.engine.end import pausing
from automation.engine.run.claims import claim_next
from automation.engine.run.runner import run_execution
from automation.engine.start import due
from automation.engine.start.launch import launch
from automation.models import (
    Execution,
    MaintenanceWindow,
    Pause,
    Process,
    Status,
    Trigger,
    holds_now,
    reasons,
)
from automation.queue import schedules
from automation.testing import run
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


@pytest.fixture
def process() -> Process:
    return ProcessFactory(timezone="UTC", cron="* * * * *")


def claimed() -> list[int]:
    return [claim.execution.pk for claim in claim_next(9, node="here")]


def fail(process) -> Execution:
    execution = run(process)
    assert execution.status == Status.FAILED
    return execution


# Pausing and resuming


def test_pause_says_why_since_when_and_by_whom(process):
    sara = UserFactory(username="sara")

    assert pausing.pause([process], why=" repairs ", until=NOW + HOUR, by=sara) == 1

    pause = Pause.objects.get()
    assert (pause.process, pause.why, pause.by, pause.by_name) == (
        process,
        "repairs",
        sara,
        "sara",
    )
    assert (pause.since, pause.until, pause.execution) == (NOW, NOW + HOUR, None)


@pytest.mark.parametrize("wrong", [{"why": " "}, {"why": "x", "until": NOW}])
def test_pause_without_a_reason_or_with_a_past_end_is_refused(process, wrong):
    with pytest.raises(pausing.PauseError):
        pausing.pause([process], **wrong)

    assert not Pause.objects.exists()


def test_pausing_what_is_paused_changes_nothing(process):
    pausing.pause([process], why="repairs")

    assert pausing.pause([process], why="again") == 0
    assert Pause.objects.get().why == "repairs"


def test_resuming_ends_the_pauses_of_these_alone_and_says_who(process):
    pausing.pause([process, ProcessFactory()], why="repairs")
    pausing.pause(None, why="moving house")

    assert pausing.resume([process], by=UserFactory(username="omid")) == 1

    assert Pause.objects.get(process=process).ended_by_name == "omid"
    assert Pause.objects.in_force().count() == 2
    assert pausing.resume([process]) == 0


def test_pause_of_everything_is_ended_by_itself_alone(process):
    pausing.pause([process], why="repairs")
    pausing.pause(None, why="moving house")

    assert pausing.resume(None, by_name="sara (terminal)") == 1

    assert Pause.objects.in_force().get().process == process
    assert Pause.objects.get(process=None).ended_by_name == "sara (terminal)"


# What is held


@pytest.mark.parametrize("everything", [True, False])
def test_occurrences_of_a_paused_process_are_skipped_and_share_a_row(
    process, everything, time_machine
):
    pausing.pause(None if everything else [process], why="repairs")

    for minute in (1, 2, 3):
        time_machine.move_to(NOW + timedelta(minutes=minute), tick=False)
        due.start_due()

    row = Execution.objects.get()
    reason = reasons.ALL_PAUSED if everything else reasons.PAUSED
    assert (row.status, row.reason, row.occurrences) == (Status.SKIPPED, reason, 3)
    assert row.reason_in_words.endswith("paused by the system: repairs")


def test_occurrences_after_the_end_of_a_pause_start_again(process, time_machine):
    pausing.pause([process], why="repairs", until=NOW + timedelta(minutes=2))

    for minute in (1, 3):
        time_machine.move_to(NOW + timedelta(minutes=minute), tick=False)
        due.start_due()

    statuses = Execution.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.SKIPPED, Status.PENDING]
    assert holds_now([process]) == {}


def test_occurrence_that_waits_when_its_process_is_paused_is_skipped_with_the_reason(process):
    execution = launch(process, trigger=Trigger.SCHEDULE, scheduled_for=NOW)
    pausing.pause([process], why="repairs", by=UserFactory(username="sara"))

    assert claimed() == []

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (Status.SKIPPED, reasons.PAUSED)
    assert execution.reason_in_words == "The process was paused by sara: repairs"


@pytest.mark.parametrize("everything", [True, False])
def test_retry_that_waits_is_held_until_its_process_is_resumed(process, everything):
    retry = ExecutionFactory(process=process, trigger=Trigger.RETRY)
    subject = None if everything else [process]
    pausing.pause(subject, why="repairs")
    assert claimed() == []

    pausing.resume(subject)

    assert claimed() == [retry.pk]


def test_retry_that_waits_is_let_go_by_the_end_of_the_pause(process, time_machine):
    retry = ExecutionFactory(process=process, trigger=Trigger.RETRY)
    pausing.pause([process], why="repairs", until=NOW + HOUR)
    assert claimed() == []

    time_machine.move_to(NOW + HOUR, tick=False)

    assert claimed() == [retry.pk]


def test_pause_leaves_what_runs(process):
    execution = ExecutionFactory(process=process, running=True)

    pausing.pause([process], why="repairs")

    execution.refresh_from_db()
    assert (execution.status, execution.cancel_requested_at) == (Status.RUNNING, None)


def test_what_a_person_starts_runs_though_it_is_paused(process):
    pausing.pause([process], why="repairs")
    pausing.pause(None, why="moving house")

    execution = launch(process, trigger=Trigger.MANUAL)

    assert claimed() == [execution.pk]


def test_paused_process_stays_due(process):
    before = schedules.next_run_of(process.pk)

    pausing.pause([process], why="repairs")

    assert schedules.next_run_of(process.pk) == before


# What holds many


def test_own_pause_says_more_than_that_of_everything_and_that_more_than_a_window(process):
    other, free = ProcessFactory(), ProcessFactory()
    window = MaintenanceWindow.objects.create(label="disks", starts_at=NOW, ends_at=NOW + HOUR)
    window.processes.set([process, other])
    found = holds_now([process, other, free])
    assert {pk: hold.reason for pk, hold in found.items()} == {
        process.pk: reasons.MAINTENANCE,
        other.pk: reasons.MAINTENANCE,
    }

    pausing.pause(None, why="moving house")
    pausing.pause([process], why="repairs")

    found = holds_now([process, other, free])
    assert [found[one.pk].reason for one in (process, other, free)] == [
        reasons.PAUSED,
        reasons.ALL_PAUSED,
        reasons.ALL_PAUSED,
    ]


def test_window_that_names_no_process_holds_all(process):
    MaintenanceWindow.objects.create(label="disks", starts_at=NOW, ends_at=NOW + HOUR)

    assert holds_now([process])[process.pk].in_words == "Maintenance: disks"


def test_holds_of_many_are_a_constant_number_of_statements(django_assert_num_queries):
    processes = ProcessFactory.create_batch(5)
    pausing.pause(processes[:3], why="repairs")
    for process in processes:
        window = MaintenanceWindow.objects.create(label="x", starts_at=NOW, ends_at=NOW + HOUR)
        window.processes.add(process)

    with django_assert_num_queries(3):
        assert len(holds_now(processes)) == 5


# Pausing by itself


@pytest.fixture
def failing() -> Process:
    return ProcessFactory(function="probes.write_then_raise", pause_after_failures=2)


def test_process_pauses_by_itself_after_so_many_failures_in_a_row(failing):
    fail(failing)
    assert not Pause.objects.exists()

    last = fail(failing)

    pause = Pause.objects.get()
    assert (pause.process, pause.execution, pause.until) == (failing, last, None)
    assert pause.why_in_words == "It failed 2 times in a row."
    assert holds_now([failing])[failing.pk].failure == last.pk


def test_run_that_completes_begins_the_count_again(failing):
    fail(failing)
    Process.objects.update(function="probes.greet")
    run(Process.objects.get())
    Process.objects.update(function="probes.write_then_raise")

    fail(Process.objects.get())

    assert not Pause.objects.exists()


def test_runs_are_counted_and_not_their_attempts(failing):
    failing.max_retries, failing.retry_delay = 1, 1
    failing.save()

    for _ in range(2):
        first = run(failing)
        assert not Pause.objects.exists()
        Execution.objects.filter(retry_of=first).update(available_at=NOW)
        run_waiting()

    assert Pause.objects.get().execution.attempt == 2


def run_waiting() -> None:
    for pk in Execution.objects.filter(status=Status.PENDING).values_list("pk", flat=True):
        run_execution(pk)


def test_failures_are_counted_from_the_last_resume_on(failing, time_machine):
    fail(failing)
    fail(failing)
    time_machine.move_to(NOW + HOUR, tick=False)
    pausing.resume([failing])
    time_machine.move_to(NOW + 2 * HOUR, tick=False)

    fail(failing)
    assert not Pause.objects.in_force().exists()
    fail(failing)

    assert Pause.objects.in_force().exists()


def test_failure_of_a_run_by_hand_while_it_is_paused_makes_no_second_pause(failing):
    for _ in range(4):
        fail(failing)

    assert Pause.objects.count() == 1
