"""The site while an atomic run goes on in a real worker: on SQLite nobody else may write then."""

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.contrib.auth.models import User

from automation.engine import cancel_requests
from automation.engine.cancelling import CancelError, cancel
from automation.models import Execution, Status, reasons
from automation.tests.factories import ProcessFactory, UserFactory
from automation.tests.pages import filled_form
from automation.tests.test_cluster import started, wait_for
from automation.tests.written import written
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def running(qcluster) -> Iterator[Execution]:
    """It has written already, so that it holds the lock."""
    sara = UserFactory(username="sara", is_staff=True, is_superuser=True)
    sara.set_password("behflow")
    sara.save()
    execution = started("take_long", time_limit=60, seconds=50)
    cluster = qcluster()
    wait_until(lambda: "Asleep" in cluster.text, why=cluster)
    yield execution
    with suppress(CancelError):  # Or the stop of the workers would wait for it.
        cancel(execution)


def log_in(client) -> None:
    answer = client.post("/admin/login/?next=/admin/", {"username": "sara", "password": "behflow"})
    assert answer.status_code == 302


def test_login_and_pages_do_not_wait_and_a_run_is_cancelled_by_who_asked(client, running):
    begun = time.monotonic()
    log_in(client)
    for address in ("/admin/", "/admin/automation/execution/", "/admin/automation/process/"):
        assert client.get(address).status_code == 200
    assert time.monotonic() - begun < 6
    running.refresh_from_db()
    assert running.status == Status.RUNNING

    asked = client.post(f"/admin/automation/execution/{running.pk}/cancel/", follow=True)

    assert asked.status_code == 200
    wait_for(running, Status.CANCELLED)
    assert (running.reason, running.cancel_requested_by_name) == (reasons.CANCELLED, "sara")
    assert running.cancel_requested_by == User.objects.get()
    assert time.monotonic() - begun < 15
    assert not written().exists()
    wait_until(lambda: not cancel_requests.asked())


@pytest.mark.sqlite
def test_page_that_has_to_write_says_soon_for_whom_it_would_wait(client, running):
    log_in(client)
    process = ProcessFactory.build(name="another")
    form = filled_form(name=process.name, function=process.function)
    begun = time.monotonic()

    answer = client.post("/admin/automation/process/add/", form)

    assert answer.status_code == 503
    assert time.monotonic() - begun < 8
    assert running.title in answer.text
    assert f'href="/admin/automation/execution/{running.pk}/cancel/"' in answer.text


def test_run_is_cancelled_at_a_terminal(running, manage):
    done = manage("cancel_execution", str(running.pk), "--wait", "20")

    assert done.returncode == 0, done.stderr + done.stdout
    running.refresh_from_db()
    assert running.status == Status.CANCELLED
    assert "terminal" in running.cancel_requested_by_name
