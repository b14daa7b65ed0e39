"""Pausing and resuming in the admin, and where a pause is shown."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from automation.engine.end import pausing
from automation.models import Execution, MaintenanceWindow, Pause, Process, Status
from automation.testing import run
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
MAY = ("view_process", "pause_process")


@pytest.fixture
def process() -> Process:
    return ProcessFactory(name="nightly", timezone="Asia/Tehran", cron="30 7 * * *")


@pytest.fixture
def sara(person_with):
    return person_with(*MAY)


# Pausing and resuming


def test_pause_has_a_reason_an_end_by_the_clock_of_the_process_and_who_made_it(
    sara, process, time_machine
):
    time_machine.move_to(NOW, tick=False)
    address = page("process_pause", process.pk)
    assert "By the clock of Asia/Tehran." in sara.get(address).text

    response = sara.post(address, {"why": "repairs", "until": "2026-11-24T11:30"}, follow=True)

    pause = Pause.objects.get()
    assert (pause.process, pause.why, pause.by_name) == (process, "repairs", "sara")
    assert pause.until == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert response.redirect_chain[-1][0] == page("process_change", process.pk)
    assert "Paused 1 process: " in response.text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"why": ""}, "This field is required."),
        ({"why": "  "}, "This field is required."),
        ({"why": "x", "until": "2026-11-24T09:00"}, "This end has passed."),
        ({"why": "x", "until": "soon"}, "is not a date and time."),
    ],
)
def test_pause_that_cannot_be_is_refused_and_what_was_typed_stays(
    sara, process, typed, told, time_machine
):
    time_machine.move_to(NOW, tick=False)

    response = sara.post(page("process_pause", process.pk), typed)

    assert told in response.text
    assert f'value="{typed["why"].strip() or typed["why"]}"' in response.text or not typed["why"]
    assert not Pause.objects.exists()


def test_resume_ends_the_pause_by_post_alone(sara, process):
    pausing.pause([process], why="repairs")
    address = page("process_resume", process.pk)
    assert sara.get(address).status_code == 405
    assert Pause.objects.in_force().exists()

    response = sara.post(address, follow=True)

    assert "Resumed 1 process: " in response.text
    assert Pause.objects.get().ended_by_name == "sara"
    assert response.redirect_chain[-1][0] == page("process_change", process.pk)


def test_resume_in_the_list_leads_back_to_the_list(sara, process):
    pausing.pause([process], why="repairs")
    address = f"{page('process_resume', process.pk)}?list"
    assert address in sara.get(page("process_changelist")).text

    response = sara.post(address)

    assert response.url == page("process_changelist")
    assert address not in sara.get(page("process_changelist")).text


def test_resuming_what_goes_on_says_so(sara, process):
    response = sara.post(page("process_resume", process.pk), follow=True)

    assert "It was so already; nothing was changed." in response.text


def test_many_are_paused_from_the_list_with_one_reason(sara, process):
    other = ProcessFactory(timezone="Europe/Paris")
    chosen = {"action": "pause", "_selected_action": [process.pk, other.pk]}
    asked = sara.post(page("process_changelist"), chosen)
    assert not Pause.objects.exists()
    # They have different zones: that of the site counts.
    assert "By the clock of Asia/Tehran." in asked.text
    assert f'name="chosen" value="{asked.context["chosen"]}"' in asked.text

    typed = {"why": "repairs", "chosen": asked.context["chosen"]}
    response = sara.post(page("process_pause_many"), typed, follow=True)

    assert "Paused 2 processes: " in response.text
    assert {pause.process for pause in Pause.objects.all()} == {process, other}


def test_many_are_asked_again_where_the_reason_is_missing(sara, process):
    other = ProcessFactory()
    typed = {"why": "", "chosen": f"{process.pk},{other.pk}"}

    response = sara.post(page("process_pause_many"), typed)

    assert "This field is required." in response.text
    assert set(response.context["processes"]) == {process, other}


@pytest.mark.parametrize("chosen", ["", "x", "0", "1" * 40, "\0"])
def test_nothing_chosen_leads_back_to_the_list(sara, chosen):
    response = sara.post(page("process_pause_many"), {"why": "x", "chosen": chosen})

    assert response.url == page("process_changelist")
    assert sara.get(page("process_pause_many")).url == page("process_changelist")


def test_many_are_resumed_from_the_list(sara, process):
    pausing.pause([process, ProcessFactory()], why="repairs")
    chosen = {
        "action": "resume",
        "_selected_action": list(Process.objects.values_list("pk", flat=True)),
    }

    response = sara.post(page("process_changelist"), chosen, follow=True)

    assert "Resumed 2 processes: " in response.text
    assert not Pause.objects.in_force().exists()


def test_everything_is_paused_and_resumed_from_the_list(sara):
    assert page("process_pause_everything") in sara.get(page("process_changelist")).text
    response = sara.post(page("process_pause_everything"), {"why": "moving"}, follow=True)
    assert "Everything is paused." in response.text
    assert Pause.objects.get().process is None
    assert sara.get(page("process_resume_everything")).status_code == 405

    sara.post(page("process_resume_everything"))

    assert not Pause.objects.in_force().exists()


@pytest.mark.parametrize(
    ("name", "has_process"),
    [
        ("process_pause", True),
        ("process_resume", True),
        ("process_pause_many", False),
        ("process_pause_everything", False),
        ("process_resume_everything", False),
    ],
)
def test_who_may_not_pause_is_refused_at_every_door(person_with, process, name, has_process):
    client = person_with("view_process", "change_process", "run_process")
    address = page(name, *([process.pk] if has_process else []))

    assert client.post(address, {"why": "x", "chosen": str(process.pk)}).status_code == 403
    assert not Pause.objects.exists()
    for text in (
        client.get(page("process_changelist")).text,
        client.get(page("process_change", process.pk)).text,
    ):
        assert "Pause…" not in text
        assert "Pause everything…" not in text


def test_who_may_pause_and_not_see_processes_is_led_to_the_start(person_with, process):
    client = person_with("pause_process")

    response = client.post(page("process_pause", process.pk), {"why": "repairs"})

    assert response.url == "/admin/"
    assert Pause.objects.exists()


def test_process_that_is_gone_cannot_be_paused(sara):
    assert sara.get(page("process_pause", 12345)).status_code == 404
    assert sara.post(page("process_resume", "x")).status_code == 404


# Where it is shown


def pages_of(process) -> list[str]:
    names = ("process_change", "process_run", "process_history", "process_pause")
    return [page("process_changelist"), *(page(name, process.pk) for name in names)]


def test_pause_of_everything_is_on_every_page_of_a_process(admin_client, process):
    pausing.pause(None, why="moving <house>", by=UserFactory(username="omid"))

    for address in pages_of(process):
        text = admin_client.get(address).text
        assert "Everything is paused." in text, address
        assert "moving &lt;house&gt;" in text
        assert "By omid." in text
        assert page("process_resume_everything") in text


def test_pause_shows_its_reason_by_whom_since_and_until_when(admin_client, process, time_machine):
    time_machine.move_to(NOW, tick=False)
    until = NOW + timedelta(hours=3)
    pausing.pause([process], why="repairs", until=until, by=UserFactory(username="omid"))

    text = admin_client.get(page("process_change", process.pk)).text
    for part in (
        "It is paused.",
        "repairs",
        "By omid.",
        "Tue 2026-11-24 09:30",
        "Tue 2026-11-24 12:30",
    ):
        assert part in text
    text = admin_client.get(page("process_changelist")).text
    for part in (
        "paused by omid: repairs",
        "since Tue 2026-11-24 09:30",
        "until Tue 2026-11-24 12:30",
    ):
        assert part in text


def test_list_does_not_promise_a_run_to_what_is_paused(admin_client, process):
    Process.objects.exclude(pk=process.pk).delete()
    promise = '<td class="field-next_run_at"><time'
    assert promise in admin_client.get(page("process_changelist")).text

    pausing.pause([process], why="repairs")

    assert promise not in admin_client.get(page("process_changelist")).text


def test_pause_after_a_failure_leads_to_it_and_its_page_says_so(admin_client):
    process = ProcessFactory(function="probes.write_then_raise", pause_after_failures=1)
    failed = page("execution_change", run(process).pk)

    for address in (page("process_change", process.pk), page("process_changelist")):
        assert failed in admin_client.get(address).text
    text = admin_client.get(failed).text
    assert "After this its process paused by itself." in text
    assert "It is still paused." in text
    pausing.resume([process])
    assert "That pause has ended." in admin_client.get(failed).text


def test_link_to_a_failure_is_for_who_may_see_it(sara):
    process = ProcessFactory(function="probes.write_then_raise", pause_after_failures=1)
    failed = page("execution_change", run(process).pk)

    for address in (page("process_change", process.pk), page("process_changelist")):
        assert failed not in sara.get(address).text


def test_windows_are_shown_while_they_hold_and_before(admin_client, process):
    now = timezone.now()
    hour = timedelta(hours=1)
    for label, begin in (("yesterday's", -3), ("disks", -1), ("network", 2)):
        window = MaintenanceWindow.objects.create(
            label=label, starts_at=now + begin * hour, ends_at=now + (begin + 2) * hour
        )
        window.processes.add(process)

    text = admin_client.get(page("process_change", process.pk)).text

    assert "yesterday" not in text
    assert text.index("Maintenance:") < text.index("disks") < text.index("Maintenance to come:")
    assert "network" in text
    assert "Maintenance: disks" in admin_client.get(page("process_changelist")).text
    assert "disks" not in admin_client.get(page("process_change", ProcessFactory().pk)).text


def test_state_is_in_the_list_and_on_the_page_and_filters_the_list(admin_client, process):
    Process.objects.exclude(pk=process.pk).delete()
    failed = ProcessFactory(name="broken-one")
    ExecutionFactory(process=failed, status=Status.FAILED, completed_at=timezone.now())

    text = admin_client.get(page("process_changelist")).text
    assert "automation-state-down" in text
    assert "automation-state-new" in text
    assert "automation-state-down" in admin_client.get(page("process_change", failed.pk)).text
    shown = admin_client.get(page("process_changelist") + "?state=down").context["cl"].result_list
    assert list(shown) == [failed]
    shown = admin_client.get(page("process_changelist") + "?state=late").context["cl"].result_list
    assert not list(shown)
    assert admin_client.get(page("process_changelist") + "?state=x").status_code == 400


def test_pages_take_a_constant_number_of_queries(admin_client, django_assert_max_num_queries):
    now = timezone.now()
    for _ in range(12):
        process = ProcessFactory(cron="0 0 * * *")
        pausing.pause([process], why="repairs")
        window = MaintenanceWindow.objects.create(
            label="disks", starts_at=now, ends_at=now + timedelta(hours=1)
        )
        window.processes.add(process)
    assert not Execution.objects.exists()

    with django_assert_max_num_queries(15):
        admin_client.get(page("process_changelist"))
    with django_assert_max_num_queries(5):
        admin_client.get(page("process_pause", process.pk))
