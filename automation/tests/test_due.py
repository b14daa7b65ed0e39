from datetime import UTC, datetime, timedelta

import pytest
from django_q.models import OrmQ, Schedule

from automation.engine.start import due
from automation.engine.start.launch import launch
from automation.engine.upkeep import repairing
from automation.limits import ON_TIME
from automation.models import (
    CatchUp,
    Execution,
    MaintenanceWindow,
    Process,
    ScheduleVersion,
    Status,
    Trigger,
    coming,
    reasons,
)
from automation.queue import schedules
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("statements")]

START = datetime(2026, 11, 22, 6, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(START, tick=False)
    Process.objects.all().delete()


def due_at(minute: int, hour: int = 6) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


def test_tick_starts_each_occurrence_once_when_it_is_due(time_machine):
    ProcessFactory(timezone="UTC", cron="* * * * *", max_concurrency=9)

    for minute in (1, 2, 3):
        time_machine.move_to(due_at(minute), tick=False)
        due.tick()
        due.tick()

    found = Execution.objects.order_by("id").values_list("scheduled_for", "status", "trigger")
    assert list(found) == [
        (due_at(minute), Status.PENDING, Trigger.SCHEDULE) for minute in (1, 2, 3)
    ]
    assert Schedule.objects.get().next_run == due_at(4)


def test_tick_before_anything_is_due_starts_nothing():
    ProcessFactory(timezone="UTC", cron="* * * * *")

    due.tick()

    assert not Execution.objects.exists()


def test_occurrence_that_passed_while_nothing_ran_is_started_once(time_machine):
    process = ProcessFactory(timezone="UTC", cron="0 * * * *")

    time_machine.move_to(due_at(20, hour=10), tick=False)
    due.tick()
    due.tick()

    missed, started = Execution.objects.order_by("id")
    assert (missed.status, missed.reason) == (Status.MISSED, reasons.NOTHING_RUNNING)
    assert (missed.scheduled_for, missed.scheduled_until) == (due_at(0, 7), due_at(0, 9))
    assert missed.occurrences == 3
    assert (started.status, started.scheduled_for) == (Status.PENDING, due_at(0, 10))
    assert coming(process).next_run == due_at(0, 11)


def test_process_that_catches_nothing_up_records_what_passed_as_missed(time_machine):
    ProcessFactory(timezone="UTC", cron="0 * * * *", catch_up=CatchUp.NONE)

    time_machine.move_to(due_at(20, hour=7), tick=False)
    due.tick()

    execution = Execution.objects.get()
    assert (execution.status, execution.scheduled_for) == (Status.MISSED, due_at(0, 7))
    assert execution.scheduled_until is None


def test_process_that_catches_nothing_up_still_starts_on_time(time_machine):
    ProcessFactory(timezone="UTC", cron="0 * * * *", catch_up=CatchUp.NONE)

    time_machine.move_to(due_at(0, hour=7) + timedelta(seconds=ON_TIME), tick=False)
    due.tick()

    assert Execution.objects.get().status == Status.PENDING


def test_process_that_cannot_be_launched_does_not_stop_the_others(time_machine, monkeypatch):
    first, second = (
        ProcessFactory(timezone="UTC", cron="1 * * * *"),
        ProcessFactory(timezone="UTC", cron="1 * * * *"),
    )

    def fail_for_the_first(process, **options):
        if process == first:
            raise RuntimeError("out of order")
        return launch(process, **options)

    monkeypatch.setattr(due, "launch_locked", fail_for_the_first)
    time_machine.move_to(due_at(1), tick=False)

    due.tick()

    assert [e.process for e in Execution.objects.all()] == [second]
    # What was rolled back stays due: the next tick starts it.
    monkeypatch.undo()
    due.tick()
    assert {e.process for e in Execution.objects.all()} == {first, second}


def test_process_whose_function_is_gone_is_skipped_and_the_rest_go_on(time_machine):
    broken, fine = (
        ProcessFactory(timezone="UTC", cron="1 * * * *"),
        ProcessFactory(timezone="UTC", cron="1 * * * *"),
    )
    Process.objects.filter(pk=broken.pk).update(function="probes.removed")
    time_machine.move_to(due_at(1), tick=False)

    due.tick()

    statuses = {e.process: (e.status, e.reason) for e in Execution.objects.all()}
    assert statuses == {
        broken: (Status.SKIPPED, reasons.FUNCTION_GONE),
        fine: (Status.PENDING, ""),
    }


def test_process_whose_default_rule_went_with_its_function_is_skipped_when_it_was_due(time_machine):
    process = ProcessFactory(
        function="tasks.reschedule_remaining_tasks", trigger_type="time_based", timezone="UTC"
    )
    Process.objects.filter(pk=process.pk).update(function="tasks.removed")

    repairing.repair_all()
    time_machine.move_to(due_at(30, hour=7), tick=False)
    due.tick()

    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == (Status.SKIPPED, reasons.FUNCTION_GONE)
    assert execution.scheduled_for == due_at(30, hour=7)


def test_process_whose_zone_is_gone_has_that_recorded_and_the_rest_go_on(time_machine):
    broken, fine = (
        ProcessFactory(timezone="UTC", cron="1 * * * *"),
        ProcessFactory(timezone="UTC", cron="1 * * * *"),
    )
    Process.objects.filter(pk=broken.pk).update(timezone="Mars/Olympus")
    time_machine.move_to(due_at(1), tick=False)

    due.tick()

    assert Execution.objects.get(status=Status.PENDING).process == fine
    dropped = Execution.objects.get(status=Status.SKIPPED)
    assert (dropped.process, dropped.reason) == (broken, reasons.RULE_UNREADABLE)
    assert "There is no time zone 'Mars/Olympus'." in dropped.reason_in_words


def test_tick_marks_executions_of_dead_workers_lost_by_the_clock_of_the_database():
    past, future = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
    dead = ExecutionFactory(running=True, lease_until=past)
    orphan = ExecutionFactory(process=None, running=True, lease_until=past)
    alive = ExecutionFactory(running=True, lease_until=future)

    due.tick()

    assert set(Execution.objects.filter(status=Status.LOST)) == {dead, orphan}
    assert Execution.objects.get(status=Status.RUNNING) == alive


def test_tick_queues_a_pending_execution_whose_message_is_gone():
    execution = ExecutionFactory(message=12345)

    due.tick()
    due.tick()

    message = OrmQ.objects.get()
    execution.refresh_from_db()
    assert execution.message == message.pk


def fired_by_django_q(process, at):
    """What its scheduler does with a due row."""
    row = Schedule.objects.get()
    row.next_run = row.calculate_next_run(at)
    row.save()
    rule = str(process.rule)
    due.start_occurrence(process.pk, scheduled_for=at.isoformat(), rule=rule)


def test_schedule_row_fired_by_django_q_itself_starts_the_occurrence_and_moves_on(time_machine):
    process = ProcessFactory(timezone="UTC", cron="30 * * * *")
    time_machine.move_to(due_at(30), tick=False)

    fired_by_django_q(process, due_at(30))
    due.tick()

    assert Execution.objects.get().scheduled_for == due_at(30)
    assert Schedule.objects.get().next_run == due_at(30, 7)


def test_occurrence_of_a_rule_that_was_changed_since_is_missed_with_that_reason(time_machine):
    process = ProcessFactory(timezone="UTC", cron="*/10 * * * *")
    time_machine.move_to(due_at(31), tick=False)
    Schedule.objects.update(next_run=due_at(40))  # django-q2 fired it at 6:10
    process.cron = "45 * * * *"
    process.save()

    due.start_occurrence(process.pk, scheduled_for=due_at(10).isoformat(), rule="what it was")

    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == (Status.MISSED, reasons.RULE_CHANGED)
    assert (execution.scheduled_for, execution.scheduled_until) == (due_at(10), due_at(30))
    assert execution.occurrences == 3


def test_occurrence_that_django_q_fired_before_its_process_was_switched_off_is_recorded(
    time_machine,
):
    process = ProcessFactory(timezone="UTC", cron="30 * * * *")
    time_machine.move_to(due_at(31), tick=False)
    Schedule.objects.update(next_run=due_at(30, 7))
    Process.objects.disable()

    due.start_occurrence(process.pk, scheduled_for=due_at(30).isoformat())

    assert Execution.objects.get().reason == reasons.RULE_CHANGED


def test_late_message_of_a_rule_that_was_away_meanwhile_records_nothing_that_was_not_due(
    time_machine,
):
    process = ProcessFactory(timezone="UTC", cron="*/10 * * * *")
    time_machine.move_to(due_at(11), tick=False)
    Schedule.objects.update(next_run=due_at(20))
    Process.objects.disable()
    time_machine.move_to(due_at(41), tick=False)
    Process.objects.enable()

    due.start_occurrence(process.pk, scheduled_for=due_at(10).isoformat())

    assert [row.scheduled_for for row in Execution.objects.all()] == [due_at(10)]


def test_default_rule_that_changed_with_the_code_leaves_what_was_due_by_the_old_one_missed(
    time_machine, settings
):
    ProcessFactory(
        function="tasks.reschedule_remaining_tasks", trigger_type="time_based", timezone="UTC"
    )
    settings.RESCHEDULE_HOUR = 9
    time_machine.move_to(due_at(31, hour=7), tick=False)

    due.tick()

    execution = Execution.objects.get()
    assert (execution.scheduled_for, execution.reason) == (due_at(30, 7), reasons.RULE_CHANGED)
    assert Schedule.objects.get().next_run == due_at(30, hour=9)


def test_row_of_what_was_skipped_reaches_across_nothing_that_has_another_row(time_machine):
    process = ProcessFactory(timezone="UTC", cron="0 * * * *", catch_up=CatchUp.ALL)
    Process.objects.update(function="probes.removed")
    MaintenanceWindow.objects.create(label="move", starts_at=due_at(30, 7), ends_at=due_at(30, 8))
    time_machine.move_to(due_at(20, hour=9), tick=False)

    due.tick()

    rows = Execution.objects.filter(process=process).order_by("scheduled_for")
    found = rows.values_list("scheduled_for", "scheduled_until", "reason")
    assert list(found) == [
        (due_at(0, 7), None, reasons.FUNCTION_GONE),
        (due_at(0, 8), None, reasons.MAINTENANCE),
        (due_at(0, 9), None, reasons.FUNCTION_GONE),
    ]


def test_long_outage_of_a_process_with_a_latest_start_takes_two_rows(time_machine):
    ProcessFactory(timezone="UTC", cron="* * * * *", start_deadline=10)
    time_machine.move_to(START + timedelta(days=7, seconds=15), tick=False)

    due.tick()

    missed, late = Execution.objects.order_by("id")
    assert (missed.status, missed.occurrences) == (Status.MISSED, 7 * 24 * 60 - 1)
    assert (late.status, late.reason) == (Status.SKIPPED, reasons.TOO_LATE)


def test_edit_by_a_clock_that_is_behind_changes_nothing_of_what_has_been_started(time_machine):
    process = ProcessFactory(timezone="UTC", cron="0 * * * *")
    time_machine.move_to(due_at(0, hour=7), tick=False)
    due.tick()
    time_machine.move_to(due_at(59) + timedelta(seconds=59), tick=False)

    process.cron = "30 * * * *"
    process.save()

    assert ScheduleVersion.newest_of(process).valid_from == due_at(0, hour=7)


def test_what_was_due_already_counts_where_no_rule_had_been_written_down(time_machine):
    process = ProcessFactory(timezone="UTC", cron="0 * * * *")
    ScheduleVersion.objects.all().delete()
    time_machine.move_to(due_at(20, hour=7), tick=False)

    due.tick()

    assert Execution.objects.get().scheduled_for == due_at(0, 7)
    assert ScheduleVersion.newest_of(process).valid_from < due_at(0, 7)


def test_occurrence_of_a_process_that_was_deleted_starts_nothing():
    due.start_occurrence(999, scheduled_for=due_at(30).isoformat(), rule="30 * * * * UTC")

    assert not Execution.objects.exists()


def test_late_message_of_django_q_misses_only_what_has_no_row_yet(time_machine):
    process = ProcessFactory(timezone="UTC", cron="* * * * *", max_concurrency=9)
    launch(process, trigger=Trigger.SCHEDULE, scheduled_for=due_at(2))
    launch(process, trigger=Trigger.SCHEDULE, scheduled_for=due_at(5))
    time_machine.move_to(due_at(5), tick=False)

    due.account_for(process.pk, since=due_at(1))

    missed = Execution.objects.filter(status=Status.MISSED).order_by("scheduled_for")
    found = missed.values_list("scheduled_for", "scheduled_until", "occurrences")
    assert list(found) == [(due_at(1), None, 1), (due_at(3), due_at(4), 2)]


def test_long_outage_is_recorded_in_a_constant_number_of_statements(
    time_machine, django_assert_max_num_queries
):
    ProcessFactory(timezone="UTC", cron="* * * * *")
    time_machine.move_to(START + timedelta(days=7), tick=False)

    with django_assert_max_num_queries(40):
        due.tick()

    assert Execution.objects.get(status=Status.MISSED).occurrences == 7 * 24 * 60 - 1


def test_process_whose_default_rule_cannot_be_computed_harms_no_other(time_machine, settings):
    broken = ProcessFactory(function="tasks.reschedule_remaining_tasks", trigger_type="time_based")
    fine = ProcessFactory(timezone="UTC", cron="1 * * * *")
    del settings.RESCHEDULE_HOUR
    time_machine.move_to(due_at(1), tick=False)

    repairing.repair_all()
    due.tick()

    assert [execution.process for execution in Execution.objects.all()] == [fine]
    assert coming(broken).next_run is None
    assert "cannot be computed: AttributeError" in broken.schedule_in_words


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_many_nodes_start_each_occurrence_once_and_queue_what_was_forgotten_once(time_machine):
    for _ in range(5):
        ProcessFactory(timezone="UTC", cron="1 * * * *")
        ExecutionFactory(message=12345)
    time_machine.move_to(due_at(1), tick=False)

    at_once(*[due.tick] * 4)

    assert Execution.objects.filter(trigger=Trigger.SCHEDULE).count() == 5
    assert OrmQ.objects.count() == 10
    queued = Execution.objects.filter(status=Status.PENDING).values_list("message", flat=True)
    assert set(queued) == set(OrmQ.objects.values_list("pk", flat=True))


def test_due_lists_only_rows_of_processes():
    Schedule.objects.create(name="mine", func="builtins.print", next_run=START)

    assert schedules.due(START) == []
