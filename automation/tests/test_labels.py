"""A process may be called in any script: its label, wherever people read."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils.html import strip_tags
from django_q.models import Schedule

from automation.engine.start.launch import launch
from automation.engine.upkeep import repairing
from automation.models import Cause, Execution, Notice, Process, Status, Trigger, record_unstarted
from automation.notifications import mail
from automation.tests.factories import ExecutionFactory, ProcessFactory

pytestmark = pytest.mark.django_db

LABEL = "گزارش شبانه"


@pytest.fixture
def nightly():
    Process.objects.all().delete()
    return ProcessFactory(name="nightly", label=LABEL, cron="30 2 * * *")


def text_of(client, page, *arguments, **query):
    response = client.get(reverse(f"admin:automation_{page}", args=arguments), query)
    assert response.status_code == 200
    return " ".join(strip_tags(response.content.decode()).split())


def test_process_without_a_label_is_called_by_its_name():
    process = ProcessFactory.build(name="nightly", label=" \t")

    assert (process.title, str(process)) == ("nightly", "nightly")


def test_label_is_one_line_however_it_was_typed(nightly):
    nightly.label = " گزارش\n شبانه "
    nightly.full_clean()

    assert nightly.label == LABEL


def test_label_is_of_100_characters_at_most(nightly):
    nightly.label = "ش" * 101

    with pytest.raises(ValidationError, match="at most 100 characters"):
        nightly.full_clean()


def test_each_execution_keeps_the_label_that_its_process_had(nightly):
    started = launch(nightly, trigger=Trigger.MANUAL)
    record_unstarted(nightly, [(nightly.created_at, Cause(Status.MISSED, "nothing_running"))])
    missed = Execution.objects.get(status=Status.MISSED)
    nightly.label = "Later"
    nightly.save()

    for execution in (started, missed):
        execution.refresh_from_db()
        assert execution.title == f"{LABEL} #{execution.pk}"
        assert str(execution) == f"nightly #{execution.pk}"


@pytest.mark.parametrize("page", ["process_changelist", "process_change", "process_history"])
def test_pages_of_a_process_show_its_label(admin_client, nightly, page):
    arguments = [] if page.endswith("list") else [nightly.pk]

    assert LABEL in text_of(admin_client, page, *arguments)


@pytest.mark.parametrize("page", ["run", "explain", "backfill", "pause"])
def test_pages_about_what_can_be_done_show_it(admin_client, nightly, page):
    assert LABEL in text_of(admin_client, f"process_{page}", nightly.pk)


def test_trail_above_its_changes_names_it_too(admin_client, nightly):
    page = admin_client.get(reverse("admin:automation_process_history", args=[nightly.pk]))

    assert f">{LABEL}</a>" in page.text


def test_list_shows_the_name_beside_it(admin_client, nightly):
    ProcessFactory(name="plain")

    page = admin_client.get(reverse("admin:automation_process_changelist")).content.decode()

    assert f'<span dir="auto">{LABEL}</span><br><span' in page
    assert ">nightly</span>" in page
    assert page.count(">plain<") == 1


def test_form_offers_it(admin_client):
    response = admin_client.get(reverse("admin:automation_process_add"))

    assert 'name="label"' in response.content.decode()


@pytest.mark.parametrize("term", ["شبانه", "nightly"])
def test_processes_and_executions_are_found_by_either(admin_client, nightly, term):
    ProcessFactory(name="other")
    ExecutionFactory(process=nightly)
    ExecutionFactory(process=None, process_name="nightly", process_label=LABEL)
    ExecutionFactory(process=None, process_name="gone")

    assert LABEL in text_of(admin_client, "process_changelist", q=term)
    executions = text_of(admin_client, "execution_changelist", q=term)
    assert executions.count(f"{LABEL} #") == 2
    assert "gone #" not in executions


def test_execution_of_a_process_that_is_gone_still_has_it(admin_client, nightly):
    execution = launch(nightly, trigger=Trigger.MANUAL)
    nightly.delete()

    text = text_of(admin_client, "execution_change", execution.pk)

    assert f"{LABEL} #{execution.pk}" in text
    assert f"{LABEL} (deleted since)" in text


def test_mail_has_both(nightly):
    execution = ExecutionFactory(process=nightly, completed=True)
    notice = Notice.objects.create(
        event="failed",
        execution=execution,
        process=nightly,
        process_name=nightly.name,
        process_label="گزارش\r\nBcc: x",
    )

    told = mail.about([notice])

    assert told.subject.endswith("گزارش Bcc: x failed")
    assert "Process: گزارش Bcc: x (nightly)" in told.body


def test_failure_is_noted_under_the_label(nightly, settings):
    from automation.engine.end import notices  # noqa: PLC0415

    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": ["x@example.com"]}
    notices.after_failure(ExecutionFactory(process=nightly), Status.FAILED)

    assert Notice.objects.get().process_title == LABEL


def test_deployment_and_log_name_it_by_its_name(nightly, capsys, caplog):
    call_command("safe_to_deploy", "--minutes", "1440")
    told = capsys.readouterr().out
    Schedule.objects.all().delete()
    repairing.repair([nightly.pk])

    assert "Falls due: nightly at " in told
    assert "are there again: nightly." in caplog.text
    assert LABEL not in told + caplog.text


def test_commands_list_both_and_lead_from_the_label_to_the_name(nightly, capsys):
    call_command("list_processes")
    table = capsys.readouterr().out
    call_command("list_processes", "--json")
    [row] = json.loads(capsys.readouterr().out)

    assert (row["name"], row["label"]) == ("nightly", LABEL)
    assert LABEL in table
    with pytest.raises(CommandError, match="Did you mean nightly"):
        call_command("run_process", LABEL)


def test_commands_show_no_column_of_labels_where_there_are_none(nightly, capsys):
    Process.objects.update(label="")
    call_command("list_processes")

    assert "LABEL" not in capsys.readouterr().out
