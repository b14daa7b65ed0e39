"""Every list of the admin answers what its page offers, and nothing else."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils import timezone

from automation.admin.base import ListAdmin
from automation.models import (
    Calendar,
    ConcurrencyGroup,
    Execution,
    MaintenanceWindow,
    Notice,
    Pause,
    Status,
    Trigger,
)
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory, UserFactory
from tasks.models import Task, TaskMove

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)

#: What pages link to; everything else is refused.
OFFERED = {
    "automation.process": {"function"},
    "automation.execution": set(),
    "automation.notice": set(),
    "tasks.task": set(),
    "django_q.success": {"group", "cluster", "group__isnull", "cluster__isnull"},
    "django_q.failure": {"group", "cluster", "group__isnull", "cluster__isnull"},
    "django_q.schedule": {"cluster", "cluster__isnull", "next_run__isnull"},
    "django_q.ormq": {"key"},
}

LOOKUPS = [
    *("", "__a", "__a__b__startswith", "__a__regex", "__startswith", "__iexact", "__regex"),
    *("__range", "__in", "__isnull", "__gt", "__contains", "__date", "__year", "__length"),
]


def address(model, name: str = "changelist", *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def status_of(rf, person, model, query) -> int:
    """What the list's view answers; the page is not rendered, for it is asked very often."""
    request = rf.get(address(model), query)
    request.user = person
    return admin.site._registry[model].changelist_view(request).status_code


def test_every_list_is_a_strict_one():
    assert all(isinstance(admin.site._registry[model], ListAdmin) for model in MODELS)
    assert len(MODELS) >= 14


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_column_can_be_asked_for_what_the_page_does_not_offer(rf, admin_user, model):
    names = [field.name for field in model._meta.get_fields()]
    names += [f"{field.name}__pk" for field in model._meta.get_fields() if field.is_relation]
    offered = OFFERED.get(model._meta.label_lower, set())
    asked = {f"{name}{lookup}" for name in names for lookup in LOOKUPS} - offered

    answered = {name for name in asked if status_of(rf, admin_user, model, {name: "1"}) != 400}

    # Dates have ranges, relations and choices an empty one, a hierarchy of dates a year.
    odd = {name for name in answered if not _is_offered(model, name)}
    assert not odd


def _is_offered(model, name: str) -> bool:
    page = admin.site._registry[model]
    fields = {each[0] if isinstance(each, tuple) else each for each in page.list_filter}
    if name == f"{page.date_hierarchy}__year":
        return True
    return name.endswith("__isnull") and name.removesuffix("__isnull") in fields


NONSENSE = [
    {"name__regex": "["},
    {"pk__range": "a"},
    {"id__in": "a,b"},
    {"__".join(["parameters", *"a" * 300]): "1"},
    {"__".join(["process", *["pauses", "process"] * 150]): "1"},
    {"nonsense": "1"},
    {"nonsense": "a\0b"},
    {"a\0b": "1"},
    {"q": "a\0b"},
    {"q": "a " * 11},
    {"q": "x" * 201},
    {"p": "abc"},
    {"p": "0"},
    {"p": "-1"},
    {"p": "9" * 400},
    {"o": "x"},
    {"o": "99"},
    {"o": "-1.-99"},
    {"o": "9" * 5_000},
    {"e": "1"},
    {"_to_field": "password"},
    {"_to_field": "a\0b"},
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_nonsense_is_refused_by_every_list(rf, admin_user, model):
    answered = [query for query in NONSENSE if status_of(rf, admin_user, model, query) != 400]

    assert not answered


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Execution, {"created_at__gte": "yesterday"}),
        (Execution, {"process__id__exact": "9" * 30}),
        (Execution, {"process__id__exact": "x"}),
        (Execution, {"requested_by__id__exact": "9223372036854775808"}),
        (Execution, {"person": "<b>"}),
        (Execution, [("status__exact", "failed"), ("status__exact", "lost")]),
        (Task, {"due_at__year": "0"}),
        (Task, {"due_at__year": "9999"}),
        (Task, {"due_at__year": "9" * 400}),
        (Task, {"due_at__year": "2026", "due_at__month": "13"}),
        (Task, {"due_at__month": "1"}),
        (Task, {"due_at__gte": "2026-01-01"}),
        (Task, {"due": "someday"}),
        (Task, {"owner__id__exact": "0"}),
        (Task, {"owner__id__exact": "nobody"}),
        (Task, {"keep_due_date__exact": "perhaps"}),
        (User, {"is_staff__exact": "perhaps"}),
    ],
)
def test_value_that_a_filter_cannot_read_is_refused(admin_client, model, query):
    response = admin_client.get(f"{address(model)}?{urlencode(query)}")

    assert response.status_code == 400
    assert "Open the list without it" in response.text


def test_value_at_the_end_of_the_calendar_is_no_error(admin_client):
    query = {"created_at__gte": "0001-01-01 00:00:00+14:00"}  # The databases differ in it.

    assert admin_client.get(address(Execution), query).status_code in {200, 400}


@pytest.mark.parametrize("number", ["abc", "1\0", "9" * 400, "-9" * 30, ""])
@pytest.mark.parametrize(
    ("page", "action"),
    [("process", "disable"), ("process", "delete_selected"), ("execution", "cancel_chosen")],
)
def test_what_is_ticked_must_be_a_row(admin_client, page, action, number):
    ProcessFactory()
    chosen = {"action": action, "_selected_action": number, "index": "0"}

    response = admin_client.post(reverse(f"admin:automation_{page}_changelist"), chosen)

    assert response.status_code == 400


@pytest.mark.parametrize("term", ["a\0b", "x" * 201])
def test_input_that_completes_names_refuses_it_too(admin_client, monkeypatch, term):
    monkeypatch.setattr(admin.site._registry[Task], "autocomplete_fields", ("owner",))
    asked = {"app_label": "tasks", "model_name": "task", "field_name": "owner", "term": term}

    assert admin_client.get(reverse("admin:autocomplete"), asked).status_code == 400


def test_page_behind_the_last_one_is_the_last_one(admin_client):
    ProcessFactory.create_batch(30)

    response = admin_client.get(reverse("admin:automation_process_changelist"), {"p": "77"})

    assert response.context["cl"].page_num == 2
    assert response.context["cl"].result_list


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_forms_are_not_filled_by_an_address(admin_client, model):
    if not admin.site._registry[model].has_add_permission(_request(admin_client)):
        return
    query = {field.name: "a\0b[" for field in model._meta.fields}

    assert admin_client.get(address(model, "add"), query).status_code == 200


def _request(client):
    return client.get("/admin/").wsgi_request


@pytest.fixture
def world(admin_user):
    """Something for each list to show, so that each filter has its choices."""
    calendar, group = Calendar.objects.create(name="off"), ConcurrencyGroup.objects.create(name="g")
    for number in range(27):
        process = ProcessFactory(calendar=calendar, concurrency_group=group)
        ExecutionFactory(process=process, completed=True, requested_by=admin_user)
        Task.objects.create(name=f"t{number}", due_at=timezone.now(), owner=UserFactory())
    failed = ExecutionFactory(
        status=Status.FAILED, completed_at=timezone.now(), trigger=Trigger.SCHEDULE
    )
    Notice.objects.create(event="failed", process_name="x", execution=failed)
    Pause.objects.create(process=process, why="x")
    start = timezone.now()
    MaintenanceWindow.objects.create(label="w", starts_at=start, ends_at=start + timedelta(days=1))
    TaskMove.objects.create(
        execution=failed,
        task=Task.objects.first(),
        task_name="t",
        moved_at=start,
        old_due_at=start,
        new_due_at=start,
    )
    NodeFactory()
    queued, schedule, task = (
        apps.get_model("django_q", name) for name in ("OrmQ", "Schedule", "Task")
    )
    queued.objects.create(key="behflow", payload="", lock=start)
    schedule.objects.create(func="x", name="s")
    for number in range(4):
        task.objects.create(
            id=f"{number}",
            name=f"n{number}",
            func="x",
            group=f"g{number}",
            started=start,
            stopped=start,
            success=number % 2 == 0,
        )
    ContentType.objects.get_for_model(Task)


def links_on(text: str, base: str) -> set[str]:
    found = {unescape(link) for link in re.findall(r'href="([^"#]+)"', text)}
    return {base + link if link.startswith("?") else link for link in found}


def test_own_links_are_all_answered(admin_client, world):
    """Every link to a list on every list, and on the pages they lead to, twice over."""
    lists = [address(model) for model in MODELS]
    pages, seen = {"/admin/", *lists}, set()
    for _ in range(2):
        found = set()
        for page in sorted(pages):
            response = admin_client.get(page)
            assert response.status_code == 200, page
            base = page.partition("?")[0]
            found |= {link for link in links_on(response.text, base) if _is_worth(link, lists)}
        seen |= pages
        pages = _one_of_each(found) - seen
    assert len(seen) > 60


def _is_worth(link: str, lists: list[str]) -> bool:
    return link.partition("?")[0] in lists or link.endswith("/change/")


def _one_of_each(links: set[str]) -> set[str]:
    """Links that differ in numbers alone are one kind."""
    return set({re.sub(r"\d+", "#", link): link for link in sorted(links)}.values())
