from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler

from automation.engine.upkeep import repairing
from automation.models import Node, Process, ScheduleVersion, coming, reasons
from automation.process_function import ProcessFunction
from automation.queue import rules, schedules
from automation.schedule import CronRule
from automation.tests.factories import NodeFactory, ProcessFactory
from automation.tests.races import at_once

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 6, 0, 30, tzinfo=UTC)
TOMORROW_0730 = datetime(2026, 11, 23, 4, tzinfo=UTC)  # 07:30 in Tehran


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


def row_of(process) -> Schedule | None:
    return Schedule.objects.filter(name=f"process:{process.pk}").first()


def test_saving_a_process_makes_its_schedule_row_in_the_zone_of_the_process():
    process = ProcessFactory(cron="30 7 * * *", timezone="Asia/Tehran")

    row = row_of(process)
    assert row.next_run == TOMORROW_0730
    assert (row.func, row.args) == ("automation.entry.start_occurrence", str(process.pk))


def test_changing_the_rule_moves_the_row():
    process = ProcessFactory(cron="30 7 * * *")

    process.cron = "0 8 * * *"
    process.save()

    assert row_of(process).next_run == datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
    assert Schedule.objects.count() == 1


def test_disabling_deletes_the_row_and_enabling_makes_it_again():
    process = ProcessFactory(cron="30 7 * * *")

    assert Process.objects.filter(pk=process.pk).disable() == 1
    assert row_of(process) is None
    assert Process.objects.filter(pk=process.pk).disable() == 0

    assert Process.objects.filter(pk=process.pk).enable() == 1
    assert row_of(process).next_run == TOMORROW_0730


def test_deleting_a_process_deletes_its_row():
    process = ProcessFactory(cron="30 7 * * *")

    process.delete()

    assert not Schedule.objects.exists()


def test_process_that_is_run_by_hand_has_no_row():
    assert row_of(ProcessFactory()) is None


@pytest.mark.django_db(transaction=True)
def test_process_and_row_are_saved_together_or_not_at_all(monkeypatch):
    def fail(*args):
        raise RuntimeError("no room")

    monkeypatch.setattr(schedules, "_write", fail)

    with pytest.raises(RuntimeError):
        ProcessFactory(cron="30 7 * * *")

    assert not connection.in_atomic_block
    assert not Process.objects.exists()


def test_blank_rule_follows_the_default_that_the_function_declares(settings):
    process = ProcessFactory(
        function="tasks.reschedule_remaining_tasks", trigger_type="time_based", timezone="UTC"
    )
    assert row_of(process).next_run == datetime(2026, 11, 22, 7, 30, tzinfo=UTC)

    settings.RESCHEDULE_HOUR, settings.RESCHEDULE_MINUTE = 9, 5
    changes = repairing.repair_all()

    assert [change.what for change in changes] == ["moved to its rule"]
    assert row_of(process).next_run == datetime(2026, 11, 22, 9, 5, tzinfo=UTC)


def test_repair_all_leaves_what_is_right_alone():
    ProcessFactory(cron="30 7 * * *")

    assert repairing.repair_all() == []


def test_repair_all_repairs_deleted_changed_doubled_and_orphaned_rows():
    deleted, changed, doubled = (ProcessFactory(cron="30 7 * * *") for _ in range(3))
    row_of(deleted).delete()
    Schedule.objects.filter(pk=row_of(changed).pk).update(func="os.system", repeats=0)
    double = row_of(doubled)
    double.pk = None
    Schedule.objects.bulk_create([double])
    Schedule.objects.bulk_create(
        [Schedule(name="process:99999", func=schedules.ENTRY, next_run=NOW)]
    )

    changes = {change.name: change.what for change in repairing.repair_all()}

    assert changes == {
        deleted.name: "created",
        changed.name: "repaired",
        doubled.name: "freed of doubles",
        "process:99999": "deleted",
    }
    assert Schedule.objects.count() == 3
    assert {row.func for row in Schedule.objects.all()} == {schedules.ENTRY}
    assert {row.next_run for row in Schedule.objects.all()} == {TOMORROW_0730}
    assert repairing.repair_all() == []


def test_repair_all_never_moves_a_row_that_is_due():
    process = ProcessFactory(cron="30 7 * * *")
    due = datetime(2026, 11, 22, 4, tzinfo=UTC)
    Schedule.objects.update(next_run=due, func="os.system")

    repairing.repair_all()

    assert row_of(process).next_run == due
    assert row_of(process).func == schedules.ENTRY


def test_repair_all_moves_a_row_whose_next_run_was_shifted():
    process = ProcessFactory(cron="30 7 * * *")
    Schedule.objects.update(next_run=datetime(2027, 1, 1, tzinfo=UTC))

    assert [change.what for change in repairing.repair_all()] == ["repaired"]
    assert row_of(process).next_run == TOMORROW_0730


def test_repair_all_leaves_the_project_s_own_schedules_alone():
    own = Schedule.objects.create(name="mine", func="builtins.print", next_run=NOW)

    repairing.repair_all()

    assert Schedule.objects.get() == own


@pytest.mark.django_db(transaction=True)
def test_next_run_is_ours_after_django_q_s_own_scheduler_fired_the_row(time_machine):
    process = ProcessFactory(cron="30 7 * * *")
    time_machine.move_to(datetime(2026, 11, 23, 4, 0, 5, tzinfo=UTC), tick=False)

    scheduler()

    message = OrmQ.objects.get()
    assert message.func() == schedules.ENTRY
    assert message.kwargs() == {
        "rule": "30 7 * * * Asia/Tehran",
        "scheduled_for": "2026-11-23T04:00:00+00:00",
    }
    assert row_of(process).next_run == datetime(2026, 11, 24, 4, tzinfo=UTC)


def test_fixture_loading_writes_no_row(tmp_path):
    from django.core.management import call_command  # noqa: PLC0415

    process = ProcessFactory(cron="30 7 * * *")
    file = tmp_path / "processes.json"
    call_command("dumpdata", "automation.process", output=str(file))
    process.delete()

    call_command("loaddata", str(file), verbosity=0)

    assert Process.objects.count() == 1
    assert not Schedule.objects.exists()


def test_occurrence_that_was_due_when_its_rule_changed_is_recorded_as_missed(time_machine):
    process = ProcessFactory(cron="30 7 * * *")
    time_machine.move_to(datetime(2026, 11, 23, 4, 10, tzinfo=UTC), tick=False)

    process.cron = "0 9 * * *"
    process.save()

    execution = process.executions.get()
    assert (execution.status, execution.reason) == ("missed", "rule_changed")
    assert execution.scheduled_for == TOMORROW_0730
    assert row_of(process).next_run == datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


def test_occurrence_that_was_due_when_its_process_was_switched_off_is_recorded(time_machine):
    process = ProcessFactory(cron="30 7 * * *")
    time_machine.move_to(datetime(2026, 11, 24, 4, 10, tzinfo=UTC), tick=False)

    Process.objects.filter(pk=process.pk).disable()

    assert process.executions.get().occurrences == 2
    assert row_of(process) is None


def test_ordinary_schedules_are_those_of_no_process():
    ProcessFactory(cron="30 7 * * *")
    own = Schedule.objects.create(name="mine", func="builtins.print", next_run=NOW)
    unnamed = Schedule.objects.create(func="builtins.print", next_run=NOW)

    assert set(schedules.ordinary()) == {own, unnamed}


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_repair_all_keeps_what_people_change_meanwhile():
    """Whoever is faster, the row says what the process says in the end."""
    processes = [ProcessFactory(cron="30 7 * * *") for _ in range(10)]

    def edit():
        for process in processes:
            process.cron = "0 9 * * *"
            process.save()
        return [ProcessFactory(cron="0 9 * * *") for _ in range(10)]

    at_once(repairing.repair_all, edit, repairing.repair_all)

    assert Schedule.objects.count() == 20
    assert {row.next_run for row in Schedule.objects.all()} == {
        datetime(2026, 11, 22, 5, 30, tzinfo=UTC).replace(day=23)
    }
    assert repairing.repair_all() == []


def test_default_rule_about_which_live_nodes_disagree_stays_until_they_agree(monkeypatch):
    monkeypatch.setattr(ProcessFunction, "default_cron", "15 * * * *")
    process = ProcessFactory(cron="", trigger_type="time_based")
    their_rule = CronRule("0 6 * * *", process.timezone)
    theirs, ours = str(their_rule), str(process.rule)
    Schedule.objects.update(kwargs=repr({"rule": theirs}))
    ScheduleVersion.objects.update(schedule=their_rule.as_json())
    old = Node.objects.create(
        name="old", host="old", pid=1, workers=1, defaults={"probes.greet": "0 6 * * *"}
    )

    schedules.sync(process)
    assert str(rules.rule_in_force(process)) == theirs

    Node.objects.filter(pk=old.pk).update(stopped_at=NOW)
    schedules.sync(process)
    assert str(rules.rule_in_force(process)) == ours
    assert row_of(process).next_run == coming(process).next_run


def site_zone(settings, zone: str) -> None:
    settings.AUTOMATION = {**settings.AUTOMATION, "TIME_ZONE": zone}


def test_process_without_a_zone_follows_the_default_and_one_with_a_zone_does_not(settings):
    follows, set_here = (
        ProcessFactory(cron="30 7 * * *", timezone=zone) for zone in ("", "Asia/Tehran")
    )
    assert row_of(follows).next_run == row_of(set_here).next_run == TOMORROW_0730

    site_zone(settings, "Europe/Berlin")
    repairing.repair_all()

    assert row_of(follows).next_run == datetime(2026, 11, 22, 6, 30, tzinfo=UTC)  # 07:30 in Berlin
    assert row_of(set_here).next_run == TOMORROW_0730
    assert coming(follows).next_run.utcoffset() == timedelta(hours=1)
    then = ScheduleVersion.objects.in_force_at(follows, NOW)
    assert then is None or then.rule.zone.key == "Asia/Tehran"


def test_single_start_that_is_due_stays_due_where_the_default_zone_changes(settings, time_machine):
    at = NOW + timedelta(minutes=5)
    once = ProcessFactory(
        trigger_type="time_based", schedule_kind="once", run_at=at, timezone="", cron=""
    )
    site_zone(settings, "Europe/Berlin")
    time_machine.move_to(at + timedelta(minutes=1), tick=False)

    repairing.repair_all()

    assert row_of(once).next_run == at.replace(second=0)
    assert not once.executions.exists()


def test_outage_before_a_start_with_another_zone_is_named(settings, time_machine):
    process = ProcessFactory(cron="* * * * *", timezone="")
    NodeFactory(started_at=NOW - timedelta(hours=1), seen_at=NOW, stopped_at=NOW)
    time_machine.shift(timedelta(minutes=3))
    NodeFactory(started_at=NOW + timedelta(minutes=3), time_zone="Europe/Berlin")
    site_zone(settings, "Europe/Berlin")

    repairing.repair_all()

    row = process.executions.get()
    assert (row.status, row.reason, row.occurrences) == ("missed", reasons.NOTHING_RUNNING, 3)
    assert row.reason_data["since"] == NOW.isoformat()


def test_default_zone_about_which_live_nodes_disagree_stays_until_they_agree(settings):
    process = ProcessFactory(cron="30 7 * * *", timezone="")
    node = NodeFactory(time_zone="Asia/Tehran")
    site_zone(settings, "Europe/Berlin")

    repairing.repair_all()
    assert row_of(process).next_run == TOMORROW_0730

    Node.objects.filter(pk=node.pk).update(stopped_at=NOW)
    repairing.repair_all()
    assert row_of(process).next_run != TOMORROW_0730


@pytest.mark.parametrize("name", ["Process", "HistoricalProcess"])
def test_migration_leaves_the_default_zone_open_and_can_be_undone(name):
    migration = import_module("automation.migrations.0010_default_time_zone")
    ProcessFactory(timezone="Asia/Tehran")
    ProcessFactory(timezone="Europe/Berlin")
    rows = apps.get_model("automation", name).objects.order_by("id")
    zones = rows.values_list("timezone", flat=True)

    migration.leave_the_default_open(apps, None)
    assert list(zones.all())[-2:] == ["", "Europe/Berlin"]

    migration.write_the_default_down(apps, None)
    assert list(zones.all())[-2:] == ["Asia/Tehran", "Europe/Berlin"]
