import re
from datetime import timedelta
from unittest import mock
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from automation.admin.execution import paginator
from automation.admin.execution.paginator import EstimatingPaginator
from automation.models import Execution, Kind, Status, Trigger
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db


def listed(client, **query) -> set[int]:
    response = client.get(page("execution_changelist"), query)
    assert response.status_code == 200
    return {row.pk for row in response.context["cl"].result_list}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"status__exact": "failed"}, {"status": Status.FAILED}),
        ({"kind__exact": "preview"}, {"kind": Kind.PREVIEW}),
        ({"trigger__exact": "schedule"}, {"trigger": Trigger.SCHEDULE}),
        ({"person": "nobody"}, {"trigger": Trigger.SCHEDULE}),
        (
            {"created_at__lt": "2020-01-01 00:00:00+00:00"},
            {"created_at": timezone.now() - timedelta(days=9_000)},
        ),
    ],
)
def test_filter_finds_these_and_no_others(admin_client, query, fields):
    usual = {"status": Status.COMPLETED, "completed_at": timezone.now()}
    ExecutionFactory(**usual)
    wanted = ExecutionFactory(**usual | fields)

    assert listed(admin_client, **query) == {wanted.pk}


def test_filter_by_person_knows_me_somebody_and_one_by_a_link(admin_client, admin_user):
    mine = ExecutionFactory(completed=True, requested_by=admin_user)
    hers = ExecutionFactory(completed=True, requested_by=UserFactory())
    ExecutionFactory(completed=True, trigger=Trigger.SCHEDULE)

    assert listed(admin_client, person="me") == {mine.pk}
    assert listed(admin_client, person="somebody") == {mine.pk, hers.pk}
    assert listed(admin_client, requested_by__id__exact=hers.requested_by.pk) == {hers.pk}


def test_search_finds_numbers_names_and_deleted_processes(admin_client):
    kept = ExecutionFactory(process=ProcessFactory(name="nightly-report"), completed=True)
    gone = ExecutionFactory(process=ProcessFactory(name="nightly-old"), completed=True)
    ExecutionFactory(completed=True)
    gone.process.delete()

    assert listed(admin_client, q="NIGHTLY") == {kept.pk, gone.pk}
    assert listed(admin_client, q=f" #{kept.pk} ") == {kept.pk}


def test_unknown_status_and_markup_are_answered(admin_client):
    ExecutionFactory(completed=True)

    for query in ({"status__exact": "nonsense"}, {"q": "<script>alert(1)</script>"}, {"q": "²"}):
        response = admin_client.get(page("execution_changelist"), query)
        assert response.status_code == 200
        assert "<script>alert(1)" not in response.text


def test_what_a_list_does_not_offer_is_refused_in_a_sentence(admin_client):
    query = {"nonsense": "<script>alert(1)</script>"}
    response = admin_client.get(page("execution_changelist"), query)

    assert response.status_code == 400
    assert "nonsense=&lt;script&gt;alert(1)" in response.text
    assert "Open the list without it" in response.text


@pytest.mark.parametrize("letter", ["S", "T"])
@pytest.mark.parametrize("name", ["parameters__api_key__startswith", "parameters__regex"])
def test_secret_cannot_be_read_letter_by_letter(person_with, name, letter):
    process = ProcessFactory(parameters={"api_key": "S3cr3t"})
    ExecutionFactory(process=process, parameters={"api_key": "S3cr3t"}, completed=True)
    client = person_with("view_process", "view_execution")

    for name_of_page in ("process", "execution"):
        for method in (client.get, client.post):
            query = urlencode({name: letter})
            response = method(page(f"{name_of_page}_changelist") + f"?{query}")
            assert response.status_code == 400
            assert process.name not in response.text


def test_list_says_why_and_by_whom_in_one_line(admin_client):
    ExecutionFactory(
        status=Status.FAILED,
        completed_at=timezone.now(),
        requested_by_name="root (terminal)",
        error_message="ValueError: <no luck>\nmore " * 5_000,
    )

    text = admin_client.get(page("execution_changelist")).text

    assert ">ValueError: &lt;no luck&gt;</span>" in text
    assert "by hand: root (terminal)" in text
    assert "more" not in text


def test_list_takes_the_same_number_of_queries_for_few_and_many(
    admin_client, django_assert_num_queries
):
    def look() -> None:
        # PostgreSQL is asked what a count would cost first.
        with django_assert_num_queries(8 if connection.vendor == "postgresql" else 6):
            admin_client.get(page("execution_changelist"))

    ExecutionFactory(completed=True)
    look()
    for _ in range(12):
        ExecutionFactory(completed=True)
    look()


def test_row_that_stands_for_many_says_so_and_the_total_counts_all(admin_client):
    due = timezone.now().replace(hour=10, minute=3, second=0, microsecond=0)
    ExecutionFactory(
        status=Status.MISSED,
        completed_at=due,
        trigger=Trigger.SCHEDULE,
        scheduled_for=due,
        scheduled_until=due + timedelta(minutes=1_499),
        occurrences=1_500,
    )
    ExecutionFactory(completed=True)

    text = admin_client.get(page("execution_changelist")).text

    assert re.search(r"1,500 times, <time [^>]+>[^<]+</time> to <time", text)
    assert "2 executions, that stand for 1,501 times" in text


def test_list_gives_one_total_with_its_thousands_apart(admin_client):
    ExecutionFactory.create_batch(3, completed=True)

    with mock.patch.object(EstimatingPaginator, "total", 123_456):
        text = admin_client.get(page("execution_changelist")).text

    assert "123,456 executions; the newest 10,000 have pages" in text
    assert " results" not in text
    assert "Show all" not in text


def test_more_than_can_be_paged_through_says_so(admin_client):
    ExecutionFactory.create_batch(3, completed=True)

    with mock.patch.object(paginator, "REACH", 2):
        text = admin_client.get(page("execution_changelist")).text

    assert "3 executions; the newest 2 have pages, filters reach the others" in text


@pytest.mark.postgresql
def test_count_that_would_scan_is_estimated(admin_client):
    ExecutionFactory.create_batch(3, completed=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE automation_execution")

    with mock.patch.object(paginator, "EXACT_COST", 0):
        text = admin_client.get(page("execution_changelist")).text
        counted = EstimatingPaginator(Execution.objects.all(), 50)
        assert (counted.total, counted.is_estimated) == (3, True)

    assert "about 3 executions" in text


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "rows",
    [
        Execution.objects.filter(status=Status.FAILED),
        Execution.objects.filter(trigger=Trigger.MANUAL),
        Execution.objects.filter(kind=Kind.PREVIEW),
        Execution.objects.filter(requested_by=1),
        Execution.objects.filter(process=1),
        Execution.objects.filter(undo_of=1),
        Execution.objects.filter(created_at__gte=timezone.now()),
    ],
)
def test_rare_rows_are_found_by_an_index(rows):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = rows.order_by("-id")[:50].explain()

    assert "automation_execution_pkey" not in plan
    assert "Index" in plan


def test_people_are_not_listed_one_by_one(admin_client):
    User.objects.create(username="somebody-else")

    assert "somebody-else" not in admin_client.get(page("execution_changelist")).text


def test_chosen_ones_are_cancelled_by_who_may(person_with):
    client = person_with("view_execution", "cancel_execution")
    rows = [ExecutionFactory(), ExecutionFactory(running=True), ExecutionFactory(completed=True)]
    chosen = {"action": "cancel_chosen", "_selected_action": [row.pk for row in rows]}

    response = client.post(page("execution_changelist"), chosen, follow=True)

    assert "Cancelled 2 of 3 executions" in response.text
    asked = Execution.objects.filter(cancel_requested_by_name="sara")
    assert set(asked) == set(rows[:2])


def test_nobody_else_is_offered_to_cancel(person_with):
    ExecutionFactory()

    response = person_with("view_execution").get(page("execution_changelist"))

    assert "cancel_chosen" not in response.text
    assert "action-checkbox" not in response.text
