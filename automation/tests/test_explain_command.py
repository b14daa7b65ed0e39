import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from automation.models import Status, Trigger
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

DUE = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


@pytest.fixture
def call(capsys, time_machine):
    time_machine.move_to(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False)
    ProcessFactory(name="nightly", timezone="Europe/Berlin", cron="30 2 * * *")
    time_machine.move_to(datetime(2026, 11, 22, tzinfo=UTC), tick=False)

    def run(*arguments) -> str:
        call_command("explain", *arguments)
        return capsys.readouterr().out

    return run


def skipped():
    return ExecutionFactory(
        process__name="other",
        process__timezone="Europe/Berlin",
        trigger=Trigger.SCHEDULE,
        status=Status.SKIPPED,
        reason="paused",
        reason_data={"by": "sara", "why": "flood"},
        scheduled_for=DUE,
        completed_at=DUE,
    )


def test_verdict_comes_first_then_the_steps_then_the_executions(call):
    execution = skipped()

    lines = call("other", "--at", "2026-11-21 02:30").splitlines()

    assert lines[0] == (
        f"It did not run: execution #{execution.pk}, skipped. The process was paused by sara: flood"
    )
    assert lines[1].startswith("  -> Start it by hand")
    assert "ok      Not paused: No pause holds it, and none holds everything." in lines
    assert any(line.startswith("BLOCKS  Workers are running: ") for line in lines)
    assert lines[-2] == "Executions:"
    assert lines[-1].split()[:2] == [f"#{execution.pk}", "skipped"]


def test_json_is_one_object_with_the_same(call):
    NodeFactory(functions=["probes.greet"])

    printed = json.loads(call("nightly", "--json"))

    assert (printed["process"], printed["at"]) == ("nightly", None)
    assert printed["verdict"] == {
        "code": "due_next",
        "text": "It is due next at Sun 2026-11-22 02:30 Europe/Berlin.",
        "remedy": "",
    }
    assert printed["steps"][1] == {
        "code": "enabled",
        "state": "ok",
        "text": "Switched on.",
        "remedy": "",
    }
    assert printed["executions"] == []


def test_instant_without_an_offset_is_one_of_the_process_s_zone(call):
    execution = skipped()

    printed = json.loads(call("other", "--at", "۲۰۲۶/۱۱/۲۱ ۲:۳۰", "--json"))

    assert printed["at"] == "2026-11-21T02:30:00+01:00"
    assert printed["executions"] == [
        {"execution": execution.pk, "status": "skipped", "reason": "paused", "attempt": 1}
    ]


def test_terminal_speaks_english_whatever_the_site_speaks(call):
    with translation.override("fa"):
        assert "When that many run: skip the new one." in call("nightly")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nightlt"], "Did you mean nightly?"),
        (["nightly", "--at", "at dawn"], "'at dawn' is not a date and time."),
        (["nightly", "--at", "2026-02-30 10:00"], "is not a date and time."),
        (["nightly", "--at", "1404-08-30 10:00"], "Gregorian calendar"),
        (["nightly", "--at", "2026-11-21 02:30+99:00"], "is not a date and time."),
        (["nightly", "--at", ""], "is not a date and time."),
    ],
)
def test_what_is_unknown_exits_with_2(call, arguments, told):
    with pytest.raises(CommandError) as error:
        call(*arguments)

    assert error.value.returncode == 2
    assert told in str(error.value)
