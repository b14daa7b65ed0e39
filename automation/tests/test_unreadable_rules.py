"""A rule that is there and cannot be read: the history, the state, notices and checks say so."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django_q.models import Schedule

from automation.checks import check_processes
from automation.engine.end import notices
from automation.engine.run import runner
from automation.engine.start import due
from automation.engine.start.launch import launch
from automation.engine.upkeep import repairing
from automation.models import (
    Calendar,
    Execution,
    LogLine,
    Node,
    Notice,
    NoticeEvent,
    Process,
    ScheduleVersion,
    Status,
    Trigger,
    reasons,
)
from automation.process_function import ProcessFunction
from automation.reports.explain import explain
from automation.reports.ledger import prove
from automation.reports.state import State, state_of
from automation.schedule import CronRule, ScheduleError, Unreadable, schedule_from_json, zones
from automation.tests.factories import NodeFactory, ProcessFactory
from automation.tests.pages import page
from automation.tests.post import send_next

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 6, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


@pytest.fixture
def hourly() -> Process:
    return ProcessFactory(name="hourly", timezone="US/Pacific", cron="0 * * * *")


@pytest.fixture
def lose_zone(monkeypatch):
    """Lose a time zone as an image does that has no old names."""

    def lose(name: str = "US/Pacific") -> None:
        left = {zone for zone in zones.zone_names() if zone != name}
        monkeypatch.setattr(zones, "zone_names", lambda: left)

    return lose


def rows() -> list[tuple[str, str, int]]:
    found = Execution.objects.order_by("pk")
    return [(row.status, row.reason, row.occurrences) for row in found]


def test_zone_that_is_gone_has_one_row_a_state_and_a_log_line(hourly, lose_zone, caplog):
    lose_zone()

    repairing.repair_all()
    repairing.repair_all()

    assert rows() == [(Status.SKIPPED, reasons.RULE_UNREADABLE, 1)]
    told = Execution.objects.get().reason_in_words
    assert "Its rule cannot be read: There is no time zone 'US/Pacific'." in told
    assert "It is an old name of America/Los_Angeles." in told
    assert state_of(hourly) == State.BROKEN
    assert caplog.text.count("hourly: its rule cannot be read") == 1


def test_zone_that_is_back_is_followed_again_and_the_history_is_sound(
    hourly, lose_zone, time_machine
):
    NodeFactory(seen_at=NOW + 9 * HOUR)
    left = zones.zone_names
    lose_zone()
    repairing.repair_all()
    time_machine.move_to(NOW + 3 * HOUR, tick=False)
    zones.zone_names = left

    repairing.repair_all()

    assert state_of(hourly) == State.NEW
    assert Schedule.objects.get(name=f"process:{hourly.pk}").next_run == datetime(
        2026, 11, 22, 10, tzinfo=UTC
    )
    time_machine.move_to(NOW + 4 * HOUR, tick=False)
    due.start_due()
    assert rows()[-1][0] == Status.PENDING
    proof = prove(hourly)
    assert proof.is_sound
    assert proof.unreadable == [(NOW, NOW + 3 * HOUR)]


def test_what_was_due_before_it_was_noticed_has_the_same_reason(hourly, lose_zone, time_machine):
    time_machine.move_to(NOW + HOUR, tick=False)
    lose_zone()

    due.start_due()

    seven = datetime(2026, 11, 22, 7, tzinfo=UTC)
    first = Execution.objects.order_by("pk").first()
    assert (first.reason, first.scheduled_for) == (reasons.RULE_UNREADABLE, seven)
    assert Schedule.objects.get(name=f"process:{hourly.pk}").next_run is None


def test_default_that_raises_is_accounted_for_by_the_rule_before(monkeypatch, time_machine):
    monkeypatch.setattr(ProcessFunction, "default_cron", "0 * * * *")
    process = ProcessFactory(trigger_type="time_based", cron="", timezone="UTC")

    def fails(_self: ProcessFunction) -> str:
        raise ScheduleError("cron", "The default rule of probes.greet cannot be computed: 7.")

    monkeypatch.setattr(ProcessFunction, "default_cron", property(fails))
    for hours in (1, 2, 3):
        time_machine.move_to(NOW + hours * HOUR, tick=False)
        due.start_due()

    assert rows() == [(Status.SKIPPED, reasons.RULE_UNREADABLE, 3)]
    assert state_of(process) == State.BROKEN
    assert prove(process).is_sound

    monkeypatch.setattr(ProcessFunction, "default_cron", "0 * * * *")
    time_machine.move_to(NOW + 4 * HOUR, tick=False)
    due.start_due()
    assert state_of(process) != State.BROKEN
    assert rows()[0] == (Status.SKIPPED, reasons.RULE_UNREADABLE, 4)


def test_calendar_that_cannot_be_read_is_said(time_machine):
    rest = Calendar.objects.create(name="rest", days="2026-12-25")
    process = ProcessFactory(cron="0 * * * *", timezone="UTC", calendar=rest)
    Calendar.objects.filter(pk=rest.pk).update(days="some day")
    time_machine.move_to(NOW + HOUR, tick=False)

    due.start_due()

    assert rows() == [(Status.SKIPPED, reasons.RULE_UNREADABLE, 1)]
    assert "'some day' is no day" in Execution.objects.get().reason_in_words
    assert state_of(process) == State.BROKEN


def test_calendar_that_is_gone_is_said():
    process = Process(trigger_type="time_based", cron="0 * * * *", calendar_id=999_999)

    assert process.rule_error == "Its calendar is gone."


def test_why_it_did_not_run_then_is_that_its_rule_could_not_be_read(
    hourly, lose_zone, time_machine
):
    lose_zone()
    repairing.repair_all()
    time_machine.move_to(NOW + 3 * HOUR, tick=False)

    verdict = explain(hourly, NOW + HOUR).verdict

    assert "Its rule could not be read: There is no time zone 'US/Pacific'." in verdict.text


def test_no_rule_is_another_thing_than_one_that_cannot_be_read():
    without = ProcessFactory(trigger_type="time_based", cron="", timezone="UTC")

    repairing.repair_all()

    assert without.rule_error == ""
    assert rows() == []
    assert state_of(without) == State.NEW
    assert not ScheduleVersion.objects.filter(process=without, schedule__isnull=False)


def test_people_are_told_once_and_again_when_it_works(hourly, lose_zone, settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": ["ops@example.org"]}
    left = zones.zone_names
    lose_zone()
    repairing.repair_all()

    notices.about_silence()
    notices.about_silence()

    notice = Notice.objects.get()
    assert (notice.event, notice.execution_id) == (NoticeEvent.BROKEN, Execution.objects.get().pk)
    assert send_next()
    assert "hourly cannot follow its rule" in mail.outbox[0].subject
    assert "There is no time zone 'US/Pacific'." in mail.outbox[0].body
    by_hand = launch(hourly, trigger=Trigger.MANUAL)
    runner.run_execution(by_hand.pk)
    assert Notice.objects.count() == 1  # A start by hand is no recovery.

    zones.zone_names = left
    repairing.repair_all()
    runner.run_execution(launch(hourly, trigger=Trigger.MANUAL).pk)
    assert Notice.objects.filter(event=NoticeEvent.RECOVERED).count() == 1


def test_start_by_hand_runs_by_the_zone_of_the_site_and_says_so(hourly, lose_zone):
    lose_zone()

    execution = launch(hourly, trigger=Trigger.MANUAL)
    runner.run_execution(execution.pk)

    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED
    logged = " ".join(LogLine.objects.values_list("message", flat=True))
    assert "The zone US/Pacific of the process cannot be read here" in logged
    assert "the times of this run are those of Asia/Tehran." in logged


def test_every_face_says_it(hourly, lose_zone, admin_client, capsys):
    lose_zone()
    repairing.repair_all()

    assert [message.id for message in check_processes(databases=["default"])] == ["automation.W005"]
    assert "There is no time zone 'US/Pacific'" in explain(hourly).verdict.text
    call_command("list_processes", "--json")
    [listed] = json.loads(capsys.readouterr().out)
    assert (listed["state"], listed["next_run"]) == ("broken", None)
    assert "automation-state-broken" in admin_client.get(page("process_changelist")).text
    assert admin_client.get(page("process_change", hourly.pk)).status_code == 200
    assert Node.objects.count() == 0


@pytest.mark.parametrize("name", ["change", "run", "backfill", "explain", "pause", "history"])
def test_no_page_of_the_process_fails(hourly, lose_zone, admin_client, name):
    launch(hourly, trigger=Trigger.MANUAL)
    lose_zone()
    repairing.repair_all()

    assert admin_client.get(page(f"process_{name}", hourly.pk)).status_code == 200
    for execution in Execution.objects.all():
        assert admin_client.get(page("execution_change", execution.pk)).status_code == 200


def test_unreadable_rule_is_stored_with_the_rule_that_was_known():
    known = CronRule("0 7 * * *", "UTC")
    rule = Unreadable("No zone.", Unreadable("Older.", known))

    again = schedule_from_json(json.loads(json.dumps(rule.as_json())))

    assert again == rule
    assert isinstance(again, Unreadable)
    assert again.known == known
    assert again.first(2, NOW) == known.first(2, NOW)
    assert again.words == "Broken: No zone."


def test_rule_by_which_nothing_is_due_can_be_read(hourly):
    """As code that asks no form may store it."""
    hourly.starts_at, hourly.ends_at = NOW + HOUR, NOW + HOUR + timedelta(minutes=1)
    hourly.save()

    assert ScheduleVersion.newest_of(hourly).rule is None
    assert rows() == []
    assert prove(hourly).findings == []
