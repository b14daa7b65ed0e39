from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django_q.models import OrmQ

from automation import registry
from automation.engine.start.launch import launch
from automation.models import Execution, OverlapPolicy, Process, Status, Trigger, reasons
from automation.parameters import ParameterError
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory
from automation.tests.races import at_once

DUE = datetime(2026, 11, 22, 4, tzinfo=UTC)


@pytest.mark.django_db
def test_launch_records_who_asked_and_queues_the_execution():
    process, person = ProcessFactory(parameters={"name": "Sara"}), UserFactory(username="reza")

    execution = launch(
        process, trigger=Trigger.MANUAL, requested_by=person, note="again", parameters={"times": 2}
    )

    execution.refresh_from_db()
    assert execution.status == Status.PENDING
    assert execution.parameters == {"name": "Sara", "times": 2}
    assert (execution.requested_by, execution.requested_by_name) == (person, "reza")
    assert execution.note == "again"
    message = OrmQ.objects.get()
    assert execution.message == message.pk
    assert message.args() == (execution.pk,)
    assert message.lock == execution.available_at


@pytest.mark.django_db
def test_launch_that_is_rolled_back_leaves_neither_record_nor_message(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no queue")

    monkeypatch.setattr("automation.queue.messages.async_task", fail)

    with pytest.raises(RuntimeError):
        launch(ProcessFactory(), trigger=Trigger.MANUAL)

    assert not Execution.objects.exists()
    assert not OrmQ.objects.exists()


@pytest.mark.django_db
def test_launch_while_one_waits_is_skipped_and_names_it():
    process = ProcessFactory()
    first = launch(process, trigger=Trigger.MANUAL)

    second = launch(process, trigger=Trigger.MANUAL)

    assert (second.status, second.reason) == (Status.SKIPPED, reasons.STILL_RUNNING)
    assert second.reason_data == {"execution": first.pk}
    assert f"Execution {first.pk} had not ended yet" in reasons.in_words(
        second.reason, second.reason_data
    )
    assert OrmQ.objects.count() == 1


@pytest.mark.django_db
def test_launch_up_to_max_concurrency_is_not_skipped():
    process = ProcessFactory(max_concurrency=2)

    statuses = [launch(process, trigger=Trigger.MANUAL).status for _ in range(3)]

    assert statuses == [Status.PENDING, Status.PENDING, Status.SKIPPED]


@pytest.mark.django_db
def test_launch_of_a_process_whose_starts_wait_is_queued_behind_the_running_one():
    process = ProcessFactory(overlap_policy=OverlapPolicy.WAIT)
    ExecutionFactory(process=process, running=True)

    assert launch(process, trigger=Trigger.MANUAL).status == Status.PENDING


@pytest.mark.django_db
def test_launch_after_a_dead_worker_marks_its_execution_lost_and_starts():
    process = ProcessFactory()
    dead = ExecutionFactory(process=process, running=True, lease_until=DUE)

    execution = launch(process, trigger=Trigger.MANUAL)

    dead.refresh_from_db()
    assert (dead.status, dead.reason) == (Status.LOST, reasons.LEASE_EXPIRED)
    assert execution.status == Status.PENDING


@pytest.mark.django_db
def test_launch_of_an_occurrence_a_second_time_returns_the_same_execution():
    process = ProcessFactory(cron="0 * * * *")

    first = launch(process, trigger=Trigger.SCHEDULE, scheduled_for=DUE)
    second = launch(process, trigger=Trigger.SCHEDULE, scheduled_for=DUE)

    assert first == second
    assert OrmQ.objects.count() == 1


@pytest.mark.django_db
def test_launch_of_a_function_that_is_gone_is_skipped_with_that_reason():
    process = ProcessFactory()
    Process.objects.filter(pk=process.pk).update(function="probes.removed")

    execution = launch(process, trigger=Trigger.MANUAL)

    assert (execution.status, execution.reason) == (Status.SKIPPED, reasons.FUNCTION_GONE)
    assert "probes.removed is not in the code that was running" in reasons.in_words(
        execution.reason, execution.reason_data
    )


@pytest.mark.django_db
def test_occurrences_skipped_for_one_lasting_reason_share_a_row():
    process = ProcessFactory(cron="0 * * * *")
    Process.objects.filter(pk=process.pk).update(function="probes.removed")
    hours = [DUE + timedelta(hours=hour) for hour in range(4)]

    rows = {launch(process, trigger=Trigger.SCHEDULE, scheduled_for=hour).pk for hour in hours}
    again = launch(process, trigger=Trigger.SCHEDULE, scheduled_for=hours[2])

    execution = Execution.objects.get()
    assert rows == {execution.pk, again.pk}
    assert (execution.scheduled_for, execution.scheduled_until) == (hours[0], hours[-1])
    assert execution.occurrences == 4


@pytest.mark.django_db
def test_parameters_that_a_person_gave_and_do_not_fit_are_refused_without_a_row():
    with pytest.raises(ParameterError, match="times: Enter a whole number"):
        launch(ProcessFactory(), trigger=Trigger.MANUAL, parameters={"times": "many"})

    assert not Execution.objects.exists()


@pytest.mark.django_db
def test_stored_parameters_that_no_longer_fit_are_recorded_for_a_schedule():
    process = ProcessFactory(cron="0 * * * *", parameters={"removed": 1})

    execution = launch(process, trigger=Trigger.SCHEDULE, scheduled_for=DUE)

    assert (execution.status, execution.reason) == (Status.SKIPPED, reasons.PARAMETERS_REFUSED)
    assert "There is no parameter 'removed'" in reasons.in_words(
        execution.reason, execution.reason_data
    )


@pytest.mark.django_db(transaction=True)
def test_launch_by_many_people_at_once_starts_one_and_skips_the_others():
    process = ProcessFactory()

    at_once(*[partial(launch, process, trigger=Trigger.MANUAL)] * 6)

    statuses = sorted(Execution.objects.values_list("status", flat=True))
    assert statuses == [Status.PENDING] + [Status.SKIPPED] * 5
    assert OrmQ.objects.count() == 1


def test_probes_are_registered():
    assert registry.get("probes.greet")
