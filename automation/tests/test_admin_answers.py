"""What lists and pages say where a bare number, or none, would mislead."""

import pytest
from django.urls import reverse
from django.utils import timezone

from automation.engine.end import pausing
from automation.models import Execution, Status, TriggerType
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db


def test_viewer_reads_an_interval_with_its_unit_and_no_inputs_of_other_kinds(person_with):
    process = ProcessFactory(
        trigger_type=TriggerType.TIME_BASED,
        schedule_kind="interval",
        every=45,
        anchor=timezone.now(),
    )

    text = person_with("view_process").get(page("process_change", process.pk)).text

    assert '<div class="readonly">45 minutes</div>' in text
    assert "field-every_shown" in text
    assert "field-cron" not in text
    assert "field-run_at" not in text


def test_state_down_finds_what_paused_itself_after_failures(admin_client):
    failed = ProcessFactory(pause_after_failures=1)
    pausing.pause_after_failures(
        ExecutionFactory(process=failed, status=Status.FAILED, completed_at=timezone.now()),
        Status.FAILED,
    )
    by_hand = ProcessFactory()
    pausing.pause([by_hand], why="repairs")

    Execution.objects.all().delete()  # History is deleted after a while.

    response = admin_client.get(page("process_changelist"), {"state": "down"})

    assert list(response.context["cl"].result_list) == [failed]
    assert "down, or paused by itself after failures" in response.text


@pytest.mark.parametrize("name", ["failure", "success", "schedule", "ormq"])
def test_pages_of_ordinary_work_say_where_runs_of_processes_are(admin_client, name):
    text = admin_client.get(reverse(f"admin:django_q_{name}_changelist")).text

    assert "Runs of processes are not among these" in text
    assert f'<a href="{page("execution_changelist")}">The runs of processes' in text


@pytest.mark.parametrize("emails", [[], ["boss@example.com"]])
def test_notices_say_where_nobody_is_told(admin_client, settings, emails):
    settings.AUTOMATION = {**getattr(settings, "AUTOMATION", {}), "NOTIFY_EMAILS": emails}

    text = admin_client.get(page("notice_changelist")).text

    assert ("NOTIFY_EMAILS is empty" in text) == (not emails)
