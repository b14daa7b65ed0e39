import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django_q.models import Schedule

from automation.models import Execution, Process, Trigger
from automation.tests.factories import ExecutionFactory, ProcessFactory, a_message_waits

pytestmark = pytest.mark.django_db


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


@pytest.fixture(autouse=True)
def hourly(time_machine):
    """Due at 7:00 and 8:00, and both ran."""
    time_machine.move_to(at(6, 30), tick=False)
    Process.objects.all().delete()
    process = ProcessFactory(name="hourly", timezone="UTC", cron="0 * * * *")
    for hour in (7, 8):
        ExecutionFactory(
            process=process, trigger=Trigger.SCHEDULE, completed=True, scheduled_for=at(hour)
        )
    time_machine.move_to(at(10, 30), tick=False)
    Schedule.objects.update(next_run=at(11))
    a_message_waits()
    return process


def audit(*arguments: str) -> tuple[str, object]:
    out = StringIO()
    try:
        call_command("audit_schedule", *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), ended.code
    return out.getvalue(), None


def test_sound_history_ends_well(time_machine):
    time_machine.move_to(at(9), tick=False)

    said, code = audit()

    assert code is None
    assert "hourly: 3 due after Sun 2026-11-22 06:30 UTC, until Sun 2026-11-22 09:00 UTC" in said
    assert "2 completed" in said
    assert "waiting: Sun 2026-11-22 09:00 UTC" in said


def test_gap_is_said_and_makes_it_fail():
    said, code = audit("hourly")

    assert code == 1
    assert "gap: Sun 2026-11-22 09:00 UTC" in said


def test_double_names_its_executions():
    double = ExecutionFactory(
        process=Process.objects.get(),
        trigger=Trigger.SCHEDULE,
        completed=True,
        scheduled_for=at(7, 59),
        scheduled_until=at(9),
        occurrences=2,
    )
    first = Execution.objects.get(scheduled_for=at(8))

    said, code = audit("hourly")

    assert code == 1
    assert f"double: Sun 2026-11-22 08:00 UTC (executions {first.pk}, {double.pk})" in said
    assert "stray: Sun 2026-11-22 07:59 – 09:00 UTC" in said


def test_only_what_is_asked_for_is_looked_at():
    ProcessFactory(name="other")

    said, code = audit("hourly", "--since", "2026-11-22T09:30+00:00")

    assert (code, said.count("due after")) == (None, 1)
    assert "hourly: 1 due after Sun 2026-11-22 09:30 UTC" in said


def test_json_says_the_same():
    said, code = audit("--json")

    (proof,) = json.loads(said)
    assert code == 1
    assert proof["outcomes"] == {"completed": 2}
    assert proof["counts"] == {"gap": 1, "waiting": 1}
    assert proof["findings"][0] == {
        "what": "gap",
        "since": at(9).isoformat(),
        "until": at(9).isoformat(),
        "occurrences": 1,
        "executions": [],
    }
    assert not proof["is_sound"]


@pytest.mark.parametrize(
    "arguments", [["nobody"], ["--since", "yesterday"], ["--since", "2026-13-01T00:00"]]
)
def test_what_it_does_not_know_is_refused(arguments):
    with pytest.raises(CommandError) as refused:
        call_command("audit_schedule", *arguments)

    assert refused.value.returncode == 2
