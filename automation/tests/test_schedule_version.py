from datetime import UTC, datetime, timedelta

import pytest

from automation.engine.upkeep import repairing
from automation.models import Process, ScheduleVersion
from automation.process_function import ProcessFunction
from automation.schedule import CronRule
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


def versions_of(process) -> list[tuple]:
    found = process.schedule_versions.order_by("id")
    return [(v.valid_from - NOW, str(v.rule) if v.rule else None) for v in found]


def test_each_change_of_the_rule_in_force_is_a_version(time_machine, monkeypatch):
    process = ProcessFactory(cron="0 7 * * *", timezone="UTC")
    time_machine.move_to(NOW + HOUR, tick=False)
    process.cron = "0 8 * * *"
    process.save()
    time_machine.move_to(NOW + 2 * HOUR, tick=False)
    Process.objects.filter(pk=process.pk).disable()
    time_machine.move_to(NOW + 3 * HOUR, tick=False)
    Process.objects.filter(pk=process.pk).enable()

    assert versions_of(process) == [
        (0 * HOUR, "0 7 * * * UTC"),
        (1 * HOUR, "0 8 * * * UTC"),
        (2 * HOUR, None),
        (3 * HOUR, "0 8 * * * UTC"),
    ]


def test_edit_that_changes_nothing_about_when_is_no_version():
    process = ProcessFactory(cron="0 7 * * *")

    process.description = "now with a description"
    process.save()
    repairing.repair_all()

    assert len(versions_of(process)) == 1


def test_process_that_was_never_due_by_a_rule_has_no_version():
    assert versions_of(ProcessFactory()) == []


def test_changed_default_is_a_version_from_the_next_start_on(time_machine, monkeypatch):
    monkeypatch.setattr(ProcessFunction, "default_cron", "0 7 * * *")
    process = ProcessFactory(trigger_type="time_based", timezone="UTC")
    monkeypatch.setattr(ProcessFunction, "default_cron", "0 9 * * *")
    time_machine.move_to(NOW + HOUR, tick=False)

    repairing.repair_all()

    assert versions_of(process) == [(0 * HOUR, "0 7 * * * UTC"), (1 * HOUR, "0 9 * * * UTC")]


def test_versions_do_not_overlap_after_the_clock_was_set_back(time_machine):
    process = ProcessFactory(cron="0 7 * * *")
    time_machine.move_to(NOW - HOUR, tick=False)
    process.cron = "0 8 * * *"
    process.save()

    assert [since for since, _rule in versions_of(process)] == [0 * HOUR, 0 * HOUR]


def test_spans_say_what_was_in_force_within_a_time(time_machine):
    process = ProcessFactory(cron="0 7 * * *", timezone="UTC")
    time_machine.move_to(NOW + HOUR, tick=False)
    process.cron = "0 8 * * *"
    process.save()

    spans = ScheduleVersion.objects.spans_of(process, NOW - HOUR, NOW + 2 * HOUR)

    found = [(str(span.version.rule), span.since - NOW, span.until - NOW) for span in spans]
    assert found == [("0 7 * * * UTC", 0 * HOUR, HOUR), ("0 8 * * * UTC", HOUR, 2 * HOUR)]


def test_version_whose_zone_is_gone_has_no_rule():
    stored = {**CronRule("0 7 * * *", "UTC").as_json(), "timezone": "Mars/Olympus"}
    version = ScheduleVersion(process=ProcessFactory(), valid_from=NOW, schedule=stored)

    assert version.rule is None
