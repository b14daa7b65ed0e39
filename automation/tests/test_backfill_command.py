import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from automation.engine.start import due
from automation.models import Execution, Process, Status, Trigger
from automation.queue import messages
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def daily(time_machine) -> Process:
    """At 07:30 in Tehran, 04:00 UTC; it missed the 18th to the 21st."""
    time_machine.move_to(NOW - timedelta(days=5), tick=False)
    process = ProcessFactory(name="daily", cron="30 7 * * *")
    time_machine.move_to(NOW, tick=False)
    due.account_for(process.pk)
    Execution.objects.filter(status=Status.PENDING).delete()
    return process


@pytest.fixture
def call(capsys):
    def run(*arguments) -> tuple[int, str]:
        """Return the exit code, and what was printed."""
        try:
            call_command("backfill", *arguments)
        except CommandError as error:
            return error.returncode, str(error)
        return 0, capsys.readouterr().out

    return run


def started() -> list[datetime]:
    rows = Execution.objects.filter(trigger=Trigger.BACKFILL).order_by("pk")
    return [row.scheduled_for for row in rows]


def at(day: int) -> datetime:
    return datetime(2026, 11, day, 4, tzinfo=UTC)


def test_backfill_starts_each_day_of_the_range_in_order(daily, call):
    NodeFactory(functions=[daily.function])
    code, output = call("daily", "--from", "2026-11-19", "--to", "2026-11-21", "--note", "gap")

    assert code == 0
    assert "Thu 2026-11-19 07:30 Asia/Tehran  missed      start" in output
    assert output.endswith("3 of 3 times are queued.\n")
    assert started() == [at(19), at(20), at(21)]
    row = Execution.objects.filter(trigger=Trigger.BACKFILL).first()
    assert row.note == "gap"
    assert row.requested_by_name.endswith("(terminal)")


def test_times_without_an_offset_are_of_the_zone_of_the_process(daily, call):
    call("daily", "--from", "2026-11-19T07:31", "--to", "۲۰۲۶/۱۱/۲۰ ۷:۳۰")
    assert started() == [at(20)]

    call("daily", "--from", "2026-11-21T04:00:00+00:00", "--to", "2026-11-21T04:00:00Z")
    assert started() == [at(20), at(21)]


def test_dry_run_shows_it_all_and_starts_nothing(daily, call):
    ExecutionFactory(process=daily, trigger=Trigger.BACKFILL, scheduled_for=at(20), completed=True)

    code, output = call("daily", "--from", "2026-11-19", "--to", "2026-11-22", "--dry-run")

    assert code == 0
    assert "Fri 2026-11-20 07:30 Asia/Tehran  completed   succeeded" in output
    assert "Sun 2026-11-22 07:30 Asia/Tehran  no record   start" in output
    assert output.endswith("3 of 4 times would be started. Nothing was.\n")
    assert started() == [at(20)]


def test_those_that_succeeded_run_again_only_where_asked_for(daily, call):
    ExecutionFactory(process=daily, trigger=Trigger.BACKFILL, scheduled_for=at(20), completed=True)
    day = ("--from", "2026-11-20", "--to", "2026-11-20")

    assert "Nothing was started" in call("daily", *day)[1]
    assert "1 of 1 time " in call("daily", *day, "--again")[1]


def test_json_is_one_object_with_every_time(daily, call):
    code, output = call("daily", "--from", "2026-11-20", "--to", "2026-11-20", "--json")

    printed = json.loads(output)
    assert code == 0
    assert (printed["process"], printed["offered"], printed["started"]) == ("daily", 1, 1)
    assert printed["from"] == "2026-11-19T20:30:00+00:00"
    assert printed["occurrences"] == [
        {
            "at": "2026-11-20T04:00:00+00:00",
            "local": "2026-11-20T07:30:00+03:30",
            "status": "missed",
            "execution": Execution.objects.earliest("pk").pk,
            "action": "start",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("dayly", "--from", "2026-11-20", "--to", "2026-11-20"), "Did you mean daily?"),
        (("daily", "--from", "yesterday", "--to", "2026-11-20"), "is not a date and time"),
        (("daily", "--from", "2026-11-21", "--to", "2026-11-20"), "before its beginning"),
        (("daily", "--from", "2027-11-21", "--to", "2027-11-22"), "has not come yet"),
        (("daily", "--from", "1405-09-01", "--to", "1405-09-02"), "Gregorian"),
    ],
)
def test_what_is_not_possible_exits_with_2_and_a_sentence(daily, call, arguments, told):
    code, output = call(*arguments)

    assert code == 2
    assert told in output
    assert started() == []


def test_local_time_that_clocks_jump_over_is_refused_with_the_next(call, time_machine):
    time_machine.move_to(NOW, tick=False)
    ProcessFactory(name="berlin", timezone="Europe/Berlin", cron="30 2 * * *")

    code, output = call("berlin", "--from", "2026-03-29T02:30", "--to", "2026-03-30")

    assert code == 2
    assert "The next time that exists is 2026-03-29 03:00" in output


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr("automation.operations.backfilling.MOST", 1)
    return ("--from", "2026-11-19", "--to", "2026-11-21")


def test_very_many_are_refused_with_the_number_unless_confirmed(daily, call, few_are_many):
    code, output = call("daily", *few_are_many)
    assert (code, started()) == (1, [])
    assert "These are 3 executions: confirm that you mean so many. Say so with --yes." in output

    assert call("daily", *few_are_many, "--yes")[0] == 0
    assert len(started()) == 3


@pytest.mark.parametrize(("answer", "count"), [("y", 3), ("", 0), ("no", 0)])
def test_a_person_at_a_terminal_is_asked_with_the_number(
    daily, call, few_are_many, monkeypatch, answer, count
):
    questions: list[str] = []

    def reply(question: str) -> str:
        questions.append(question)
        return answer

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", reply)

    code, _ = call("daily", *few_are_many)

    assert questions == ["Start 3 executions? [y/N] "]
    assert (code, len(started())) == (0 if count else 1, count)


def test_database_that_goes_away_half_way_is_said_and_the_same_goes_on_later(
    daily, call, monkeypatch
):
    days = ("--from", "2026-11-19", "--to", "2026-11-21")
    monkeypatch.setattr("automation.engine.start.backfill.BATCH", 1)
    pushed = messages.push_all

    def push_one(executions, **options):
        if started()[1:]:
            raise OperationalError("server closed the connection")
        pushed(executions, **options)

    monkeypatch.setattr(messages, "push_all", push_one)
    code, output = call("daily", *days)
    assert code == 1
    assert "server closed the connection" in output
    assert started() == [at(19)]

    monkeypatch.setattr(messages, "push_all", pushed)
    assert "2 of 2 times are queued" in call("daily", *days)[1]
    assert started() == [at(19), at(20), at(21)]
