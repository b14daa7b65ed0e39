"""Skipping the next start of a process: that one alone, with who and why, until it is taken back."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from automation.engine.end import pausing
from automation.engine.end.retrying import retry
from automation.engine.run.claims import claim_next
from automation.engine.start import due
from automation.models import Execution, Pause, Process, Status, Trigger, coming
from automation.queue import schedules
from automation.reports.explain import explain
from automation.reports.gaps import gap_of
from automation.reports.state import State, state_of
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEVEN, EIGHT = NOW + HOUR / 2, NOW + 3 * HOUR / 2


@pytest.fixture
def hourly(time_machine) -> Process:
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()
    NodeFactory()
    return ProcessFactory(name="hourly", cron="0 * * * *", timezone="UTC")


def skip(process: Process, **options) -> datetime:
    return pausing.skip_next(process, **{"why": "holiday", "by_name": "sara", **options})


def starts(process: Process) -> list[tuple]:
    rows = Execution.objects.filter(process=process, trigger=Trigger.SCHEDULE).order_by("pk")
    return list(rows.values_list("scheduled_for", "status", "reason"))


def test_next_start_alone_is_skipped_and_recorded_with_who_and_why(hourly, time_machine):
    assert skip(hourly) == SEVEN

    for at in (SEVEN, EIGHT):
        time_machine.move_to(at + timedelta(seconds=1), tick=False)
        due.start_due()

    assert starts(hourly) == [
        (SEVEN, Status.SKIPPED, "skipped_once"),
        (EIGHT, Status.PENDING, ""),
    ]
    row = Execution.objects.get(scheduled_for=SEVEN)
    assert row.reason_in_words == "sara chose to skip this one time: holiday"
    assert gap_of(hourly) is None


def test_next_start_is_skipped_though_it_is_caught_up_late(hourly, time_machine):
    skip(hourly)

    time_machine.move_to(EIGHT + timedelta(seconds=1), tick=False)
    due.start_due()

    assert [status for _at, status, _reason in starts(hourly)] == [Status.SKIPPED, Status.PENDING]


def test_process_goes_on_until_then_and_says_what_comes(hourly):
    skip(hourly)

    assert coming(hourly).next_run == EIGHT
    assert coming(hourly).hold is None
    assert state_of(hourly) == State.NEW
    assert schedules.next_run_of(hourly.pk) == SEVEN
    due_next = "Tue 2026-11-24 07:00 UTC; that start will be skipped. It starts next at Tue"
    assert due_next in explain(hourly).verdict.text
    assert explain(hourly, SEVEN).verdict.text == "sara chose to skip this one time: holiday"
    assert explain(hourly, EIGHT).verdict.code == "will_run"


def test_retry_does_not_wait_for_it(hourly):
    failed = ExecutionFactory(process=hourly, status=Status.FAILED, completed_at=NOW)
    skip(hourly)
    again = retry(failed)

    claimed = claim_next(1, node="test", lease=HOUR)

    assert [claim.execution.pk for claim in claimed] == [again.pk]


def test_asked_for_twice_it_skips_the_next_two(hourly):
    assert (skip(hourly), skip(hourly)) == (SEVEN, EIGHT)

    assert coming(hourly).next_run == EIGHT + HOUR


def test_resuming_takes_it_back(hourly):
    skip(hourly)

    assert pausing.resume([hourly], by_name="omid") == 1

    assert coming(hourly).next_run == SEVEN
    assert Pause.objects.get().ended_by_name == "omid"
    assert pausing.resume([hourly]) == 0


def test_what_cannot_be_skipped_is_refused(hourly):
    for process in (ProcessFactory(name="by-hand"), hourly):
        Process.objects.filter(pk=hourly.pk).update(is_enabled=False)
        with pytest.raises(pausing.PauseError, match="has no next time that could be skipped"):
            skip(process)
    Process.objects.filter(pk=hourly.pk).update(is_enabled=True)
    with pytest.raises(pausing.PauseError, match="Another time is the next one by now"):
        skip(hourly, at=EIGHT)
    with pytest.raises(pausing.PauseError, match="Say why"):
        skip(hourly, why=" ")
    assert not Pause.objects.exists()


def test_failures_in_a_row_are_counted_across_it(hourly):
    Process.objects.filter(pk=hourly.pk).update(pause_after_failures=2)
    ExecutionFactory(process=hourly, status=Status.FAILED, completed_at=NOW)
    skip(hourly)
    newest = ExecutionFactory(process=hourly, status=Status.FAILED, completed_at=NOW)

    pausing.pause_after_failures(newest, Status.FAILED)

    assert Pause.objects.in_force().get().failures == 2


# In the admin and at a terminal


def test_page_skips_the_start_that_it_showed_and_takes_it_back(person_with, hourly):
    client = person_with("view_process", "pause_process")
    address = page("process_skip_next", hourly.pk)
    assert address in client.get(page("process_change", hourly.pk)).text
    assert f'value="{SEVEN.isoformat()}"' in client.get(address).text

    typed = {"why": "holiday", "at": SEVEN.isoformat()}
    answer = client.post(address, typed, follow=True)

    assert "hourly skips Tue 2026-11-24 07:00" in answer.text
    assert "It starts next at Tue 2026-11-24 08:00" in answer.text
    assert "will be skipped." in answer.text
    assert "Another time is the next one by now" in client.post(address, typed).text
    assert Pause.objects.count() == 1

    answer = client.post(page("process_resume", hourly.pk), follow=True)
    assert "Resumed 1 process: hourly" in answer.text
    assert "will be skipped." not in answer.text


@pytest.mark.parametrize("typed", [{"why": ""}, {"why": "x", "at": "nonsense"}])
def test_page_asks_again_where_something_is_wrong(admin_client, hourly, typed):
    answer = admin_client.post(page("process_skip_next", hourly.pk), typed)

    assert answer.status_code == 200
    assert not Pause.objects.exists()


def test_command_skips_the_next_start(hourly, capsys):
    call_command("pause_process", "hourly", "--next", "--reason", "holiday")

    assert capsys.readouterr().out.startswith("hourly skips Tue 2026-11-24 07:00 UTC.")
    assert Pause.objects.get().by_name.endswith("(terminal)")
    with pytest.raises(CommandError, match="--next is of one process"):
        call_command("pause_process", "--all", "--next", "--reason", "holiday")
    call_command("resume_process", "hourly")
    assert capsys.readouterr().out == "Resumed 1 process: hourly.\n"


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_skipped_start_cancels_no_running_one(hourly, time_machine, monkeypatch):
    Process.objects.update(overlap_policy="cancel_running", catch_up="latest")
    asked: list[Process] = []
    monkeypatch.setattr(due, "make_way", asked.append)
    skip(hourly)

    time_machine.move_to(SEVEN + timedelta(seconds=1), tick=False)
    due.start_due()
    assert asked == []
    time_machine.move_to(EIGHT + timedelta(seconds=1), tick=False)
    due.start_due()

    assert asked == [hourly]


def test_time_that_comes_twice_is_skipped_once(time_machine):
    time_machine.move_to(datetime(2026, 10, 24, 12, tzinfo=UTC), tick=False)
    process = ProcessFactory(cron="30 2 * * *", timezone="Europe/Berlin")
    at = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert skip(process, at=at).astimezone(UTC) == at


def test_start_that_is_overdue_comes_before_what_is_skipped(hourly, time_machine):
    time_machine.move_to(SEVEN + timedelta(minutes=3), tick=False)

    with pytest.raises(pausing.PauseError, match=r"is due since .*07:00.* comes first") as refused:
        skip(hourly)

    assert refused.value.why.code == "overdue"
    assert pausing.why_not_skip_next(hourly).code == "overdue"


def test_start_that_a_clock_ahead_has_made_is_not_skipped(hourly):
    schedules.move_on(hourly.pk, EIGHT)

    with pytest.raises(pausing.PauseError, match="look again"):
        skip(hourly)


def test_skipped_start_stays_skipped_though_the_rule_is_changed_after_it(hourly, time_machine):
    skip(hourly)
    time_machine.move_to(SEVEN + timedelta(minutes=1), tick=False)

    hourly.cron = "30 * * * *"
    hourly.save()

    assert starts(hourly) == [(SEVEN, Status.SKIPPED, "skipped_once")]


def test_page_names_no_skip_of_a_start_that_the_rule_no_longer_has(hourly, admin_client):
    skip(hourly)
    address = page("process_change", hourly.pk)
    assert "will be skipped" in admin_client.get(address).text

    hourly.cron = "30 * * * *"
    hourly.save()

    assert "will be skipped" not in admin_client.get(address).text
