"""One instant has one text: in lists, forms, pages, mails and commands."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone, translation
from django.utils.html import strip_tags

import automation
from automation.models import Notice, NoticeEvent, Process, Status, Trigger
from automation.notifications import mail
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory
from automation.tests.pages import page

#: In none of the processes' zones: pages are of the site's, Asia/Tehran.
AT = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
NEW_YORK = "Wed 2026-11-25 02:30 America/New_York"
NEW_YORK_IN_PERSIAN = "چهارشنبه 2026/11/25 02:30 America/New_York"
SITES = "Wed 2026-11-25 11:00"
#: Other ways to write the day, and the clock in the site's zone: they must be nowhere.
OTHERWISE = re.compile(r"11/25/2026|Nov\. 25|25 Nov|(?<!\w{3} )2026-11-25 \d|\d [ap]\.m\.|11:00")

OF_A_PROCESS = ("process_change", "process_pause", "process_explain")


@pytest.fixture(autouse=True)
def in_english():
    """A page in another language leaves it on behind it."""
    with translation.override("en"):
        yield


@pytest.fixture
def nightly(db, time_machine) -> Process:
    """Paused until the instant at which it is due: that is one instant of two kinds."""
    time_machine.move_to(AT - timedelta(hours=9), tick=False)
    NodeFactory(name="host:1")
    process = ProcessFactory(name="nightly", timezone="America/New_York", cron="30 2 * * *")
    call_command("pause_process", "nightly", reason="repairs", until="2026-11-25 02:30")
    return process


def read(client, address: str, language: str = "en") -> str:
    answer = client.get(address, headers={"accept-language": language})
    assert answer.status_code == 200
    return " ".join(strip_tags(answer.text).replace("\u200e", "").split())


@pytest.mark.parametrize(
    ("language", "written"), [("en", NEW_YORK), ("fa", NEW_YORK_IN_PERSIAN)], ids=["en", "fa"]
)
def test_pages_of_a_paused_process_write_its_end_alike(admin_client, nightly, language, written):
    addresses = [page("process_changelist"), *(page(name, nightly.pk) for name in OF_A_PROCESS)]
    for address in addresses:
        text = read(admin_client, address, language)
        assert written in text, address
        assert not OTHERWISE.search(text), address


def test_commands_and_the_mail_write_it_alike(nightly, capsys):
    call_command("pause_process", "nightly", reason="repairs", until="2026-11-25 02:30")
    call_command("resume_process", "nightly")
    capsys.readouterr()
    call_command("pause_process", "nightly", reason="repairs", until="2026-11-25 02:30")
    assert capsys.readouterr().out.endswith(f"ntil {NEW_YORK}.\n")
    call_command("explain", "nightly")
    assert f"until {NEW_YORK}: repairs" in capsys.readouterr().out

    body = mail.about([notice_of(nightly)]).body

    assert f"Nothing starts it until {NEW_YORK}." in body


def test_its_execution_is_due_at_the_same_text(admin_client, nightly, time_machine, capsys):
    time_machine.move_to(AT + timedelta(seconds=2), tick=False)
    execution = ExecutionFactory(
        process=nightly,
        trigger=Trigger.SCHEDULE,
        scheduled_for=AT,
        started_at=AT + timedelta(seconds=1),
        completed_at=timezone.now(),
        status=Status.FAILED,
    )

    for address in (page("execution_change", execution.pk), page("execution_changelist")):
        text = read(admin_client, address)
        assert NEW_YORK in text, address
        assert "Wed 2026-11-25 02:30:01 America/New_York" in text, address
        assert not OTHERWISE.search(text), address
    body = mail.about([notice_of(nightly, execution_id=execution.pk)]).body
    assert f"Due: {NEW_YORK}\n" in body
    assert "Ended: Wed 2026-11-25 02:30:02 America/New_York\n" in body
    call_command("explain", "nightly", at="2026-11-25 02:30")
    assert "Wed 2026-11-25 02:30:02 America/New_York" in capsys.readouterr().out


def test_zone_that_is_gone_is_told_with_the_sites_everywhere(admin_client, nightly, capsys):
    Process.objects.filter(pk=nightly.pk).update(timezone="America/Nowhere")
    told = f"{SITES} Asia/Tehran (there is no time zone America/Nowhere here)"

    for address in (page("process_changelist"), page("process_pause", nightly.pk)):
        assert told in read(admin_client, address), address
    call_command("explain", "nightly")
    assert told in capsys.readouterr().out
    execution = ExecutionFactory(process=nightly, trigger=Trigger.SCHEDULE, scheduled_for=AT)
    assert told in read(admin_client, page("execution_change", execution.pk))
    assert f"Due: {told}" in mail.about([notice_of(nightly, execution_id=execution.pk)]).body


@pytest.mark.parametrize("name", ["pause", "maintenancewindow", "node", "notice"])
def test_lists_and_read_only_pages_do_not_use_django_s_format(admin_client, nightly, name):
    notice_of(nightly)
    call_command("pause_process", all=True, reason="moving")
    admin_client.post(
        page("maintenancewindow_add"),
        {"label": "move", "starts_at": "2026-11-25T11:00", "ends_at": "2026-11-25T12:00"},
    )
    django = re.compile(r"[A-Z][a-z]{2,8}\.? \d+, \d{4}|\d [ap]\.m\.|\d/\d+/20\d\d")

    text = read(admin_client, page(f"{name}_changelist"))
    row = automation.models.__dict__[NAMES[name]].objects.first()
    alone = read(admin_client, page(f"{name}_change", row.pk))

    for shown in (text, alone):
        assert re.search(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d \d\d:\d\d", shown)
        assert not django.search(shown)


NAMES = {
    "pause": "Pause",
    "maintenancewindow": "MaintenanceWindow",
    "node": "Node",
    "notice": "Notice",
}


def notice_of(process: Process, **columns) -> Notice:
    return Notice.objects.create(
        event=NoticeEvent.FAILED, process=process, process_name=process.name, **columns
    )


#: What makes a date or a time of day to be read.
MAKES_ONE = re.compile(
    r"date_format\(|strftime\(|timeuntil|timesince|naturaltime|localize\(|:%[aAbBdHIYy]|\|(date|time):"
)
ROOT = Path(automation.__file__).parent.parent


def test_no_other_module_and_no_template_makes_a_date_to_be_read():
    sources = [
        path
        for folder in ("automation", "behflow", "tasks", "templates")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".py", ".html"} and not {"tests", "migrations"} & set(path.parts)
    ]

    found = {
        str(path.relative_to(ROOT)) for path in sources if MAKES_ONE.search(path.read_text("utf-8"))
    }

    # The reader repeats what was typed, as it is typed.
    assert found == {"automation/instants.py", "automation/reading.py"}
