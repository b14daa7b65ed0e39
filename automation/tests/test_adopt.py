import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django_q.models import Schedule

from automation.models import Process, TriggerType
from automation.tests.celery_tables import add_task, create_tables
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)  # Five days before clocks go back in Berlin.
CHECK = "manage.py check --fail-level ERROR"


@pytest.fixture(autouse=True)
def some_day(time_machine):
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


@pytest.fixture
def adopt(capsys):
    def run(*arguments) -> tuple[int, str]:
        """Return the exit code, and what was printed."""
        try:
            call_command("adopt", *arguments)
        except CommandError as error:
            return error.returncode, str(error)
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


@pytest.fixture
def adopt_lines(adopt, tmp_path):
    def run(text, *arguments):
        crontab = tmp_path / "crontab"
        crontab.write_text(text)
        return adopt("crontab", str(crontab), "--timezone", "Europe/Berlin", *arguments)

    return run


def test_crontab_is_shown_as_processes_with_the_times_of_both(adopt_lines):
    code, output = adopt_lines(f"30 7 * * *  {CHECK}", "--count", "2")

    assert code == 0
    assert output == (
        "Debian's cron and processes follow one rule, if the clock of cron's host is that of "
        "Europe/Berlin. Where clocks skip several times of one line, cron starts it once for each of "
        "them, at once after another; a process starts once.\n"
        "\n"
        "Line 1: 30 7 * * *  manage.py check --fail-level ERROR\n"
        "  Process check: runs probes.check.\n"
        "  At 07:30 (Europe/Berlin)\n"
        "  ours                                crontab\n"
        "  Wed 2026-10-21 07:30 Europe/Berlin  Wed 2026-10-21 07:30 Europe/Berlin\n"
        "  Thu 2026-10-22 07:30 Europe/Berlin  Thu 2026-10-22 07:30 Europe/Berlin\n"
        "  When clocks go back, Sun 2026-10-25 02:00 UTC+01:00 Europe/Berlin: the same times.\n"
        "  When clocks go forward, Sun 2027-03-28 03:00 Europe/Berlin: the same times.\n"
        "\n"
        "1 of 1 can be adopted. --create makes them, switched off.\n"
    )
    assert not Process.objects.exists()


def test_crontab_with_lines_that_cannot_be_adopted_exits_with_1_and_says_each(adopt_lines):
    code, output = adopt_lines(f"@reboot {CHECK}\nSHELL=/bin/sh\n@daily echo\n@daily {CHECK}")

    assert code == 1
    assert "Line 2: SHELL=… is skipped." in output
    assert "  Cannot be adopted. @reboot is not a time" in output
    assert "  Cannot be adopted. It runs a program" in output
    assert output.count("Wed 2026-10-21 00:00 Europe/Berlin  ") == 2
    assert output.endswith("1 of 3 can be adopted. --create makes them, switched off.\n")


def test_times_at_clock_changes_stand_side_by_side(adopt):
    create_tables()
    add_task("probes.greet", crontab=("*/10", "*", "*", "*", "*"))

    _code, output = adopt("celery-beat", "--count", "1")

    assert (
        "When clocks go back, Sun 2026-10-25 02:00 UTC+01:00 Europe/Berlin: celery-beat leaves out 6"
        in output
    )
    assert "    only ours:        Sun 2026-10-25 02:50 UTC+01:00 Europe/Berlin\n" in output
    assert "… and" not in output


def test_many_differing_times_are_cut_and_counted(adopt):
    create_tables()
    add_task("probes.greet", crontab=("*", "*", "*", "*", "*"))

    _code, output = adopt("celery-beat", "--count", "1")

    assert output.count("only ours:") == 6
    assert "    … and 54 more.\n" in output


def test_next_times_that_differ_have_a_gap_beside_them(adopt, time_machine):
    time_machine.move_to(datetime(2027, 3, 27, 12, tzinfo=UTC), tick=False)
    create_tables()
    add_task("probes.greet", crontab=("30", "2", "*", "*", "*"))

    _code, output = adopt("celery-beat", "--count", "2")

    assert (
        "  Sun 2027-03-28 03:00 Europe/Berlin  -\n"
        "  -                                   Sun 2027-03-28 03:30 Europe/Berlin\n"
        "  Mon 2027-03-29 02:30 Europe/Berlin  Mon 2027-03-29 02:30 Europe/Berlin\n"
    ) in output


def test_create_makes_the_processes_switched_off(adopt_lines):
    code, output = adopt_lines(f"30 7 * * 1-5 {CHECK}", "--create")

    process = Process.objects.get()
    assert code == 0
    assert "  Created, disabled.\n" in output
    assert output.endswith(
        "1 created, switched off: enable them one by one, and remove the old ones.\n"
    )
    assert (process.name, process.function, process.is_enabled) == ("check", "probes.check", False)
    assert (process.cron, process.timezone) == ("30 7 * * 1-5", "Europe/Berlin")
    assert process.trigger_type == TriggerType.TIME_BASED
    assert not Schedule.objects.exists()


def test_create_takes_the_arguments_along(adopt):
    Schedule.objects.create(
        name="Sara", func="probes.greet", schedule_type="D", kwargs="name='Sara'", next_run=NOW
    )

    assert adopt("django-q", "--create")[0] == 0
    assert Process.objects.get().parameters == {"name": "Sara"}


def test_create_again_leaves_what_is_there(adopt_lines):
    ProcessFactory(name="check", cron="0 5 * * *")

    code, output = adopt_lines(f"@daily {CHECK}\n@weekly {CHECK}", "--create")

    assert code == 1
    assert "Not created. There is a process check already: it is left as it is." in output
    assert set(Process.objects.values_list("name", "cron")) == {
        ("check", "0 5 * * *"),
        ("check-2", "@weekly"),
    }


def test_create_makes_nothing_of_what_cannot_be_adopted(adopt_lines):
    code, output = adopt_lines("@daily echo", "--create")

    assert code == 1
    assert "0 of 1 can be adopted. 0 created" in output
    assert not Process.objects.exists()


def test_create_makes_what_is_due_every_so_often_and_what_is_due_once(adopt):
    Schedule.objects.create(name="often", func="probes.greet", schedule_type="H", next_run=NOW)
    later = NOW + timedelta(days=1)
    Schedule.objects.create(name="once", func="probes.greet", schedule_type="O", next_run=later)

    code, output = adopt("django-q", "--create")

    assert code == 0, output
    often, once = Process.objects.order_by("name")
    assert (often.every, often.anchor, often.is_enabled) == (60, NOW, False)
    assert (once.schedule_kind, once.run_at) == ("once", later)


def test_create_says_what_the_row_refuses(adopt_lines):
    minutes = ",".join(map(str, range(60))) + ",0-59" * 400

    code, output = adopt_lines(f"{minutes} * * * * {CHECK}", "--create")

    assert code == 1
    assert "Not created. Ensure this value has at most 2000 characters" in output


def test_dotted_path_of_an_old_scheduler_is_neither_stored_nor_run(adopt):
    Schedule.objects.create(func="os.abort", schedule_type="D", next_run=NOW)

    code, output = adopt("django-q", "--create")

    assert code == 1
    assert "No process function is registered for os.abort. Register it first:" in output
    assert not Process.objects.exists()


def test_json_is_one_object(adopt_lines):
    code, output = adopt_lines(f"A=b\n@daily {CHECK}\n@reboot x", "--count", "1", "--json")

    printed = json.loads(output)
    daily, reboot = printed["found"]
    assert code == 1
    assert printed["scheduler"] == "crontab"
    assert printed["skipped"][0]["number"] == 1
    assert (daily["name"], daily["function"], daily["parameters"]) == ("check", "probes.check", {})
    assert daily["rule"]["lines"] == ["@daily"]
    assert daily["ours"] == daily["old"] == ["2026-10-20T22:00:00+00:00"]
    assert [change["minutes"] for change in daily["clock_changes"]] == [-60, 60]
    assert (daily["problems"], daily["is_created"]) == ([], False)
    assert (reboot["rule"], reboot["ours"], reboot["old"]) == (None, None, None)
    assert len(reboot["problems"]) == 2


def test_sensitive_parameter_is_masked(adopt):
    Schedule.objects.create(
        func="probes.call_service", schedule_type="D", kwargs="api_key='hunter2'", next_run=NOW
    )

    code, output = adopt("django-q", "--json")

    assert code == 0
    assert json.loads(output)["found"][0]["parameters"] == {"api_key": "••••••"}


def test_crontab_can_come_through_the_input(adopt, monkeypatch):
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(f"@daily root {CHECK}\n".encode()))
    )

    code, output = adopt("crontab", "-", "--user")

    assert code == 0
    assert "runs probes.check." in output


def test_nothing_to_adopt_is_said(adopt):
    assert adopt("django-q") == (0, "\nThere is nothing to adopt.\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["crontab"], "Which crontab?"),
        (["crontab", "/nowhere/at/all"], "No such file"),
        (["crontab", "/"], "Is a directory"),
        (["crontab", "-", "--timezone", "Mars"], "There is no time zone 'Mars'."),
        (["django-q", "file"], "FILE goes with crontab."),
        (["django-q", "--timezone", "UTC"], "--timezone goes with crontab."),
        (["celery-beat", "--user"], "--user goes with crontab."),
        (["celery-beat"], "celery-beat cannot be read: This database has no table"),
        (["django-q", "--count", "0"], "--count is 0; it must be a number from 1 to 100."),
    ],
)
def test_what_cannot_be_read_exits_with_2(adopt, arguments, why):
    code, output = adopt(*arguments)

    assert code == 2
    assert why in output


def test_argument_in_another_encoding_is_refused_and_not_changed(adopt, tmp_path):
    crontab = tmp_path / "crontab"
    crontab.write_bytes(b"@daily manage.py gr\xfcn\n@daily manage.py check \xff")

    code, output = adopt("crontab", str(crontab), "--create", "--json")

    assert code == 1
    for entry in json.loads(output)["found"]:
        assert entry["problems"] == ["An argument is not UTF-8: save the crontab as UTF-8 first."]
        assert "\\x" in entry["text"]


def test_file_in_another_encoding_is_read(adopt, tmp_path):
    crontab = tmp_path / "crontab"
    crontab.write_bytes(b"# gr\xfcn\n@daily " + CHECK.encode())

    assert adopt("crontab", str(crontab))[0] == 0


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("گزارش شبانه", r"greet-[0-9a-f]{6}"),
        ("发送报告", r"greet-[0-9a-f]{6}"),
        ("Отчёт за день", r"greet-[0-9a-f]{6}"),
        ("Straßen zählen", r"straen-zahlen-[0-9a-f]{6}"),
        ("Déjà vu!", "deja-vu"),
        ("🎉", "greet"),
        ("nightly", "nightly"),
        ("ا" * 100, r"greet-[0-9a-f]{6}"),
    ],
)
def test_what_a_row_is_called_stays_in_any_script(adopt, label, name):
    Schedule.objects.create(name=label, func="probes.greet", schedule_type="D", next_run=NOW)

    code, output = adopt("django-q", "--create", "--json")

    process = Process.objects.get()
    assert code == 0
    assert re.fullmatch(name, process.name)
    assert process.title == label
    assert json.loads(output)["found"][0]["label"] == process.label


def test_names_do_not_depend_on_the_place(adopt):
    for label in ("شبانه", "روزانه"):
        Schedule.objects.create(name=label, func="probes.greet", schedule_type="D", next_run=NOW)
    adopt("django-q", "--create")
    before = dict(Process.objects.values_list("label", "name"))
    Schedule.objects.order_by("pk").first().delete()

    code, output = adopt("django-q", "--create")

    assert code == 1
    assert f"There is a process {before['روزانه']} already" in output
    assert "Process greet-" in output
    assert "(روزانه): runs probes.greet." in output


def test_rows_of_one_name_are_told_apart(adopt):
    for _row in range(2):
        Schedule.objects.create(name="شب", func="probes.greet", schedule_type="D", next_run=NOW)

    assert adopt("django-q", "--create")[0] == 0
    assert [process.title for process in Process.objects.all()] == ["شب", "شب"]
