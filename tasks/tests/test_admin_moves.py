"""All moves can be seen: of a run, of a task, of a person."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from automation.parameters import MASK, Masker
from automation.reports import changes
from automation.testing import preview, run, undo
from tasks.admin import TaskMoveAdmin
from tasks.models import Task, TaskMove
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db

MAIN_JOB = "reschedule_remaining_tasks"
MOVES = reverse("admin:tasks_taskmove_changelist")


@pytest.fixture
def omid() -> User:
    return User.objects.create(username="omid")


@pytest.fixture
def moved(omid):
    """The execution that moved 102 tasks, two of them Omid's; and one before it, that moved one."""
    TaskFactory(name="first", due_at=timezone.now() - timedelta(days=3))
    run(MAIN_JOB)
    late = timezone.now() - timedelta(days=2)
    TaskFactory.create_batch(100, due_at=late)
    TaskFactory.create_batch(2, due_at=late, owner=omid)
    return run(MAIN_JOB)


def reader(client, *codenames):
    person = User.objects.create(username="sara", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(person)
    return client


def story(execution) -> str:
    return reverse("admin:automation_execution_change", args=[execution.pk])


def listed(client, **query) -> set[int]:
    response = client.get(MOVES, query)
    assert response.status_code == 200
    return {move.task_id for move in response.context["cl"].queryset}


def test_execution_leads_to_all_of_its_moves(admin_client, moved):
    text = admin_client.get(story(moved)).text
    address = f"{MOVES}?execution__id__exact={moved.pk}"
    assert f'<a href="{address}">All: 102 automatic moves</a>' in text

    response = admin_client.get(address)
    assert "102 automatic moves" in response.text
    assert len(response.context["cl"].result_list) == 100
    second = admin_client.get(address, {"execution__id__exact": moved.pk, "p": 2})
    assert len(second.context["cl"].result_list) == 2


def test_list_filters_by_execution_owner_task_and_day(admin_client, moved, omid):
    his = set(Task.objects.filter(owner=omid).values_list("pk", flat=True))
    first = Task.objects.get(name="first").pk

    assert len(listed(admin_client)) == 103
    assert listed(admin_client, task__owner__id__exact=omid.pk) == his
    assert listed(admin_client, task__id__exact=first) == {first}
    assert len(listed(admin_client, execution__id__exact=moved.pk)) == 102
    tomorrow = f"{timezone.now() + timedelta(days=1)}"
    assert not listed(admin_client, moved_at__gte=tomorrow)
    assert listed(admin_client, q="first") == {first}


def test_list_names_owner_and_links_task_and_execution_for_who_may_see_them(client, moved, omid):
    task = Task.objects.filter(owner=omid).first()
    client = reader(client, "view_taskmove")
    asked = {"task__id__exact": task.pk}

    text = client.get(MOVES, asked).text
    assert task.name in text
    assert "omid" in text
    assert "/change/" not in text

    User.objects.get(username="sara").user_permissions.set(
        Permission.objects.filter(codename__in=["view_taskmove", "view_task", "view_execution"])
    )
    text = client.get(MOVES, asked).text
    assert reverse("admin:tasks_task_change", args=[task.pk]) in text
    assert story(moved) in text


def test_who_may_see_no_moves_is_led_to_none(client, moved):
    client = reader(client, "view_execution", "view_task")

    assert MOVES not in client.get(story(moved)).text
    task = Task.objects.first()
    assert MOVES not in client.get(reverse("admin:tasks_task_change", args=[task.pk])).text
    assert client.get(MOVES).status_code == 403
    every = reverse("admin:automation_execution_changes", args=[moved.pk])
    assert client.get(every).status_code == 403


def test_moves_of_a_deleted_task_stay_in_the_list(admin_client, moved):
    Task.objects.get(name="first").delete()

    text = admin_client.get(MOVES, {"q": "first"}).text

    assert "first (deleted since)" in text
    assert admin_client.post(MOVES, {"action": "delete_selected"}).status_code == 200
    assert TaskMove.objects.count() == 103


def test_page_of_a_task_leads_to_its_moves(admin_client, moved):
    task = Task.objects.get(name="first")

    text = admin_client.get(reverse("admin:tasks_task_change", args=[task.pk])).text

    assert f"{MOVES}?task__id__exact={task.pk}" in text
    assert admin_client.get(reverse("admin:tasks_task_add")).status_code == 200


def test_move_that_was_put_back_counts_no_more(admin_client):
    due = timezone.now() - timedelta(days=3)
    task = TaskFactory(due_at=due)
    undo(run(MAIN_JOB))
    counted = Task.objects.with_moves().values_list("times_moved", "first_due_at")
    assert counted.get() == (0, due)

    run(MAIN_JOB)

    assert counted.all().get() == (1, due)
    text = admin_client.get(MOVES, {"task__id__exact": task.pk}).text
    assert text.count("put back</td>") == 1
    assert text.count('field-kind">moved</td>') == 2


def test_changes_of_any_process_have_pages_where_their_model_has_no_list(
    admin_client, moved, monkeypatch
):
    monkeypatch.setattr(TaskMoveAdmin, "linked_lookups", ())
    every = reverse("admin:automation_execution_changes", args=[moved.pk])
    assert f'<a href="{every}">All: 102 automatic moves</a>' in admin_client.get(story(moved)).text

    first, second = (admin_client.get(every, {"p": number}).text for number in ("1", "2"))

    assert "1 to 100 of 102." in first
    assert "101 to 102 of 102." in second
    assert first.count("<tr>") - second.count("<tr>") == 98
    assert admin_client.get(every, {"p": "x"}).status_code == 200
    assert admin_client.get(every.replace(str(moved.pk), "999999")).status_code == 404
    assert admin_client.post(every).status_code == 403


def test_pages_of_changes_hide_what_is_sensitive_in_that_run(admin_client, moved, monkeypatch):
    name = TaskMove.objects.filter(execution_id=moved.pk).first().task_name
    every = reverse("admin:automation_execution_changes", args=[moved.pk])
    assert name in admin_client.get(every).text

    monkeypatch.setattr(changes, "masker_of", lambda execution: Masker([name]))

    assert name not in admin_client.get(every).text
    for address in (every, story(moved)):
        rows = admin_client.get(address).context["changes"].rows
        assert rows[0]["task_name"] == MASK


def test_preview_has_no_rows_to_lead_to(admin_client):
    TaskFactory(due_at=timezone.now() - timedelta(days=3))

    text = admin_client.get(story(preview(MAIN_JOB))).text

    assert "Would write: 1 automatic move" in text
    assert "All: " not in text
