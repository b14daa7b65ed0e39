"""Schedule rows that somebody deleted or changed, past every door."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django_q.models import OrmQ, Schedule

from automation.engine.end.recovery import requeue_forgotten
from automation.engine.start import due
from automation.engine.start.launch import launch
from automation.engine.upkeep import repairing
from automation.models import CatchUp, Execution, Process, ScheduleVersion, Status, Trigger, reasons
from automation.queue import repair
from automation.reports.ledger import prove
from automation.tests.factories import NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 6, 0, 30, tzinfo=UTC)


def at(minute: int) -> datetime:
    return datetime(2026, 11, 22, 6, minute, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_else(time_machine) -> None:
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


def every_minute(**columns) -> Process:
    return ProcessFactory(timezone="UTC", cron="* * * * *", **columns)


def rows_of(process: Process) -> list[tuple]:
    rows = Execution.objects.filter(process=process).order_by("pk")
    return [(row.status, row.scheduled_for, row.occurrences) for row in rows]


def repair_all() -> None:
    repairing.repair(repairing.all_ids())


def test_what_was_lost_with_a_row_is_accounted_for_and_the_latest_runs(time_machine, caplog):
    process, other = every_minute(), every_minute(catch_up=CatchUp.NONE)
    NodeFactory(started_at=NOW - timedelta(hours=1), seen_at=NOW + timedelta(hours=1))
    time_machine.move_to(at(1), tick=False)
    due.start_due()
    Execution.objects.update(status=Status.COMPLETED, completed_at=at(1))
    OrmQ.objects.all().delete()
    Schedule.objects.all().delete()
    time_machine.move_to(at(6) + timedelta(seconds=5), tick=False)
    assert not prove(process).is_sound

    with caplog.at_level(logging.WARNING):
        repair_all()

    done, missed, latest = ((Status.COMPLETED, at(1), 1), (Status.MISSED, at(2), 4), at(6))
    assert rows_of(process) == [done, missed, (Status.PENDING, latest, 1)]
    assert rows_of(other) == [done, missed, (Status.PENDING, latest, 1)]
    row = process.executions.get(status=Status.MISSED)
    assert (row.reason, row.reason_data["of"]) == (reasons.NOTHING_RUNNING, "schedule")
    assert "Its row in django-q2's table of schedules was gone until" in row.reason_in_words
    assert prove(process).is_sound
    assert set(Schedule.objects.values_list("next_run", flat=True)) == {at(7)}
    told = f"Schedule rows had vanished and are there again: {process}, {other}."
    assert told in caplog.messages


def test_row_that_vanished_and_lost_nothing_is_there_again(time_machine):
    process = every_minute()
    Schedule.objects.all().delete()

    repair_all()

    assert Schedule.objects.get().next_run == at(1)
    assert rows_of(process) == []


def test_row_that_vanished_before_an_edit_leaves_no_gap(time_machine):
    process = every_minute()
    Schedule.objects.all().delete()
    time_machine.move_to(at(3), tick=False)

    process.cron = "30 * * * *"
    process.save()

    assert rows_of(process) == [(Status.MISSED, at(1), 3)]
    assert process.executions.get().reason == reasons.RULE_CHANGED
    assert prove(process).is_sound


def test_process_that_is_switched_on_again_has_lost_nothing(time_machine):
    process = every_minute(is_enabled=False)
    time_machine.move_to(at(9), tick=False)

    process.is_enabled = True
    process.save()

    assert Schedule.objects.get().next_run == at(10)
    assert rows_of(process) == []


def test_rows_that_are_gone_are_found_in_one_statement(django_assert_num_queries):
    gone, _there = every_minute(), every_minute()
    ProcessFactory(timezone="UTC", cron="* * * * *", is_enabled=False)
    ProcessFactory()
    Schedule.objects.filter(name=f"process:{gone.pk}").delete()

    with django_assert_num_queries(1):
        assert repair.without_row() == [gone.pk]


def test_number_of_statements_does_not_grow_with_the_rows(django_assert_max_num_queries):
    ids = [every_minute().pk for _ in range(20)]
    with django_assert_max_num_queries(4):
        assert repair.out_of_step(ids) == []

    Schedule.objects.filter(name__in=[f"process:{pk}" for pk in ids[:10]]).delete()
    Schedule.objects.update(func="os.system")
    ScheduleVersion.objects.filter(process__in=ids[5:15]).delete()
    with django_assert_max_num_queries(14):
        changes = repair.put_right(repair.out_of_step(ids))

    assert len(changes) == 20
    assert repair.out_of_step(ids) == []
    assert ScheduleVersion.objects.filter(process__in=ids).count() == 20


def test_messages_that_are_gone_are_there_again_in_a_few_statements(
    django_assert_max_num_queries, caplog
):
    process = ProcessFactory(max_concurrency=99)
    executions = [launch(process, trigger=Trigger.MANUAL) for _ in range(20)]
    OrmQ.objects.all().delete()

    with caplog.at_level(logging.WARNING), django_assert_max_num_queries(12):
        assert requeue_forgotten() == 20

    assert OrmQ.objects.count() == len(executions)
    assert requeue_forgotten() == 0
    assert "The messages of 20 waiting executions were gone; there are new ones." in caplog.messages
