from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from automation.engine.run.runner import run_execution
from automation.engine.start.launch import launch
from automation.models import Process, Trigger
from automation.testing import run
from tasks.models import Task, TaskStatus
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:tasks_task_changelist")


@pytest.mark.parametrize(
    "address",
    [f"{LIST}?status=%00", f"{reverse('admin:automation_process_changelist')}?function=%00"],
)
def test_filter_that_no_database_takes_is_refused(admin_client, address):
    response = admin_client.get(address, follow=True)

    assert response.status_code == 400


def test_task_page_leads_to_executions_only_who_may_see_them(client):
    task = TaskFactory(due_at=timezone.now() - timedelta(days=9))
    number = run("reschedule_remaining_tasks").pk
    reader = User.objects.create(username="sara", is_staff=True)
    reader.user_permissions.set(
        Permission.objects.filter(codename__in=["view_task", "view_taskmove"])
    )
    client.force_login(reader)

    text = client.get(reverse("admin:tasks_task_change", args=[task.pk])).text

    assert f"#{number}" in text
    assert f"/execution/{number}/" not in text


def test_task_page_lists_its_moves_and_when_it_was_first_due(admin_client):
    first_due = timezone.now() - timedelta(days=9)
    task = TaskFactory(name="old", due_at=first_due)
    process = Process.objects.get(name="reschedule_remaining_tasks")
    execution = launch(process, trigger=Trigger.MANUAL)
    run_execution(execution.pk)

    text = admin_client.get(reverse("admin:tasks_task_change", args=[task.pk])).text

    assert f'href="/admin/automation/execution/{execution.pk}/change/">#{execution.pk}</a>' in text
    assert f'<div class="readonly"><time datetime="{first_due.isoformat()}">' in text
    assert f"{_written(first_due)}</time></div>" in text


def test_execution_page_shows_result_log_and_moves(admin_client):
    TaskFactory(name="گزارش <b>", due_at=timezone.now() - timedelta(days=9))
    process = Process.objects.get(name="reschedule_remaining_tasks")
    execution = launch(process, trigger=Trigger.MANUAL)
    run_execution(execution.pk)

    text = admin_client.get(reverse("admin:automation_execution_change", args=[execution.pk])).text

    assert "Automatic moves (1)" in text
    assert "گزارش &lt;b&gt;</td>" in text
    assert "&quot;tasks_rescheduled&quot;: 1" in text
    assert "Log (2)" in text


def _written(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%a %Y-%m-%d %H:%M}"


def test_tasks_can_be_filtered_by_due_day_and_searched(admin_client):
    now = timezone.localtime()
    TaskFactory(name="of last week", due_at=now - timedelta(days=7))
    TaskFactory(name="of this moment", due_at=now)
    TaskFactory(
        name="done", due_at=now - timedelta(days=7), status=TaskStatus.COMPLETED, completed_at=now
    )

    def names(query: str) -> set[str]:
        shown = admin_client.get(f"{LIST}?{query}").context["cl"].queryset
        return {task.name for task in shown}

    assert names("due=overdue") == {"of last week"}
    assert names("due=today") == {"of this moment"}
    assert names("q=week") == {"of last week"}


def test_completing_a_task_in_the_form_sets_its_completion_time(admin_client):
    task = TaskFactory(name="write it")
    url = reverse("admin:tasks_task_change", args=[task.pk])
    form = {"name": "write it", "status": "completed", "priority": "high"}
    form |= {"moves-TOTAL_FORMS": "0", "moves-INITIAL_FORMS": "0"}

    assert admin_client.post(url, form).status_code == 302

    task.refresh_from_db()
    assert (task.status, task.completed_at is not None) == ("completed", True)


def test_task_list_takes_a_constant_number_of_queries(admin_client, django_assert_max_num_queries):
    Task.objects.bulk_create(Task(name=str(n), due_at=timezone.now()) for n in range(50))

    with django_assert_max_num_queries(10):
        admin_client.get(LIST)


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("۲۰۲۶/۱۱/۲۴", ""),
        ("1405-09-03", "write 2026-11-24."),
        ("soon", "&#x27;soon&#x27; is not a date"),
    ],
)
def test_due_date_is_read_with_any_digits_and_no_persian_year_is_taken(admin_client, day, told):
    inlines = {"moves-TOTAL_FORMS": "0", "moves-INITIAL_FORMS": "0"}
    typed = {"name": "call", "status": "pending", "priority": "low", **inlines}

    response = admin_client.post(
        reverse("admin:tasks_task_add"), {**typed, "due_at_0": day, "due_at_1": "۰۷:۳۰"}
    )

    if told:
        assert told in response.text
        assert not Task.objects.filter(name="call").exists()
    else:
        due = timezone.localtime(Task.objects.get(name="call").due_at)
        assert f"{due:%Y-%m-%d %H:%M}" == "2026-11-24 07:30"
