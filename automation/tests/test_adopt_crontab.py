from datetime import UTC, datetime

import pytest

from automation.adoption import compare, crontab

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)  # Five days before clocks go back in Berlin.


def read(text, **options):
    return crontab.read(text, "Europe/Berlin", **options)


def only(text, **options):
    [entry] = read(text, **options).found
    return entry


def test_line_of_a_registered_command_becomes_its_process():
    entry = only("30 7 * * 1-5  cd /srv && bin/python manage.py check --fail-level ERROR")

    assert not entry.problems
    assert (entry.number, entry.name, entry.work.function) == (1, "check", "probes.check")
    assert str(entry.times.ours) == "30 7 * * 1-5 Europe/Berlin"


@pytest.mark.parametrize(
    "command",
    [
        "manage.py check --fail-level ERROR",
        "/srv/app/manage.py check --fail-level 'ERROR'",
        "django-admin check --fail-level ERROR --settings=shop.settings --no-color",
        "PATH=/bin python manage.py check --fail-level ERROR >> /var/log/check.log 2>&1",
        "python manage.py check --fail-level ERROR > /dev/null 2> /dev/null",
        r"python manage.py check --fail-level ERROR >> log-\%F",
        ". /srv/venv/bin/activate; cd /srv && python manage.py check --fail-level ERROR",
    ],
)
def test_what_surrounds_a_command_does_not_count(command):
    assert only(f"@daily {command}").work.function == "probes.check"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("manage.py clearsessions", 'Register it first: command_process("clearsessions")'),
        ("manage.py dumpdata auth -o x", 'command_process("dumpdata", "auth", "-o", "x")'),
        ("manage.py check", "probes.check is registered with other arguments, as `manage.py check"),
        ("/usr/bin/backup --all", "It runs a program; a process runs a registered function."),
        ("python manage.py", "It runs a program"),
        ("manage.py check --fail-level ERROR; manage.py migrate", "more than one command"),
        ("manage.py check --fail-level ERROR | mail root", "more than one command"),
        ("manage.py check 'ERROR", "A shell cannot read it: No closing quotation."),
    ],
)
def test_command_that_no_function_runs_is_refused_and_its_times_are_told(command, why):
    entry = only(f"30 7 * * * {command}")

    assert why in entry.problems[0]
    assert entry.work is None
    assert entry.times.ours.first(1, NOW) == [datetime(2026, 10, 21, 5, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("@reboot", "@reboot is not a time"),
        ("@every_minute", "There is no '@every_minute'."),
        ("0 30 7 * * *", "has 6 fields; a cron rule has five"),
        ("30 7 * * * 2027", "has 6 fields"),
        ("H 3 * * *", "leaves its times to chance"),
        ("0~59 3 * * *", "leaves its times to chance"),
        ("R R * * *", "leaves its times to chance"),
        ("61 3 * * *", "the minute is 0-59"),
        ("0 0 31 2 *", "never comes due"),
    ],
)
def test_rule_that_is_none_is_refused(rule, why):
    entry = only(f"{rule} manage.py check --fail-level ERROR")

    assert why in entry.problems[0]
    assert entry.times is None
    assert entry.work.function == "probes.check"


@pytest.mark.parametrize("line", ["30 7 * * *", "30 7", "nonsense"])
def test_line_without_a_command_is_refused(line):
    assert "It names no command." in only(line).problems


def test_user_before_the_command_is_left_out_where_lines_name_one():
    line = "30 7 * * * www-data /srv/manage.py check --fail-level ERROR"

    assert only(line, has_user=True).work.function == "probes.check"
    assert "It names no command." in only("30 7 * * * root", has_user=True).problems


def test_environment_is_skipped_without_its_values_and_comments_are_not_told():
    reading = read("# nightly\n\nSHELL=/bin/sh\n 'TOKEN' = secret\n@daily manage.py check\n")

    assert [(s.number, s.text) for s in reading.skipped] == [(3, "SHELL=…"), (4, "TOKEN=…")]
    assert [entry.number for entry in reading.found] == [5]


def test_cron_tz_sets_the_zone_of_what_follows_and_the_old_times_are_not_known():
    before, after, wrong = read(
        "@daily manage.py a\nCRON_TZ='Asia/Tehran'\n@daily manage.py b\nCRON_TZ=Mars\n@daily manage.py c"
    ).found

    assert before.times.ours.zone.key == "Europe/Berlin"
    assert after.times.ours.zone.key == "Asia/Tehran"
    assert after.times.old is None
    assert "Debian's cron ignores it" in after.notes[0]
    assert "There is no time zone 'Mars'." in wrong.problems[0]


def test_processes_of_one_command_are_named_apart():
    entries = read("@daily manage.py a\n@weekly manage.py a\n@daily echo\n@weekly echo").found

    assert [entry.name for entry in entries] == ["a", "a-2", "crontab", "crontab-2"]


@pytest.mark.parametrize("rule", ["30 2 * * *", "*/30 * * * *", "0 */2 * * *"])
def test_cron_and_we_agree_at_clock_changes(rule):
    comparison = compare(only(f"{rule} manage.py a").times, NOW, 10)

    assert comparison.old == comparison.ours
    assert len(comparison.ours) == 10
    assert [at.remark("crontab") for at in comparison.at_changes] == ["", ""]
