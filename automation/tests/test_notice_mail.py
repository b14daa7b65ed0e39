"""What a notice says."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from automation.engine.end import pausing
from automation.models import Execution, LogLine, Notice, Process
from automation.reports.masking import masker_of
from automation.testing import run
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.post import send_next

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def site(settings):
    told = {"NOTIFY_EMAILS": ["sara@example.org", "omid@example.org"]}
    settings.AUTOMATION = {
        **settings.AUTOMATION,
        **told,
        "SITE_URL": "https://behflow.example.org",
    }


@pytest.fixture
def mail(mailoutbox):
    def of(process: Process, **columns):
        execution = run(process)
        Execution.objects.filter(pk=execution.pk).update(**columns)
        assert send_next()
        return mailoutbox[-1]

    return of


def failing(**fields) -> Process:
    return ProcessFactory(name="nightly", function="probes.write_then_raise", **fields)


def test_mail_says_what_failed_when_it_was_due_and_why(mail, time_machine):
    time_machine.move_to(datetime(2026, 11, 24, 4, 0, tzinfo=UTC), tick=False)
    due = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)

    sent = mail(failing(cron="0 7 * * *", timezone="Asia/Tehran"), scheduled_for=due)

    assert sent.subject == "[behflow.example.org] nightly failed"
    assert sent.to == ["sara@example.org", "omid@example.org"]
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    page = f"admin/automation/execution/{Execution.objects.get().pk}/change/"
    for line in (
        "Process: nightly",
        "Due: Tue 2026-11-24 07:00 Asia/Tehran",
        "Ended: Tue 2026-11-24 07:30:00 Asia/Tehran",
        f"Execution: #{Execution.objects.get().pk} https://behflow.example.org/{page}",
        "Error:\n  ValueError: no \N{REPLACEMENT CHARACTER} luck",
        "What happens next:\n  It runs next at Wed 2026-11-25 07:00 Asia/Tehran.",
        "The last line of its log:\n  07:30:00 WARNING About to fail",
        "Sent by https://behflow.example.org.",
    ):
        assert line in sent.body, sent.body
    notice = Notice.objects.get()
    assert (notice.subject, notice.body) == (sent.subject, sent.body)
    assert notice.recipients == "sara@example.org, omid@example.org"


def test_mail_in_persian_is_in_persian_with_its_marks_of_direction(mail, settings):
    settings.LANGUAGE_CODE = "fa"
    down = {"since": "2026-11-24T01:00:00Z", "until": "2026-11-24T02:00:00Z"}

    sent = mail(failing(), error_message="", reason="nothing_running", reason_data=down)

    assert "آنچه پس از این روی می‌دهد:" in sent.body
    assert "هیچ کارگزاری فعال نبود." in sent.body
    assert "\N{LEFT-TO-RIGHT MARK}" in sent.body
    assert "\\u200e" not in sent.body


def test_mail_has_the_last_twenty_lines_of_the_log(mail, mailoutbox):
    execution = run(failing())
    lines = [LogLine(execution=execution, number=n + 1, message=f"line {n}") for n in range(30)]
    LogLine.objects.bulk_create(lines)

    send_next()

    body = mailoutbox[0].body
    assert "The last 20 lines of its log:" in body
    assert [f"line {n}\n" in body for n in (9, 10, 29)] == [False, True, True]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"is_enabled": False}, "Nothing: the process is switched off."),
        ({"function": "probes.gone"}, "Nothing: its function probes.gone is not in the code."),
        ({}, "Nothing: it has no schedule, and runs when somebody starts it."),
        (None, "Nothing: the process was deleted."),
    ],
)
def test_mail_says_what_happens_next(mailoutbox, change, says):
    process = failing()
    run(process)
    if change is None:
        process.delete()
    else:
        Process.objects.filter(pk=process.pk).update(**change)

    send_next()

    assert says in mailoutbox[0].body


def test_mail_about_a_recovery_says_so_and_repeats_no_error(mail, mailoutbox):
    process = failing()
    mail(process)
    process.function = "probes.greet"
    process.save()
    run(process)
    Notice.objects.filter(sent_at__isnull=False).update(sent_at=datetime(2026, 1, 1, tzinfo=UTC))

    send_next()

    assert mailoutbox[1].subject == "[behflow.example.org] nightly works again"
    assert "Error" not in mailoutbox[1].body


def test_mail_about_a_deleted_execution_goes_out(mailoutbox):
    execution = run(failing())
    Execution.objects.all().delete()

    assert send_next()

    assert f"#{execution.pk}, deleted since" in mailoutbox[0].body


def test_mail_of_a_run_by_hand_says_who_started_it(mail):
    assert "Started by hand, by: sara" in mail(failing(), requested_by_name="sara").body


def test_lost_run_is_explained_by_its_reason(mail):
    sent = mail(failing(), error_message="", reason="node_died")

    assert "Error:\n  Its node died while it ran." in sent.body


def test_mail_is_in_the_language_of_the_site_and_without_a_site_url_names_the_host(
    mail, settings, monkeypatch
):
    settings.AUTOMATION = {**settings.AUTOMATION, "SITE_URL": ""}
    monkeypatch.setattr("socket.gethostname", lambda: "worker-7")
    settings.LANGUAGE_CODE = "fa"

    sent = mail(failing())

    assert sent.subject.startswith("[worker-7] ")
    assert "http" not in sent.body


def test_sensitive_parameters_are_hidden_in_error_and_log(mailoutbox):
    process = ProcessFactory(function="probes.call_service")
    execution = ExecutionFactory(
        process=process,
        status="failed",
        completed_at=timezone.now(),
        parameters={"api_key": "s3cr3t/k'y", "retries": 2},
        error_message="Error: GET https://x/?key=s3cr3t/k'y gave 403, tried 2 times",
    )
    LogLine.objects.create(execution=execution, message="Using 's3cr3t%2Fk%27y'")
    Notice.objects.create(
        event="failed", execution=execution, process=process, process_name=process.name
    )

    assert send_next()

    body = mailoutbox[0].body
    assert "s3cr3t" not in body
    assert "key=•••••• gave 403, tried 2 times" in body


def test_short_secrets_are_hidden_where_they_stand_alone():
    execution = Execution(function="probes.call_service", parameters={"api_key": "ab"})

    assert masker_of(execution).text("about ab, 'ab'") == "about ••••••, '••••••'"


# Late, missed, paused


def about(process, event: str, execution=None) -> None:
    columns = {"process": process, "process_name": process.name}
    Notice.objects.create(event=event, execution=execution, **columns)


def test_mail_about_a_process_that_paused_by_itself_says_so(mail):
    sent = mail(failing(pause_after_failures=1, cron="0 7 * * *"))

    next_ = (
        "It is paused by itself after 1 failure.\n  Nothing starts it until somebody resumes it."
    )
    assert f"What happens next:\n  {next_}" in sent.body


def test_mail_about_a_paused_process_says_why_and_until_when(mail):
    process = failing(cron="0 7 * * *", timezone="UTC")
    until = datetime(2199, 11, 24, 4, 0, tzinfo=UTC)
    pausing.pause([process], why="repairs", until=until, by_name="sara")

    body = mail(process).body

    assert "The process was paused by sara: repairs\n" in body
    assert "Nothing starts it until Sun 2199-11-24 04:00 UTC." in body


def test_mail_about_a_late_process_says_since_when_and_what_to_look_at(mailoutbox, time_machine):
    time_machine.move_to(datetime(2026, 11, 24, 6, 0, tzinfo=UTC), tick=False)
    about(ProcessFactory(name="nightly", cron="0 7 * * *", timezone="UTC"), "late")
    time_machine.move_to(datetime(2026, 11, 24, 7, 2, tzinfo=UTC), tick=False)

    send_next()

    assert mailoutbox[0].subject == "[behflow.example.org] nightly is late"
    assert "Process: nightly\nDue: Tue 2026-11-24 07:00 UTC\n\n" in mailoutbox[0].body
    assert "see whether one is running and free" in mailoutbox[0].body


def test_mail_about_missed_occurrences_says_how_many_and_why(mailoutbox):
    process = ProcessFactory(name="nightly", cron="0 7 * * *", timezone="UTC")
    execution = ExecutionFactory(
        process=process,
        trigger="schedule",
        status="missed",
        reason="nothing_running",
        completed_at=timezone.now(),
        scheduled_for=datetime(2026, 11, 22, 7, 0, tzinfo=UTC),
        scheduled_until=datetime(2026, 11, 24, 7, 0, tzinfo=UTC),
        occurrences=3,
    )
    about(process, "late")
    about(process, "missed", execution)

    send_next()

    assert mailoutbox[0].subject == "[behflow.example.org] nightly did not start"
    for part in (
        "Due: Sun 2026-11-22 07:00 UTC",
        "Last due: Tue 2026-11-24 07:00 UTC\nTimes: 3\n",
        "Nothing was there to start it in time.",
        "It runs next at",
        "UTC late\n",
    ):
        assert part in mailoutbox[0].body
    assert "Ended" not in mailoutbox[0].body
