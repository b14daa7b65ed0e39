"""When a process starts next by itself, as every page, command and mail says it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from automation.engine.end import pausing
from automation.models import MaintenanceWindow, Notice, NoticeEvent, Pause, coming, coming_of
from automation.notifications import mail
from automation.reports.explain import explain
from automation.tests.factories import NodeFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def nightly(time_machine):
    time_machine.move_to(NOW, tick=False)
    return ProcessFactory(name="nightly", timezone="UTC", cron="0 * * * *")


def window(begin: int, end: int, *processes) -> None:
    """Maintenance, in hours from now."""
    times = {"starts_at": NOW + begin * HOUR, "ends_at": NOW + end * HOUR}
    MaintenanceWindow.objects.create(label="disks", **times).processes.set(processes)


def next_run(process) -> datetime | None:
    return coming(process).next_run


def test_next_run_is_after_a_pause_with_an_end_and_never_within_one_without(nightly):
    assert next_run(nightly) == NOW + HOUR

    pausing.pause([nightly], why="repairs", until=NOW + 3 * HOUR)
    assert next_run(nightly) == NOW + 3 * HOUR  # The end of a pause is free again.

    pausing.resume([nightly])
    pausing.pause([nightly], why="repairs")
    assert next_run(nightly) is None


def test_longest_of_several_holds_decides(nightly):
    pausing.pause([nightly], why="repairs", until=NOW + 3 * HOUR)
    pausing.pause(None, why="moving", until=NOW + 9 * HOUR)
    window(0, 5, nightly)

    found = coming(nightly)

    assert [hold.until for hold in found.holds] == [NOW + hours * HOUR for hours in (9, 5, 3)]
    assert (found.hold.data["why"], found.next_run) == ("moving", NOW + 9 * HOUR)


def test_holds_that_follow_one_another_are_one(nightly):
    pausing.pause([nightly], why="repairs", until=NOW + 3 * HOUR)
    window(2, 6, nightly)
    window(6, 8)
    window(10, 20)

    assert coming(nightly).free_from == NOW + 8 * HOUR
    assert next_run(nightly) == NOW + 8 * HOUR


def test_window_to_come_takes_the_times_within_it(nightly):
    window(1, 4)

    assert coming(nightly).hold is None
    assert next_run(nightly) == NOW + 4 * HOUR


def test_occurrence_whose_start_its_jitter_puts_into_a_window_is_not_the_next(time_machine):
    process = ProcessFactory(timezone="UTC", cron="0 * * * *", jitter=3000)
    start = process.start_of(NOW + HOUR)
    assert start > NOW + HOUR
    times = {"starts_at": start, "ends_at": start + timedelta(seconds=1)}
    MaintenanceWindow.objects.create(label="a second", **times)

    assert next_run(process) == NOW + 2 * HOUR


def test_schedule_that_ends_within_a_hold_has_no_next_run(nightly):
    nightly.ends_at = NOW + 2 * HOUR
    nightly.save()
    assert next_run(nightly) == NOW + HOUR

    pausing.pause([nightly], why="repairs", until=NOW + 3 * HOUR)

    assert next_run(nightly) is None


def test_what_comes_of_many_is_a_constant_number_of_statements(django_assert_num_queries):
    processes = ProcessFactory.create_batch(5, cron="0 * * * *")
    window(0, 5, *processes)

    with django_assert_num_queries(3):
        assert len(coming_of(processes)) == 5


# Its faces


@pytest.fixture
def endless(nightly):
    """Everything is paused without an end, and it has a pause of its own that ends tomorrow."""
    NodeFactory(functions=[nightly.function])
    pausing.pause([nightly], why="repairs", until=NOW + 24 * HOUR, by_name="sara")
    pausing.pause(None, why="moving", by_name="omid")
    return nightly


def test_list_shows_no_next_run_and_both_pauses(endless, admin_client):
    text = admin_client.get(page("process_changelist")).text

    assert '<td class="field-next_run_at"><span class="automation-hold">' in text
    assert "The process was paused by sara: repairs" in text
    assert "Everything is paused." in text
    assert page("process_resume", endless.pk) in text


def test_list_processes_names_the_pause_that_decides(endless, capsys):
    call_command("list_processes", "--json")

    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["nightly"]["next_run"] is None
    assert rows["nightly"]["hold"] == "Everything was paused by omid: moving"
    assert rows["nightly"]["hold_until"] is None


def test_explanation_names_both_and_what_ends_them(endless):
    verdict = explain(endless).verdict

    assert verdict.text == (
        "Everything paused by omid since Tue 2026-11-24 06:00 UTC, without an end: moving "
        "Paused by sara since Tue 2026-11-24 06:00 UTC, until Wed 2026-11-25 06:00 UTC: repairs"
    )
    assert verdict.remedy.startswith("Resume it, and resume everything;")


def test_mail_promises_no_start_before_all_holds_are_over(nightly):
    pausing.pause([nightly], why="repairs", until=NOW + HOUR)
    window(0, 6)
    notice = Notice(
        event=NoticeEvent.FAILED, process=nightly, process_name="nightly", execution_id=1
    )

    assert "Nothing starts it until Tue 2026-11-24 12:00 UTC." in mail.about([notice]).body
    Pause.objects.create(why="moving")
    assert "Nothing starts it until somebody resumes it." in mail.about([notice]).body


def test_preview_says_which_times_are_skipped(nightly, admin_client, capsys):
    window(1, 3, nightly)

    text = admin_client.get(page("process_change", nightly.pk)).text
    call_command("preview_schedule", "--process", "nightly")

    assert text.count("Will be skipped: Maintenance: disks") == 2
    assert capsys.readouterr().out.count("Will be skipped: Maintenance: disks") == 2


def test_resumed_process_that_is_still_held_does_not_go_on(endless, admin_client, capsys):
    response = admin_client.post(page("process_resume", endless.pk), follow=True)
    assert "nightly still does not start by itself. Everything was paused by omid" in response.text

    pausing.pause([endless], why="again")
    call_command("resume_process", "nightly")

    assert capsys.readouterr().out.strip() == (
        "Resumed 1 process: nightly.\n"
        "nightly still does not start by itself. Everything was paused by omid: moving"
    )
