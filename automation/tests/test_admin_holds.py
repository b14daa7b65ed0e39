"""The history of pauses, and maintenance windows, in the admin."""

from datetime import UTC, datetime, timedelta

import pytest

from automation.engine.end import pausing
from automation.models import MaintenanceWindow
from automation.testing import run
from automation.tests.factories import ProcessFactory, UserFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def stopped_clock(time_machine):
    time_machine.move_to(NOW, tick=False)


def filled(**fields) -> dict:
    """The form of a window from 11:30 to 13:30 in Tehran: in two hours, for two hours."""
    times = {"starts_at": "2026-11-24T11:30", "ends_at": "2026-11-24T13:30"}
    return {"label": "disks", **times, **fields}


def window(label="disks", begin=1, hours=2, processes=()):
    starts_at = NOW + begin * HOUR
    row = MaintenanceWindow.objects.create(
        label=label, starts_at=starts_at, ends_at=starts_at + hours * HOUR
    )
    row.processes.set(processes)
    return row


# Pauses


def test_history_of_pauses_says_of_each_what_why_and_by_whom(person_with):
    process = ProcessFactory(name="nightly")
    pausing.pause([process], why="repairs", by=UserFactory(username="omid"))
    pausing.resume([process], by=UserFactory(username="lale"))
    pausing.pause(None, why="moving house", by_name="root (terminal)")
    failing = ProcessFactory(function="probes.write_then_raise", pause_after_failures=1)
    failed = run(failing)

    text = person_with("view_pause").get(page("pause_changelist")).text

    for part in ("nightly", "repairs", "omid", "lale", "everything", "root (terminal)", "itself"):
        assert part in text
    assert page("execution_change", failed.pk) in text


def test_pauses_can_be_read_alone(admin_client):
    pausing.pause(None, why="moving house")
    pk = admin_client.get(page("pause_changelist")).context["cl"].result_list[0].pk

    assert "moving house" in admin_client.get(page("pause_change", pk)).text
    assert admin_client.post(page("pause_change", pk), {"why": "x"}).status_code == 403
    assert admin_client.post(page("pause_delete", pk)).status_code == 403
    assert admin_client.get(page("pause_add")).status_code == 403


def test_history_of_pauses_takes_a_constant_number_of_queries(
    admin_client, django_assert_max_num_queries
):
    pausing.pause(ProcessFactory.create_batch(12), why="repairs")

    with django_assert_max_num_queries(7):
        admin_client.get(page("pause_changelist"))


# Maintenance windows


def test_window_is_made_by_the_clock_of_the_site_and_keeps_who_made_it(person_with):
    client = person_with("view_maintenancewindow", "add_maintenancewindow")
    process = ProcessFactory()
    assert "by the clock of Asia/Tehran." in client.get(page("maintenancewindow_add")).text

    client.post(page("maintenancewindow_add"), filled(processes=[process.pk]))

    made = MaintenanceWindow.objects.get()
    assert (made.label, made.starts_at, made.ends_at) == ("disks", NOW + 2 * HOUR, NOW + 4 * HOUR)
    assert (made.created_by_name, list(made.processes.all())) == ("sara", [process])


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"ends_at": "2026-11-24T11:30"}, "The end is not after the start."),
        ({"ends_at": "۱۴۰۵/۰۹/۰۳ ۱۳:۳۰"}, "write 2026-11-24."),
        ({"starts_at": "2026-11-24T03:00", "ends_at": "2026-11-24T09:30"}, "This end has passed."),
        ({"label": ""}, "This field is required."),
    ],
)
def test_window_that_cannot_be_is_refused(admin_client, typed, told):
    response = admin_client.post(page("maintenancewindow_add"), filled(**typed))

    assert told in response.text
    assert not MaintenanceWindow.objects.exists()


def test_window_that_is_over_can_still_be_named_better(admin_client):
    row = window(begin=-4)
    address = page("maintenancewindow_change", row.pk)
    typed = {
        "starts_at": "2026-11-24T02:00",
        "ends_at": "2026-11-24T04:00",
        "label": "the old disks",
    }

    admin_client.post(address, filled(**typed))

    assert MaintenanceWindow.objects.get().label == "the old disks"


@pytest.mark.parametrize("others", ["all", "same", "none chosen here"])
def test_overlap_with_another_window_is_said_and_allowed(admin_client, others):
    process = ProcessFactory()
    window("network", begin=3, processes=[] if others == "all" else [process])
    chosen = [] if others == "none chosen here" else [process.pk]

    response = admin_client.post(
        page("maintenancewindow_add"), filled(processes=chosen), follow=True
    )

    assert "It overlaps with: network." in response.text
    assert MaintenanceWindow.objects.count() == 2


def test_windows_that_only_touch_or_hold_others_do_not_overlap(admin_client):
    window("before", begin=0)
    window("after", begin=4)
    window("elsewhere", begin=2, processes=[ProcessFactory()])

    response = admin_client.post(
        page("maintenancewindow_add"), filled(processes=[ProcessFactory().pk]), follow=True
    )

    assert "It overlaps" not in response.text


def test_list_of_windows_names_their_processes_in_a_constant_number_of_queries(
    admin_client, django_assert_max_num_queries
):
    window("all of them")
    for number in range(12):
        window(processes=ProcessFactory.create_batch(2, timezone="UTC") if number else [])

    with django_assert_max_num_queries(8):
        text = admin_client.get(page("maintenancewindow_changelist")).text
    assert '<td class="field-held">all</td>' in text


@pytest.mark.parametrize(
    ("group", "may"),
    [
        ("Automation viewer", {"see"}),
        ("Automation operator", {"see", "pause"}),
        ("Automation manager", {"see", "pause", "plan"}),
    ],
)
def test_ready_made_groups_may_what_they_should(member_of, group, may):
    client = member_of(group)
    process = ProcessFactory()
    addresses = {
        "see": page("pause_changelist"),
        "pause": page("process_pause", process.pk),
        "plan": page("maintenancewindow_add"),
    }

    assert {name for name, url in addresses.items() if client.get(url).status_code == 200} == may
    assert client.get(page("maintenancewindow_changelist")).status_code == 200
