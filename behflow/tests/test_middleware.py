import pytest
from django.contrib.auth.models import Permission
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory

from automation.admin import ProcessAdmin
from automation.models import Process
from automation.tests.factories import ExecutionFactory, UserFactory
from automation.tests.pages import filled_form
from behflow.middleware import DatabaseBusyMiddleware

pytestmark = pytest.mark.django_db


def test_page_that_meets_a_busy_database_says_so(admin_client, monkeypatch):
    def fail(self, *args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(Process, "save", fail)
    process = Process.objects.get(name="reschedule_remaining_tasks")
    form = filled_form(name=process.name, function=process.function)

    response = admin_client.post(f"/admin/automation/process/{process.pk}/change/", form)

    assert response.status_code == 503
    assert "Nothing was saved." in response.text
    assert response["Retry-After"] == "10"


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("codenames", "is_named", "may_cancel"),
    [
        ([], False, False),
        (["cancel_execution"], False, False),
        (["view_execution"], True, False),
        (["view_execution", "cancel_execution"], True, True),
    ],
)
def test_page_names_the_run_that_writes_to_who_may_see_runs(codenames, is_named, may_cancel):
    running = ExecutionFactory(running=True)
    request = RequestFactory().get("/")
    request.user = UserFactory()
    request.user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    busy = DatabaseBusyMiddleware(lambda request: HttpResponse())

    text = busy.process_exception(request, OperationalError("database is locked")).text

    assert (running.title in text) == is_named
    assert (f"/execution/{running.pk}/change/" in text) == is_named
    assert ("/cancel/" in text) == may_cancel


@pytest.mark.parametrize(
    "said", ["no such table: automation_process", "table automation_process has no column named a"]
)
def test_missing_table_is_not_called_a_busy_database(admin_client, monkeypatch, said):
    def fail(*_args, **_options):
        raise OperationalError(said)

    monkeypatch.setattr(ProcessAdmin, "get_queryset", fail)

    with pytest.raises(OperationalError, match=said):
        admin_client.get("/admin/automation/process/")


def test_every_answer_allows_only_what_the_site_itself_serves(client):
    for address in ("/", "/admin/login/", "/nowhere"):
        policy = client.get(address)["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
