"""What a message on top of a page says, stands there as it is written."""

import pytest
from django.utils import timezone

from automation.models import Status
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db


def test_name_at_the_beginning_of_a_message_gets_no_capital(admin_client):
    process = ProcessFactory(name="slow", function="probes.give_back")
    done = ExecutionFactory(process=process, status=Status.FAILED, completed_at=timezone.now())

    text = admin_client.post(page("execution_cancel", done.pk), follow=True).text
    assert f"slow #{done.pk} has ended already: failed." in text
    text = admin_client.post(page("process_run", process.pk), follow=True).text
    assert "slow was not started. A value is needed for what." in text
    assert "Slow" not in text


def test_markup_in_a_message_is_shown_and_not_obeyed(admin_client):
    process = ProcessFactory(function="probes.greet", parameters={"name": 5, "<b>": 1})

    text = admin_client.post(page("process_run", process.pk), follow=True).text

    assert "&lt;b&gt;" in text
    assert "<b>" not in text
