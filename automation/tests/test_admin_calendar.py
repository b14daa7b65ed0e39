from datetime import UTC, datetime

import pytest
import time_machine

from automation.models import Calendar
from automation.tests.factories import ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 10, 8, 30, tzinfo=UTC)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar.objects.create(name="feasts", days="2026-12-25 Christmas")


def test_manager_makes_changes_and_deletes_a_calendar(member_of):
    client = member_of("Automation manager")

    client.post(page("calendar_add"), {"name": "rest", "days": "۲۰۲۶-۱۲-۲۵ Christmas\r\n\r\n"})
    made = Calendar.objects.get()
    assert made.days == "2026-12-25 Christmas"
    days = "2027-03-21..2027-03-24 Nowruz"
    client.post(page("calendar_change", made.pk), {"name": "rest", "days": days})
    made.refresh_from_db()
    assert made.days == days
    client.post(page("calendar_delete", made.pk), {"post": "yes"})
    assert not Calendar.objects.exists()


def test_viewer_sees_which_processes_keep_a_calendar_and_changes_nothing(member_of, calendar):
    process = ProcessFactory(name="nightly", cron="0 8 * * *", calendar=calendar)
    client = member_of("Automation viewer")

    text = client.get(page("calendar_change", calendar.pk)).text

    assert f'<a href="{page("process_change", process.pk)}">nightly</a>' in text
    assert "2026-12-25 Christmas" in text
    form = {"name": "other", "days": calendar.days}
    assert client.post(page("calendar_change", calendar.pk), form).status_code == 403
    assert client.post(page("calendar_add"), form).status_code == 403
    assert client.post(page("calendar_delete", calendar.pk), {"post": "yes"}).status_code == 403


def test_list_takes_the_same_number_of_queries_for_few_and_many(
    admin_client, calendar, django_assert_max_num_queries
):
    for number in range(12):
        days = Calendar.objects.create(name=f"{number}", days="2026-12-25")
        ProcessFactory(cron="0 8 * * *", calendar=days)

    with django_assert_max_num_queries(6):
        text = admin_client.get(page("calendar_changelist")).text

    assert text.count('<td class="field-of_processes">1</td>') == 12


@pytest.mark.parametrize(
    ("days", "says"),
    [
        ("2026-12-25\n25 December", "Line 2: &#x27;25 December&#x27; is no day"),
        (" \n ", "This field is required"),
        ("2027-03-24..2027-03-21", "before they begin"),
    ],
)
def test_line_that_is_no_day_is_named(admin_client, days, says):
    text = admin_client.post(page("calendar_add"), {"name": "rest", "days": days}).text

    assert says in text
    assert not Calendar.objects.exists()


@time_machine.travel(NOON)
def test_calendar_that_would_silence_one_of_its_processes_is_refused(admin_client, calendar):
    ends = datetime(2026, 6, 30, tzinfo=UTC)
    ProcessFactory(name="summer", cron="0 8 * * *", calendar=calendar, ends_at=ends)
    form = {"name": "feasts", "days": "2026-06-01..2026-07-31 holidays"}

    text = admin_client.post(page("calendar_change", calendar.pk), form).text

    assert "summer: Excluded days take every occurrence" in text
    calendar.refresh_from_db()
    assert calendar.days == "2026-12-25 Christmas"


def test_calendar_with_processes_is_not_deleted(admin_client, calendar):
    ProcessFactory(cron="0 8 * * *", calendar=calendar)

    text = admin_client.post(page("calendar_delete", calendar.pk), {"post": "yes"}).text

    assert "protected" in text
    assert Calendar.objects.exists()
