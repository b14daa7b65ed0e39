"""Switching and starting from the list: nothing is stopped or started by one click, unasked."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from django.utils import timezone

from automation.engine.end import pausing
from automation.models import Execution, Trigger
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

LIST = page("process_changelist")
ASKED = "Within the hour this would have started"


@pytest.fixture
def half_past_six():
    with time_machine.travel("2026-11-25 06:30:00+03:30"):
        yield


def switched_off(client, process, **fields):
    return client.post(page("process_switch", process.pk, "off"), fields, follow=True).text


@pytest.mark.usefixtures("half_past_six")
@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        ({"cron": "0 7 * * *"}, True),
        ({"cron": "30 7 * * *"}, True),
        ({"cron": "31 7 * * *"}, False),
        ({"cron": "0 7 * * *", "trigger_type": "manual"}, False),
        ({}, False),
    ],
)
def test_switch_asks_where_it_stops_what_is_due_within_the_hour(admin_client, fields, asks):
    process = ProcessFactory(**fields)

    assert (ASKED in switched_off(admin_client, process)) == asks
    process.refresh_from_db()
    assert process.is_enabled == asks

    switched_off(admin_client, process, confirmed="yes")
    process.refresh_from_db()
    assert not process.is_enabled


@pytest.mark.usefixtures("half_past_six")
def test_switch_asks_where_a_start_waits(admin_client):
    process = ProcessFactory()
    soon = timezone.now() + timedelta(minutes=20)
    ExecutionFactory(process=process, trigger=Trigger.RETRY, available_at=soon)

    assert "1 start waits" in switched_off(admin_client, process)


@pytest.mark.usefixtures("half_past_six")
def test_what_is_paused_is_switched_off_unasked(admin_client):
    process = ProcessFactory(cron="0 7 * * *")
    pausing.pause([process], why="repairs")

    assert ASKED not in switched_off(admin_client, process)


@pytest.mark.usefixtures("half_past_six")
def test_action_asks_too_and_keeps_what_was_chosen(admin_client):
    due, other = ProcessFactory(cron="0 7 * * *"), ProcessFactory()
    chosen = {"action": "disable", "_selected_action": [due.pk, other.pk]}

    text = admin_client.post(LIST, chosen).text
    assert f"{due.title}</strong>: due at Wed 2026-11-25 07:00" in text
    assert f"{other.title}</strong>" not in text

    text = admin_client.post(LIST, chosen | {"confirmed": "yes"}, follow=True).text
    assert "Disabled 2 processes: " in text


@pytest.mark.usefixtures("half_past_six")
def test_all_pages_of_a_list_are_switched_off_after_the_question(admin_client, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 10
    process = ProcessFactory.create_batch(12, cron="0 7 * * *")[0]
    other = ProcessFactory(function="probes.fail")
    chosen = {"action": "disable", "_selected_action": [process.pk], "select_across": "1"}
    some = f"{LIST}?function={process.function}"

    asked = admin_client.post(some, chosen)
    assert asked.text.count("</strong>: due at") == 12
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked.text))
    assert f'action="{some}"' in asked.text
    assert "Disabled 12 processes: " in admin_client.post(some, fields, follow=True).text
    other.refresh_from_db()
    assert other.is_enabled


FILTERS = urlencode({"is_enabled__exact": "1", "p": "2", "q": "proc"})


def kept(client, name, *args, **fields):
    """Where a button of the filtered list leads."""
    address = f"{page(name, *args)}?{urlencode({'_changelist_filters': FILTERS})}"
    if name == "process_resume":
        address += "&list"
    return client.post(address, fields)["Location"]


def test_switch_resume_and_pause_lead_back_to_filters_and_page(admin_client):
    process = ProcessFactory.create_batch(30)[0]
    back = f"{LIST}?{FILTERS}"

    text = admin_client.get(back).text
    assert f"/switch/off/?_changelist_filters={urlencode({'x': FILTERS})[2:]}" in text
    assert kept(admin_client, "process_switch", process.pk, "off") == back
    assert kept(admin_client, "process_switch", process.pk, "on") == back
    assert kept(admin_client, "process_pause_everything", why="x") == back
    assert kept(admin_client, "process_resume_everything") == back
    pausing.pause([process], why="x")
    assert kept(admin_client, "process_resume", process.pk) == back


def test_pause_from_the_list_leads_back_to_it(admin_client):
    process = ProcessFactory()
    chosen = {"action": "pause", "_selected_action": [process.pk]}
    response = admin_client.post(f"{LIST}?q=proc", chosen)

    response = admin_client.post(response.context["address"], {"why": "repairs"}, follow=True)

    assert response.redirect_chain[-1][0] == f"{LIST}?q=proc"
    assert f"Paused 1 process: {process.title}." in response.text


def test_messages_name_only_what_was_paused_or_resumed(admin_client):
    one, other = ProcessFactory(label="One"), ProcessFactory(label="Other")
    pausing.pause([one], why="repairs")
    both = {"action": "resume", "_selected_action": [one.pk, other.pk]}

    assert "Resumed 1 process: One." in admin_client.post(LIST, both, follow=True).text

    pausing.pause([one], why="repairs")
    many = {"chosen": f"{one.pk},{other.pk}", "why": "flood"}
    text = admin_client.post(page("process_pause_many"), many, follow=True).text
    assert "Paused 1 process: Other." in text


def test_run_now_in_the_list_opens_the_form_and_starts_nothing(admin_client):
    process = ProcessFactory()
    form = page("process_run", process.pk)

    assert f'<a class="automation-tool" href="{form}"' in admin_client.get(LIST).text
    assert "Parameters for this run" in admin_client.get(form).text
    assert not Execution.objects.exists()
