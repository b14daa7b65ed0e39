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
        "manage.py check --fail-level ERROR # nightly",
        "manage.py check --fail-level ERROR >> $HOME/log 2>&1 # > 1",
        "python -m django check --fail-level ERROR",
        "$HOME/venv/bin/python3.11 -u -W ignore -X dev manage.py check --fail-level ERROR",
        "python -Wignore -um manage check --fail-level ERROR",
        "cd `dirname $0`; python manage.py check --fail-level ERROR </dev/null &",
        "cd /srv || exit 1; manage.py check --fail-level ERROR || true",
        "(cd $(dirname /srv/app) && manage.py check --fail-level ERROR) > /dev/null 2>&1",
        "{ cd /srv; manage.py check --fail-level ERROR; }",
        "export A=b; A=c DJANGO_SETTINGS_MODULE=d manage.py check --fail-level ERROR",
        "bash -c 'cd /srv && python manage.py check --fail-level ERROR'",
        'bash -lc "source $HOME/env && manage.py check --fail-level ERROR >> log 2>&1"',
        "/bin/sh -euo pipefail -c '\"/srv/my app/manage.py\" check --fail-level ERROR'",
        "su - www-data -c 'manage.py check --fail-level ERROR'",
        "sudo -u www-data -H A=b /srv/manage.py check --fail-level ERROR",
        "docker compose -f /srv/c.yml exec -T web python manage.py check --fail-level ERROR",
        "docker exec -i web python manage.py check --fail-level ERROR",
        "env -u LANG A=b uv run manage.py check --fail-level ERROR",
        "manage.py check --settings shop.settings --fail-level ERROR --force-color",
        "manage.py check --fail-level ERROR %",
    ],
)
def test_what_surrounds_a_command_does_not_count(command):
    assert only(f"@daily {command}").work.function == "probes.check"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("manage.py clearsessions", 'Register it first: command_process("clearsessions")'),
        ("manage.py dumpdata auth -o x", 'command_process("dumpdata", "auth", "-o", "x")'),
        (
            "manage.py check",
            'probes.check is registered with other arguments, as command_process("check", "--fail',
        ),
        ("/usr/bin/backup --all", "It runs a program; a process runs a registered function."),
        ("python manage.py", "It runs a program"),
        ("manage.py prints 1 >> log 2>&1", 'command_process("prints", "1")'),
        ("manage.py prints 1>> log", 'command_process("prints")'),
        ("manage.py prints --level 2 > /dev/null", 'command_process("prints", "--level", "2")'),
        (
            "manage.py prints 'a\"b' ';' '#' a#b",
            r'command_process("prints", "a\"b", ";", "#", "a#b")',
        ),
        (r"manage.py prints a\ b \%d", 'command_process("prints", "a b", "%d")'),
        ("manage.py prints -- --settings=a", 'command_process("prints", "--", "--settings=a")'),
        ("manage.py prints ''", 'command_process("prints", "")'),
        ("manage.py prints a\u2028b c\xa0d", 'command_process("prints", "a\u2028b", "c\xa0d")'),
        (r"manage.py prints --day=`date +\%F`", "a shell replaces `date +%F` by what it gives"),
        ("manage.py prints $HOME/out", "a shell replaces $HOME by its value"),
        ('manage.py prints "${HOME}"', "a shell replaces ${HOME} by its value"),
        ("manage.py prints $(date)", "a shell replaces $(date) by what it gives"),
        ("manage.py loaddata *.json", "a shell replaces * by file names"),
        ("manage.py loaddata ~/a.json", "a shell replaces ~ by a home directory"),
        ("manage.py loaddata {a,b}.json", "a shell replaces { by several words"),
        ("bash -c \"manage.py prints '$HOME'\"", "a shell replaces … by its value"),
        ("manage.py loaddata - < a.json", "It reads a.json as its input"),
        ("manage.py loaddata -%[]", "What stands behind its % is given to it as input"),
        ("manage.py loaddata - <<E", "it has a here-document"),
        (r"manage.py prints 'a\\b'", r"Crons differ about its \\"),
        ("if true; then manage.py prints; fi", "`if` makes it a program of the shell"),
        ("[ -f a ] && manage.py prints", "more than one command"),
        ("sleep 60; manage.py prints", "more than one command"),
        ("cd /srv || manage.py prints", "more than one command"),
        ("exit 0; manage.py prints", "more than one command"),
        ("echo manage.py prints", "It runs a program"),
        ("python -c 'import manage' manage.py prints", "It runs a program"),
        ("python -m pytest manage.py prints", "It runs a program"),
        ("sh run.sh manage.py prints", "It runs a program"),
        ("cd /srv", "It runs a program"),
        ("nohup", "It runs a program"),
        ("manage.py check --fail-level ERROR; manage.py migrate", "more than one command"),
        ("manage.py check --fail-level ERROR | mail root", "more than one command"),
        (
            "manage.py check 'ERROR",
            "A shell line like this is not read here: No closing quotation.",
        ),
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


@pytest.mark.parametrize(
    ("rule", "is_refused"),
    [
        ("5/15 * * * *", True),
        ("0 0 L * *", True),
        ("0 0 * * 1#2", True),
        ("0 0 * * mon#2", True),
        ("0 0 * * 5L", True),
        ("*/15 1-5/2 * jul mon-fri", False),
    ],
)
def test_rule_that_cron_itself_refuses_has_no_old_times(rule, is_refused):
    entry = only(f"{rule} manage.py check --fail-level ERROR")

    assert (entry.times.old is None) == is_refused
    assert any("Debian's cron refuses this rule" in note for note in entry.notes) == is_refused


def test_programs_that_limit_a_command_are_named():
    line = "flock -n -w 5 /tmp/a timeout -k 5 300 nice -n 19 ionice -c3 manage.py check"
    locked = "flock -n /tmp/a -c 'manage.py check'"

    assert "runs under flock, timeout, nice, ionice there" in only(f"@daily {line}").notes[0]
    assert "runs under flock there" in only(f"@daily {locked}").notes[0]


def test_variables_of_the_crontab_lead_to_the_program_and_their_values_are_not_told():
    *_, first, second, third = read(
        "PYTHON=/srv/python\nMANAGE='$HOME/manage.py'\nBOTH = /srv/python /srv/manage.py\nKEY=hunter2\n"
        "@daily $PYTHON $MANAGE check\n@daily $BOTH check\n@daily manage.py check $KEY"
    ).found

    assert [first.name, second.name, third.name] == ["check", "check-2", "crontab"]
    assert "A shell replaces $KEY by its value" in third.problems[0]
    assert "hunter2" not in str(third)


def test_variable_that_the_line_may_change_is_not_known():
    for begin in ("A=b;", ". ./env;", "export A=b &&"):
        entry = only_of(f"A=/srv/manage.py\n@daily {begin} python $A check")

        assert "It runs a program" in entry.problems[0]


def test_line_of_another_shell_is_not_read():
    entry = only_of("SHELL=/usr/bin/fish\n@daily manage.py check --fail-level ERROR")

    assert "Its SHELL is /usr/bin/fish" in entry.problems[0]


def only_of(text):
    [entry] = read(text).found
    return entry


def test_lines_end_where_those_of_cron_end():
    text = "\ufeff# a\u2028b\r\n@daily manage.py check --fail-level ERROR\r\n \t# c\x0cd\n\x0b"
    reading = read(text)

    assert [(entry.number, entry.problems) for entry in reading.found][:1] == [(2, ())]
    assert len(reading.found) == 2  # No blank of cron's: a broken line.
    assert "Its lines end as Windows ends them" in reading.remark
    assert "Windows" not in read("@daily manage.py check").remark


@pytest.mark.parametrize(
    ("rule", "times"),
    [("0,30 2 * * *", 2), ("15 1-3 * * *", 0), ("0 2,3 * * *", 2), ("* * * * *", 0)],
)
def test_times_that_clocks_skip_together_are_started_each_by_cron_and_once_by_us(rule, times):
    _back, forward = compare(only(f"{rule} manage.py a").times, NOW, 1).at_changes

    told = f"crontab starts it {times} times at once" if times else ""
    assert forward.remark("crontab").startswith(told)
    assert bool(forward.remark("crontab")) == bool(times)


def test_processes_of_one_command_are_named_apart():
    entries = read("@daily manage.py a\n@weekly manage.py a\n@daily echo\n@weekly echo").found

    assert [entry.name for entry in entries] == ["a", "a-2", "crontab", "crontab-2"]


@pytest.mark.parametrize("rule", ["30 2 * * *", "*/30 * * * *", "0 */2 * * *"])
def test_cron_and_we_agree_at_clock_changes(rule):
    comparison = compare(only(f"{rule} manage.py a").times, NOW, 10)

    assert comparison.old == comparison.ours
    assert len(comparison.ours) == 10
    assert [at.remark("crontab") for at in comparison.at_changes] == ["", ""]
