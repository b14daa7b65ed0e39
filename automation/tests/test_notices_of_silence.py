"""Notices about processes that did not start: about which, and when."""

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django_q.models import Schedule

from automation.cluster.clock import Clock
from automation.engine.end import notices, pausing
from automation.engine.run.runner import run_execution
from automation.engine.start import due
from automation.models import (
    CatchUp,
    Execution,
    MaintenanceWindow,
    Notice,
    NoticeEvent,
    OverlapPolicy,
    Process,
    Status,
)
from automation.testing import run
from automation.tests.factories import ProcessFactory
from automation.tests.races import at_once

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def somebody_to_tell(settings, time_machine):
    time_machine.move_to(NOW, tick=False)
    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": ["sara@example.org"]}
    Process.objects.all().delete()


def hourly(**fields) -> Process:
    return ProcessFactory(timezone="UTC", cron="0 * * * *", **fields)


def events() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("event", flat=True))


def test_process_that_nobody_queued_is_told_late_once(time_machine):
    process = hourly()
    notices.about_silence()
    assert events() == []
    time_machine.move_to(Schedule.objects.get().next_run + timedelta(seconds=60), tick=False)

    notices.about_silence()
    notices.about_silence()

    notice = Notice.objects.get()
    assert (notice.event, notice.process, notice.execution_id) == (NoticeEvent.LATE, process, None)
    assert str(notice) == process.name


def test_process_that_no_worker_took_is_told_late_with_its_execution_until_it_ran(time_machine):
    hourly()
    time_machine.move_to(NOW + HOUR, tick=False)
    due.start_due()
    time_machine.move_to(NOW + HOUR + timedelta(minutes=1), tick=False)
    notices.about_silence()
    execution = Execution.objects.get()
    assert Notice.objects.get().execution == execution

    run_execution(execution.pk)
    notices.about_silence()

    assert events() == [NoticeEvent.LATE, NoticeEvent.RECOVERED]


def test_first_of_several_that_are_late_is_no_recovery(time_machine):
    hourly(overlap_policy=OverlapPolicy.WAIT)
    for hours in (1, 2):
        time_machine.move_to(NOW + hours * HOUR, tick=False)
        due.start_due()
    time_machine.move_to(NOW + 3 * HOUR - timedelta(minutes=10), tick=False)
    notices.about_silence()
    first, second = Execution.objects.order_by("pk")

    run_execution(first.pk)
    notices.about_silence()
    assert events() == [NoticeEvent.LATE]
    run_execution(second.pk)

    assert events() == [NoticeEvent.LATE, NoticeEvent.RECOVERED]


def test_what_was_missed_is_told_once_for_each_stretch(time_machine):
    process = hourly(catch_up=CatchUp.NONE)
    time_machine.move_to(NOW + 2.9 * HOUR, tick=False)
    due.start_due()
    missed = Execution.objects.get(status=Status.MISSED)

    notices.about_silence()
    notices.about_silence()
    assert Notice.objects.get().execution == missed
    run(process)
    notices.about_silence()

    assert events() == [NoticeEvent.MISSED, NoticeEvent.RECOVERED]
    time_machine.move_to(NOW + 5.9 * HOUR, tick=False)
    due.start_due()
    notices.about_silence()
    assert events()[2:] == [NoticeEvent.MISSED]


def test_what_is_caught_up_is_not_told(time_machine):
    hourly()
    time_machine.move_to(NOW + 3 * HOUR, tick=False)
    due.start_due()

    notices.about_silence()

    assert events() == []


@pytest.mark.parametrize("how", ["paused", "all paused", "off", "window"])
def test_nothing_is_told_of_what_is_off_paused_or_maintained(time_machine, how):
    process = hourly(catch_up=CatchUp.NONE)
    late = hourly()
    time_machine.move_to(NOW + 2.9 * HOUR, tick=False)
    due.account_for(process.pk)
    assert Execution.objects.get().status == Status.MISSED
    if how == "off":
        Process.objects.disable()
    elif how == "window":
        span = {"starts_at": NOW, "ends_at": NOW + 4 * HOUR}
        MaintenanceWindow.objects.create(label="disks", **span)
    else:
        pausing.pause(None if how == "all paused" else [process, late], why="repairs")

    notices.about_silence()

    assert events() == []


def test_nothing_is_recorded_where_nobody_is_to_be_told(settings, time_machine):
    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": []}
    hourly()
    time_machine.move_to(NOW + 2 * HOUR, tick=False)

    notices.about_silence()

    assert events() == []


def test_number_of_statements_does_not_grow_where_all_is_well(django_assert_num_queries):
    for _ in range(5):
        hourly()

    with django_assert_num_queries(1):
        notices.about_silence()


def test_failure_after_a_lateness_is_told_as_ever(time_machine):
    hourly(function="probes.write_then_raise")
    time_machine.move_to(NOW + HOUR, tick=False)
    due.start_due()
    time_machine.move_to(NOW + HOUR + timedelta(minutes=1), tick=False)
    notices.about_silence()

    run_execution(Execution.objects.get().pk)
    notices.about_silence()

    assert events() == [NoticeEvent.LATE, NoticeEvent.FAILED]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_many_nodes_at_once_one_tells(time_machine):
    hourly()
    time_machine.move_to(NOW + 2 * HOUR, tick=False)

    at_once(*[notices.about_silence] * 6)

    assert events() == [NoticeEvent.LATE]


def test_clock_looks_at_it_now_and_then(monkeypatch):
    looks: list[None] = []
    monkeypatch.setattr("automation.cluster.clock.Wakeup", mock.Mock())
    monkeypatch.setattr(notices, "about_silence", lambda: looks.append(None))
    ours = Clock(mock.Mock())

    ours._keep_house()
    ours._keep_house()

    assert len(looks) == 1
