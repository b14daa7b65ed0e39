"""Whatever may be deleted can be deleted, whatever refers to it; and what stays is said."""

from datetime import timedelta

import pytest
from django.utils import timezone

from automation.engine.end import pausing
from automation.models import MaintenanceWindow, Notice, Pause, Process, hold_now
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

LIST = page("process_changelist")


@pytest.fixture
def paused():
    """A process with a row of each kind that may refer to one."""
    process = ProcessFactory(name="nightly", label="Every night", cron="30 7 * * *")
    execution = ExecutionFactory(process=process, completed=True)
    Notice.objects.create(event="failed", process=process, process_name="nightly")
    pausing.pause([process], why="the disk is full")
    pausing.resume([process])
    pausing.pause([process], why="again")
    Pause.objects.filter(why="again").update(execution=execution)
    return process


def window(*processes, label="upgrade"):
    now = timezone.now()
    made = MaintenanceWindow.objects.create(
        label=label, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1)
    )
    made.processes.set(processes)
    return made


def by_its_page(client, *processes):
    for process in processes:
        client.post(page("process_delete", process.pk), {"post": "yes"})


def by_the_list(client, *processes):
    chosen = [process.pk for process in processes]
    client.post(LIST, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})


@pytest.mark.parametrize("delete", [by_its_page, by_the_list])
def test_process_that_was_paused_is_deleted_and_its_pauses_stay(member_of, paused, delete):
    client, number = member_of("Automation manager"), paused.pk

    delete(client, paused)

    assert not Process.objects.filter(pk=number).exists()
    assert list(Pause.objects.values_list("process", "process_name", "ended_by_name")) == [
        (number, "nightly", "sara"),
        (number, "nightly", ""),
    ]
    assert not Pause.objects.in_force().exists()
    text = client.get(page("pause_changelist"), {"q": "nightly"}).text
    assert text.count("Every night (deleted since)") == 2
    shown = client.get(page("pause_change", Pause.objects.first().pk))
    assert "Every night (deleted since)" in shown.text


@pytest.mark.parametrize("delete", [by_its_page, by_the_list])
def test_window_of_deleted_processes_alone_does_not_hold_everything_then(admin_client, delete):
    one, two, other = ProcessFactory.create_batch(3)
    window(one, two)
    kept = window(one, other, label="kept")

    delete(admin_client, one, two)

    assert list(MaintenanceWindow.objects.all()) == [kept]
    assert hold_now(other).data["window"] == kept.pk
    assert hold_now(ProcessFactory()) is None


def test_page_says_what_stays_and_offers_to_switch_it_off_instead(admin_client, paused):
    window(paused, label="new disk")

    text = admin_client.get(page("process_delete", paused.pk)).text

    assert "The history stays, under its name" in text
    assert "new disk" in text
    assert "Schedule version" not in text
    assert page("process_switch", paused.pk, "off") in text

    admin_client.post(page("process_switch", paused.pk, "off"), {"confirmed": "yes"})
    paused.refresh_from_db()
    assert not paused.is_enabled
    assert "Switch it off" not in admin_client.get(page("process_delete", paused.pk)).text


def test_list_says_the_same_of_several(admin_client, paused):
    chosen = {"_selected_action": [paused.pk, ProcessFactory(cron="30 7 * * *").pk]}

    text = admin_client.post(LIST, chosen | {"action": "delete_selected"}).text
    assert "The history stays, under its name" in text
    assert "Every night" in text
    assert 'name="action" value="disable"' in text

    admin_client.post(LIST, chosen | {"action": "disable", "confirmed": "yes"})
    assert not Process.objects.filter(pk__in=chosen["_selected_action"], is_enabled=True).exists()


def test_who_may_delete_but_not_change_is_not_offered_a_switch(person_with, paused):
    client = person_with("view_process", "delete_process")

    text = client.get(page("process_delete", paused.pk)).text

    assert "Yes, delete it" in text
    assert "Switch it off" not in text


def test_deletion_from_code_ends_and_keeps_the_pauses_too(paused):
    Process.objects.filter(pk=paused.pk).delete()

    assert Pause.objects.count() == 2
    assert not Pause.objects.in_force().exists()
