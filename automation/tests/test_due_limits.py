"""What the clock does with occurrences that are held, too late, or more than one."""

from datetime import UTC, datetime, timedelta

import pytest
from django_q.models import Schedule

from automation.engine.start import due
from automation.models import (
    Calendar,
    CatchUp,
    Execution,
    MaintenanceWindow,
    Node,
    Pause,
    Process,
    Status,
    reasons,
)
from automation.tests.factories import NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 22, 6, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(START, tick=False)
    Process.objects.all().delete()


@pytest.fixture
def tick_at(time_machine):
    def tick(hour: int, minute: int = 0) -> None:
        time_machine.move_to(due_at(hour, minute), tick=False)
        due.tick()

    return tick


def due_at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


def hourly(**options) -> Process:
    return ProcessFactory(**{"timezone": "UTC", "cron": "0 * * * *", **options})


def rows() -> list[tuple]:
    found = Execution.objects.order_by("id")
    return list(found.values_list("status", "reason", "scheduled_for", "occurrences"))


def test_occurrences_of_a_paused_process_share_a_skipped_row_that_says_why(tick_at):
    process = hourly()
    Pause.objects.create(process=process, why="the disk is full", by_name="sara")

    tick_at(7)
    tick_at(8)
    tick_at(10)

    (row,) = Execution.objects.all()
    assert (row.status, row.reason, row.occurrences) == (Status.SKIPPED, reasons.PAUSED, 4)
    assert (row.scheduled_for, row.scheduled_until) == (due_at(7), due_at(10))
    assert row.reason_in_words == "The process was paused by sara: the disk is full"


def test_pause_that_ended_while_nothing_ran_holds_only_what_fell_into_it(tick_at):
    process = hourly()
    Pause.objects.create(process=process, why="a while", since=due_at(7), until=due_at(9))

    tick_at(11, 30)

    assert rows() == [
        (Status.SKIPPED, reasons.PAUSED, due_at(7), 2),
        (Status.MISSED, reasons.NOTHING_RUNNING, due_at(9), 2),
        (Status.PENDING, "", due_at(11), 1),
    ]


def test_pause_of_everything_and_a_window_for_all_hold_every_process(tick_at):
    hourly()
    hourly()
    Pause.objects.create(why="we move house", since=due_at(7), until=due_at(8))
    MaintenanceWindow.objects.create(
        label="the database is upgraded", starts_at=due_at(8), ends_at=due_at(9)
    )

    tick_at(7)
    tick_at(8)
    tick_at(9)

    found = Execution.objects.order_by("scheduled_for").values_list("status", "reason")
    assert list(found) == [
        *[(Status.SKIPPED, reasons.ALL_PAUSED)] * 2,
        *[(Status.SKIPPED, reasons.MAINTENANCE)] * 2,
        *[(Status.PENDING, "")] * 2,
    ]


def test_window_holds_only_the_processes_that_it_names(tick_at):
    held, free = hourly(), hourly()
    window = MaintenanceWindow.objects.create(
        label="upgrade", starts_at=due_at(7), ends_at=due_at(8)
    )
    window.processes.add(held)

    tick_at(7)

    statuses = {row.process: row.status for row in Execution.objects.all()}
    assert statuses == {held: Status.SKIPPED, free: Status.PENDING}


def test_all_that_passed_is_caught_up_in_order_within_the_limit(tick_at):
    hourly(catch_up=CatchUp.ALL, catch_up_limit=3)

    tick_at(12, 10)

    assert rows() == [
        (Status.MISSED, reasons.NOTHING_RUNNING, due_at(7), 3),
        (Status.PENDING, "", due_at(10), 1),
        (Status.PENDING, "", due_at(11), 1),
        (Status.PENDING, "", due_at(12), 1),
    ]


def test_what_is_too_late_to_start_is_skipped_with_the_lateness(tick_at):
    hourly(start_deadline=600)

    tick_at(9, 11)

    assert rows() == [
        (Status.MISSED, reasons.NOTHING_RUNNING, due_at(7), 2),
        (Status.SKIPPED, reasons.TOO_LATE, due_at(9), 1),
    ]
    too_late = Execution.objects.get(status=Status.SKIPPED)
    assert too_late.reason_data == {"late": 660, "limit": 600}


def test_what_is_not_too_late_yet_is_started(tick_at):
    hourly(start_deadline=600)

    tick_at(9, 10)

    assert Execution.objects.get(status=Status.PENDING).scheduled_for == due_at(9)


def test_start_is_later_by_a_jitter_that_is_the_same_whenever_one_asks(tick_at):
    process = hourly(jitter=600)

    tick_at(7)

    execution = Execution.objects.get()
    assert execution.scheduled_for == due_at(7)
    assert execution.available_at == process.start_of(due_at(7))
    delays = {process.start_of(due_at(hour)) - due_at(hour) for hour in range(7, 20)}
    assert len(delays) > 5
    assert all(timedelta(0) <= delay <= timedelta(seconds=600) for delay in delays)


def test_missed_row_names_the_time_in_which_no_worker_was_running(tick_at):
    hourly(catch_up=CatchUp.NONE)
    NodeFactory(started_at=due_at(1), seen_at=due_at(6, 20), stopped_at=due_at(6, 20))
    NodeFactory(started_at=due_at(8, 30), seen_at=due_at(8, 31))

    tick_at(8, 31)

    row = Execution.objects.get()
    assert row.reason_data == {
        "since": due_at(6, 20).isoformat(),
        "until": due_at(8, 30).isoformat(),
    }
    assert "No worker was running from" in row.reason_in_words
    assert Node.objects.silences(due_at(1), due_at(2)) == []


def test_node_that_serves_another_queue_ends_no_silence(tick_at):
    hourly(catch_up=CatchUp.NONE)
    NodeFactory(started_at=due_at(1), seen_at=due_at(6, 20))
    NodeFactory(started_at=due_at(1), seen_at=due_at(8, 31), cluster="other", functions=[])
    NodeFactory(started_at=due_at(8, 30), seen_at=due_at(8, 31))

    tick_at(8, 31)

    assert Execution.objects.get().reason_data["since"] == due_at(6, 20).isoformat()


def test_missed_row_blames_no_silence_of_another_time(tick_at):
    """Whatever was before: its node was there all along."""
    hourly(catch_up=CatchUp.NONE)
    NodeFactory(started_at=due_at(1), seen_at=due_at(2), stopped_at=due_at(2))
    NodeFactory(started_at=due_at(3), seen_at=due_at(8, 31))

    tick_at(8, 31)

    row = Execution.objects.get()
    assert (row.occurrences, row.reason_data) == (2, {})
    assert row.reason_in_words == "Nothing was there to start it in time."


def test_missed_occurrences_are_told_apart_by_the_silences_they_fell_into(tick_at):
    hourly(catch_up=CatchUp.NONE)
    NodeFactory(started_at=due_at(1), seen_at=due_at(6, 20))
    NodeFactory(started_at=due_at(7, 30), seen_at=due_at(7, 40))
    NodeFactory(started_at=due_at(9, 30), seen_at=due_at(9, 31))

    tick_at(9, 31)

    found = Execution.objects.order_by("pk").values_list("occurrences", "reason_data__since")
    assert list(found) == [(1, due_at(6, 20).isoformat()), (2, due_at(7, 40).isoformat())]


def test_process_that_is_due_once_runs_once_and_is_then_parked(tick_at):
    ProcessFactory(trigger_type="time_based", schedule_kind="once", run_at=due_at(7))

    tick_at(7)
    tick_at(8)

    assert rows() == [(Status.PENDING, "", due_at(7), 1)]
    assert Schedule.objects.get().next_run is None


def test_process_that_is_due_every_so_often_follows_its_anchor(tick_at):
    ProcessFactory(
        trigger_type="time_based", schedule_kind="interval", every=45, anchor=due_at(6, 15)
    )

    tick_at(6, 15)
    tick_at(7)

    assert [row[2] for row in rows()] == [due_at(6, 15), due_at(7)]


def test_nothing_is_due_on_a_day_of_the_calendar(tick_at):
    calendar = Calendar.objects.create(name="holidays", days="2026-11-23 a holiday")
    process = hourly(cron="0 7 * * *", calendar=calendar)

    tick_at(7)

    assert Schedule.objects.get().next_run == due_at(7) + timedelta(days=2)
    calendar.days = "2026-11-24 another one"
    calendar.save()
    assert Schedule.objects.get().next_run == due_at(7) + timedelta(days=1)
    assert process.schedule_versions.count() == 2


def test_old_rule_holds_until_the_new_one_begins(tick_at):
    process = hourly(cron="0 7 * * *")
    old = process.rule
    process.cron, process.former_rule, process.rule_from = "0 9 * * *", old.as_json(), due_at(8)
    process.save()

    tick_at(7)
    tick_at(9)

    assert [row[2] for row in rows()] == [due_at(7), due_at(9)]
