"""What state a process is in."""

from datetime import UTC, datetime, timedelta

import pytest
from django_q.models import Schedule

from automation.engine.end import pausing
from automation.engine.start import due
from automation.models import (
    CatchUp,
    Execution,
    Kind,
    MaintenanceWindow,
    Process,
    Status,
    Trigger,
    reasons,
)
from automation.reports.state import State, with_state
from automation.tests.factories import ExecutionFactory, ProcessFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


@pytest.fixture
def process() -> Process:
    return ProcessFactory(timezone="UTC", cron="1 * * * *")


def state() -> str:
    return with_state(Process.objects.all()).get().state


def ended(process, status, **fields):
    return ExecutionFactory(process=process, status=status, completed_at=NOW, **fields)


def test_process_is_new_until_a_run_of_it_ended(process):
    ExecutionFactory(process=process, running=True)
    ended(process, Status.SKIPPED)
    ended(process, Status.COMPLETED, kind=Kind.PREVIEW)
    assert state() == State.NEW

    ended(process, Status.COMPLETED)

    assert state() == State.UP


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.LOST])
def test_process_is_down_after_a_run_that_went_wrong_until_one_completes(process, status):
    ended(process, Status.COMPLETED)
    ended(process, status)
    assert state() == State.DOWN

    ended(process, Status.CANCELLED)
    assert state() == State.DOWN
    ended(process, Status.COMPLETED)
    assert state() == State.UP


def test_run_that_is_tried_again_does_not_make_it_down_yet(process):
    ended(process, Status.COMPLETED)
    first = ended(process, Status.FAILED)
    retry = ExecutionFactory(process=process, retry_of=first, trigger=Trigger.RETRY)
    assert state() == State.UP

    Execution.objects.filter(pk=retry.pk).update(status=Status.FAILED, completed_at=NOW)

    assert state() == State.DOWN


def test_process_is_down_where_its_newest_occurrence_was_missed(process, time_machine):
    Process.objects.update(catch_up=CatchUp.NONE)
    ended(process, Status.COMPLETED)
    time_machine.move_to(NOW + timedelta(hours=2), tick=False)
    due.start_due()
    assert state() == State.DOWN

    time_machine.move_to(NOW + timedelta(hours=2, minutes=1), tick=False)
    due.start_due()

    assert Execution.objects.first().status == Status.PENDING
    assert state() == State.UP


def test_process_is_not_down_while_what_it_missed_is_caught_up(process, time_machine):
    ended(process, Status.COMPLETED)
    time_machine.move_to(NOW + timedelta(hours=2), tick=False)
    due.start_due()

    assert Execution.objects.filter(status=Status.MISSED).exists()
    assert state() == State.UP


def test_occurrence_that_its_rule_dropped_does_not_make_it_down(process):
    missed = {"trigger": Trigger.SCHEDULE, "scheduled_for": NOW}
    ended(process, Status.MISSED, reason=reasons.RULE_CHANGED, **missed)

    assert state() == State.NEW


def test_process_is_late_when_nobody_queued_what_was_due(process, time_machine):
    at = Schedule.objects.get().next_run
    time_machine.move_to(at + timedelta(seconds=59), tick=False)
    assert state() == State.NEW

    time_machine.move_to(at + timedelta(seconds=60), tick=False)

    assert state() == State.LATE


def test_jitter_is_not_late(process, time_machine):
    Process.objects.update(jitter=90)
    at = Schedule.objects.get().next_run
    time_machine.move_to(at + timedelta(seconds=149), tick=False)
    assert state() == State.NEW

    time_machine.move_to(at + timedelta(seconds=150), tick=False)

    assert state() == State.LATE


def test_process_is_late_when_no_worker_took_what_was_queued(process, time_machine):
    at = Schedule.objects.get().next_run
    time_machine.move_to(at, tick=False)
    due.start_due()
    time_machine.move_to(at + timedelta(seconds=59), tick=False)
    assert state() == State.NEW

    time_machine.move_to(at + timedelta(seconds=60), tick=False)

    assert state() == State.LATE


def test_start_by_hand_or_a_retry_that_waits_is_not_late(process):
    past = NOW - timedelta(hours=1)
    ExecutionFactory(process=process, available_at=past)
    ExecutionFactory(process=process, available_at=past, trigger=Trigger.RETRY)

    assert state() == State.NEW


def test_process_that_is_down_is_not_called_late(process, time_machine):
    ended(process, Status.FAILED)
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)

    assert state() == State.DOWN


def test_paused_process_is_paused_whatever_it_was(process):
    ended(process, Status.FAILED)
    pausing.pause([process], why="repairs")
    assert state() == State.PAUSED

    pausing.resume([process])
    assert state() == State.DOWN
    pausing.pause(None, why="moving house")
    assert state() == State.PAUSED


def test_process_in_a_maintenance_window_is_paused(process):
    hour = timedelta(hours=1)
    window = MaintenanceWindow.objects.create(label="disks", starts_at=NOW, ends_at=NOW + hour)
    assert state() == State.PAUSED

    window.processes.add(ProcessFactory())
    assert with_state(Process.objects.filter(pk=process.pk)).get().state == State.NEW
    window.processes.add(process)
    assert with_state(Process.objects.filter(pk=process.pk)).get().state == State.PAUSED


def test_disabled_process_is_off_though_it_is_paused(process):
    pausing.pause([process], why="repairs")
    Process.objects.disable()

    assert state() == State.OFF


def test_states_of_many_processes_are_one_statement(django_assert_num_queries):
    for _ in range(5):
        ended(ProcessFactory(), Status.COMPLETED)

    with django_assert_num_queries(1):
        assert {process.state for process in with_state(Process.objects.all())} == {State.UP}
