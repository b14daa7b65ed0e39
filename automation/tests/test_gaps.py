from datetime import UTC, datetime, timedelta

import pytest

from automation.engine.end import pausing
from automation.engine.run.claims import claim_next
from automation.engine.run.runner import run
from automation.engine.start import due
from automation.engine.start.backfill import backfill
from automation.engine.start.launch import launch
from automation.models import Execution, Process, Trigger
from automation.reports.gaps import LONGEST, Gap, begin_of_gap, gap_of
from automation.reports.missed import plan
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def at(hour: int, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.fixture
def hourly(time_machine) -> Process:
    """An hourly process that ran at 6 and at 7."""
    time_machine.move_to(at(5), tick=False)
    Process.objects.all().delete()
    process = ProcessFactory(timezone="UTC", cron="0 * * * *")
    for hour in (6, 7):
        time_machine.move_to(at(hour), tick=False)
        tick_and_run()
    return process


def tick_and_run() -> None:
    due.tick()
    for held in claim_next(9, node="n"):
        run(held)


def test_process_that_ran_on_time_has_no_gap(hourly):
    assert gap_of(hourly) is None
    assert begin_of_gap(hourly) > at(7)


def test_workers_that_are_back_leave_a_gap_though_the_latest_was_caught_up(hourly, time_machine):
    time_machine.move_to(at(12) + HOUR / 2, tick=False)
    tick_and_run()

    assert gap_of(hourly) == Gap(4, at(8))
    assert plan(hourly, begin_of_gap(hourly), at(12)).offered == [at(8), at(9), at(10), at(11)]


def test_next_run_on_time_closes_the_gap(hourly, time_machine):
    time_machine.move_to(at(12) + HOUR / 2, tick=False)
    tick_and_run()
    time_machine.move_to(at(13), tick=False)
    due.tick()
    assert gap_of(hourly) is not None

    for held in claim_next(9, node="n"):
        run(held)

    assert gap_of(hourly) is None


def test_backfill_of_some_closes_the_gap(hourly, time_machine):
    time_machine.move_to(at(12) + HOUR / 2, tick=False)
    tick_and_run()

    backfill(hourly, [at(11)])

    assert gap_of(hourly) is None


def test_process_that_was_off_has_a_gap_once_it_is_on(hourly, time_machine):
    hourly.is_enabled = False
    hourly.save()
    time_machine.move_to(at(10) + HOUR / 2, tick=False)
    assert gap_of(hourly) is None

    hourly.is_enabled = True
    hourly.save()

    assert gap_of(hourly) == Gap(3, at(8))
    assert plan(hourly, begin_of_gap(hourly), at(11)).offered == [at(8), at(9), at(10)]


def test_process_that_is_switched_on_for_the_first_time_has_none(time_machine):
    time_machine.move_to(at(5), tick=False)
    process = ProcessFactory(timezone="UTC", cron="0 * * * *", is_enabled=False)
    time_machine.move_to(at(10), tick=False)

    process.is_enabled = True
    process.save()

    assert gap_of(process) is None


def test_paused_process_has_a_gap_once_it_is_resumed(hourly, time_machine):
    pausing.pause([hourly], why="repairs")
    for hour in (8, 9, 10):
        time_machine.move_to(at(hour), tick=False)
        due.tick()
    assert gap_of(hourly) is None

    pausing.resume([hourly])

    assert gap_of(hourly) == Gap(3, at(8))


def test_start_that_was_skipped_because_one_still_ran_is_no_gap(hourly, time_machine):
    time_machine.move_to(at(8), tick=False)
    due.tick()
    time_machine.move_to(at(9), tick=False)
    due.tick()

    assert Execution.objects.filter(status="skipped").exists()
    assert gap_of(hourly) is None


def test_edited_rule_is_no_gap(hourly):
    hourly.cron = "* * * * *"
    hourly.save()

    assert gap_of(hourly) is None


def test_process_by_hand_has_no_gap():
    assert gap_of(ProcessFactory()) is None


def test_what_runs_by_hand_closes_no_gap(hourly, time_machine):
    time_machine.move_to(at(12) + HOUR / 2, tick=False)
    tick_and_run()
    launch(hourly, trigger=Trigger.MANUAL)
    for held in claim_next(1, node="n"):
        run(held)

    assert gap_of(hourly) == Gap(4, at(8))


def test_nobody_looks_further_back_than_a_month(hourly, time_machine):
    time_machine.move_to(at(7) + 60 * DAY, tick=False)

    assert begin_of_gap(hourly) == at(7) + 60 * DAY - LONGEST


def test_number_of_queries_does_not_grow(hourly, time_machine, django_assert_num_queries):
    for day in (21, 22, 23):
        hourly.is_enabled = not hourly.is_enabled
        hourly.save()
        time_machine.move_to(at(0, day), tick=False)
    hourly.is_enabled = True
    hourly.save()

    with django_assert_num_queries(5):
        assert gap_of(hourly) is not None
