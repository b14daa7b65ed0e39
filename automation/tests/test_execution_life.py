"""The life of an execution: no sequence of changes leaves its table."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.models import ENTERED_FROM, FINAL, Execution, Slot, Status, claiming
from automation.tests.factories import ExecutionFactory, ProcessFactory

pytestmark = pytest.mark.django_db

TOKEN = uuid4()


def start(rows):
    slots = {rows.values_list("pk", flat=True).get(): Slot(0, token=TOKEN)}
    lease = timedelta(minutes=1)
    before = rows.filter(status=Status.RUNNING).count()
    return len(claiming.start(node="here", release="", lease=lease, slots=slots)) - before


def finish(status):
    return lambda rows: claiming.finish(rows.get().pk, status, token=TOKEN)


CHANGES = {
    Status.PENDING: lambda rows: rows.give_back([TOKEN]),
    Status.RUNNING: start,
    Status.COMPLETED: finish(Status.COMPLETED),
    Status.FAILED: finish(Status.FAILED),
    Status.TIMED_OUT: finish(Status.TIMED_OUT),
    Status.CANCELLED: finish(Status.CANCELLED),
    Status.LOST: lambda rows: rows.lose("lease_expired"),
    Status.SKIPPED: lambda rows: rows.skip("disabled"),
}


def test_final_statuses_are_those_that_nothing_leaves():
    assert {*FINAL} == {
        Status.COMPLETED,
        Status.FAILED,
        Status.TIMED_OUT,
        Status.CANCELLED,
        Status.LOST,
        Status.SKIPPED,
        Status.MISSED,
    }


@given(st.lists(st.sampled_from(list(CHANGES)), max_size=8))
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_status_changes_exactly_as_the_table_says(changes):
    execution = ExecutionFactory(process=None)
    rows = Execution.objects.filter(pk=execution.pk)
    status = Status.PENDING

    for wanted in changes:
        held = status == Status.RUNNING or wanted in {Status.RUNNING, Status.LOST, Status.SKIPPED}
        allowed = status in ENTERED_FROM[wanted] and held

        assert CHANGES[wanted](rows) == int(allowed)

        status = wanted if allowed else status
        execution.refresh_from_db()
        assert execution.status == status
        assert (execution.completed_at is not None) == (status in FINAL)
        assert (execution.slot is not None) == (status == Status.RUNNING)


def test_finish_with_another_token_changes_nothing():
    execution = ExecutionFactory(running=True)

    assert not claiming.finish(execution.pk, Status.COMPLETED, token=uuid4())

    execution.refresh_from_db()
    assert execution.status == Status.RUNNING


def refused_by(name):
    """The database itself says no; a savepoint keeps the test's transaction usable."""
    return pytest.raises(IntegrityError, match=name)


def test_database_refuses_an_end_time_on_a_row_that_has_not_ended():
    with refused_by("execution_completed_at_exactly_when_final"), transaction.atomic():
        ExecutionFactory(completed_at=timezone.now())


def test_database_refuses_a_final_row_without_an_end_time():
    with refused_by("execution_completed_at_exactly_when_final"), transaction.atomic():
        ExecutionFactory(status=Status.FAILED)


def test_database_refuses_a_running_row_that_nobody_claimed():
    with refused_by("execution_running_is_claimed"), transaction.atomic():
        ExecutionFactory(status=Status.RUNNING)


def test_database_refuses_an_unknown_status():
    with refused_by("execution_completed_at_exactly_when_final"), transaction.atomic():
        ExecutionFactory(status="paused")


def test_database_refuses_two_running_executions_in_one_slot():
    process = ProcessFactory()
    ExecutionFactory(process=process, running=True)

    with pytest.raises(IntegrityError), transaction.atomic():
        ExecutionFactory(process=process, running=True)


def test_database_refuses_two_executions_of_one_occurrence():
    process, due = ProcessFactory(), timezone.now()
    ExecutionFactory(process=process, trigger="schedule", scheduled_for=due)

    with pytest.raises(IntegrityError), transaction.atomic():
        ExecutionFactory(process=process, trigger="schedule", scheduled_for=due)


def test_history_outlives_its_process():
    execution = ExecutionFactory(completed=True)

    execution.process.delete()

    execution.refresh_from_db()
    assert (execution.process, execution.process_name != "") == (None, True)
