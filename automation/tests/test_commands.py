import json
import os
from datetime import UTC, datetime

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django_q.models import OrmQ, Schedule

from automation.engine.end import pausing
from automation.engine.run.claims import claim_one
from automation.engine.start.launch import launch
from automation.models import (
    Calendar,
    Execution,
    OverlapPolicy,
    Process,
    Status,
    Trigger,
    claiming,
)
from automation.tests.factories import ExecutionFactory, ProcessFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(capsys):
    def run(*arguments) -> tuple[int, str]:
        """Return the exit code, and what was printed."""
        try:
            call_command(*arguments)
        except CommandError as error:
            return error.returncode, str(error)
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


def test_run_process_runs_here_and_prints_the_result(call):
    ProcessFactory(name="greet")

    code, output = call("run_process", "greet", "--param", "name=Sara", "--param", "times=2")

    assert code == 0
    assert '"greeting": "Hello Sara! Hello Sara! "' in output
    assert "completed after" in output
    assert not OrmQ.objects.exists()
    assert Execution.objects.get().requested_by_name.endswith("(terminal)")


def test_run_process_json_is_one_object(call):
    ProcessFactory(name="greet")

    code, output = call("run_process", "greet", "--json")

    assert code == 0
    assert json.loads(output) == {
        "execution": Execution.objects.get().pk,
        "status": "completed",
        "result": {"greeting": "Hello world! "},
        "error": "",
        "reason": "",
        "after_commit": "",
        "waits_for": None,
    }


def test_run_process_that_fails_exits_with_1(call):
    ProcessFactory(name="fail", function="probes.write_then_raise")

    code, output = call("run_process", "fail", "--json")

    assert code == 1
    assert json.loads(output)["status"] == "failed"
    assert json.loads(output)["result"]["success"] is False


def test_run_process_that_is_skipped_exits_with_1_and_says_why(call):
    process = ProcessFactory(name="greet")
    running = ExecutionFactory(process=process, running=True)

    code, output = call("run_process", "greet")

    assert code == 1
    assert f"Execution {running.pk} had not ended yet" in output


def test_run_process_of_an_unknown_name_exits_with_2_and_names_the_known(call):
    ProcessFactory(name="greet")

    code, output = call("run_process", "great")

    assert code == 2
    assert "There is no process 'great'. Did you mean greet? Known: greet, " in output


def test_run_process_of_a_name_in_another_encoding_exits_with_2(call):
    code, output = call("run_process", os.fsdecode(b"gr\xfcn"))

    assert code == 2
    assert r"There is no process 'gr\udcfcn'." in output


@pytest.mark.parametrize("parameter", ["times=many", "times=2.0", "tims=2", "times"])
def test_run_process_with_a_bad_parameter_exits_with_2(call, parameter):
    ProcessFactory(name="greet")

    code, _output = call("run_process", "greet", "--param", parameter)

    assert code == 2
    assert not Execution.objects.exists()


def test_run_process_queue_hands_it_to_the_workers(call):
    ProcessFactory(name="greet")

    code, output = call("run_process", "greet", "--queue", "--json")

    assert code == 0
    assert json.loads(output)["status"] == "pending"
    assert OrmQ.objects.count() == 1


def test_run_process_queue_exits_with_3_when_the_wait_runs_out(call):
    ProcessFactory(name="greet")

    code, output = call("run_process", "greet", "--queue", "--wait", "0.1", "--json")

    assert code == 3
    assert json.loads(output)["status"] == "pending"


def test_run_process_says_so_when_the_wait_runs_out(call):
    ProcessFactory(name="greet")

    _code, output = call("run_process", "greet", "--queue", "--wait", "0.1")

    assert "is still pending; the history will tell." in output


def test_run_process_of_a_function_without_a_process_says_what_is_missing(call):
    code, output = call("run_process", "greet")

    assert code == 2
    assert "The function probes.greet is there, but no process 'greet' runs it." in output


def test_run_process_takes_text_as_it_is_for_a_text_parameter(call):
    ProcessFactory(name="greet")

    output = call("run_process", "greet", "--param", "name=null", "--json")[1]

    assert json.loads(output)["result"] == {"greeting": "Hello null! "}


def test_run_process_takes_a_json_list_for_a_list(call):
    ProcessFactory(name="tag", function="probes.tag")

    output = call("run_process", "tag", "--param", 'tags=["a,b", "c"]', "--json")[1]

    assert json.loads(output)["result"] == ["a,b", "c"]


def test_run_process_wait_without_queue_is_refused(call):
    ProcessFactory(name="greet")

    assert call("run_process", "greet", "--wait", "1")[0] == 2


def test_run_process_waits_for_a_slot_where_starts_wait(call, monkeypatch):
    process = ProcessFactory(name="greet", overlap_policy=OverlapPolicy.WAIT)
    claim = claim_one(launch(process, trigger=Trigger.MANUAL).pk, node="elsewhere")

    def end_the_first(_seconds):
        claiming.finish(claim.execution.pk, Status.COMPLETED, token=claim.token)

    monkeypatch.setattr("automation.engine.run.foreground.time.sleep", end_the_first)

    code, output = call("run_process", "greet")

    assert code == 0
    assert "It waits until an earlier one has ended" in output
    assert set(Execution.objects.values_list("status", flat=True)) == {Status.COMPLETED}


def test_retry_at_a_terminal_says_that_a_pause_lets_it_wait(call, monkeypatch):
    process = ProcessFactory(name="greet")
    failed = ExecutionFactory(
        process=process, status=Status.FAILED, completed_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    pausing.pause([process], why="repairs")
    looks = []

    def resume(_seconds):
        looks.append(1)
        pausing.resume([process])

    monkeypatch.setattr("automation.engine.run.foreground.time.sleep", resume)

    code, output = call("retry_execution", str(failed.pk))

    assert (code, looks) == (0, [1])
    assert "It waits until nothing holds its process. The process was paused by" in output
    assert "repairs" in output


def test_cancel_execution_stops_what_waits_and_says_who(call):
    execution = launch(ProcessFactory(name="greet"), trigger=Trigger.MANUAL)

    code, output = call("cancel_execution", str(execution.pk), "--json")

    assert code == 0
    assert json.loads(output)["status"] == "cancelled"
    execution.refresh_from_db()
    assert execution.cancel_requested_by_name.endswith("(terminal)")


def test_cancel_execution_asks_what_runs_to_stop_and_can_wait_for_it(call):
    number = str(ExecutionFactory(running=True).pk)

    assert "that takes a few seconds at most." in call("cancel_execution", number)[1]
    assert call("cancel_execution", number, "--wait", "0.1")[0] == 3


def test_cancel_execution_of_what_has_ended_or_is_not_there_exits_with_2(call):
    code, output = call("cancel_execution", str(ExecutionFactory(completed=True).pk))

    assert (code, "has ended already" in output) == (2, True)
    assert call("cancel_execution", "99999") == (2, "There is no execution 99999.")


def test_retry_execution_runs_it_again_here(call):
    failed = ExecutionFactory(
        process=ProcessFactory(name="greet"),
        status=Status.FAILED,
        completed_at=datetime(2026, 1, 1, tzinfo=UTC),
        parameters={"name": "Sara"},
    )

    code, output = call("retry_execution", str(failed.pk), "--json")

    assert code == 0
    assert json.loads(output)["result"] == {"greeting": "Hello Sara! "}
    assert Execution.objects.get(pk=json.loads(output)["execution"]).retry_of == failed


def test_retry_execution_queues_it_and_refuses_what_cannot_be(call):
    failed = ExecutionFactory(status=Status.LOST, completed_at=datetime(2026, 1, 1, tzinfo=UTC))
    completed = ExecutionFactory(completed=True)

    assert json.loads(call("retry_execution", str(failed.pk), "--queue", "--json")[1])[
        "status"
    ] == ("pending")
    assert call("retry_execution", str(completed.pk))[0] == 2


def test_list_processes_shows_rule_zone_next_run_and_last_status(call, time_machine):
    time_machine.move_to(datetime(2026, 11, 22, tzinfo=UTC), tick=False)
    Process.objects.all().delete()
    process = ProcessFactory(name="greet", cron="30 7 * * *")
    ExecutionFactory(process=process, completed=True)
    ProcessFactory(name="on-demand")

    table = call("list_processes")[1].splitlines()
    rows = json.loads(call("list_processes", "--json")[1])

    assert table[1].split("  ")[0] == "greet"
    assert "At 07:30" in table[1]
    assert table[1].split()[-3:] == ["up", "completed", "-"]
    assert rows[0]["next_run"] == "2026-11-22T07:30:00+03:30"
    assert (rows[0]["state"], rows[0]["last_status"]) == ("up", "completed")
    assert (rows[1]["schedule"], rows[1]["next_run"]) == ("By hand", None)


def test_list_processes_shows_what_holds_a_process(call, time_machine):
    time_machine.move_to(datetime(2026, 11, 22, tzinfo=UTC), tick=False)
    Process.objects.all().delete()
    process = ProcessFactory(name="greet", cron="30 7 * * *")
    pausing.pause([process], why="repairs", by_name="sara")

    assert "The process was paused by sara: repairs" in call("list_processes")[1]
    (row,) = json.loads(call("list_processes", "--json")[1])
    assert (row["state"], row["hold"]) == ("paused", "The process was paused by sara: repairs")
    assert (row["hold_since"], row["hold_until"]) == ("2026-11-22T00:00:00+00:00", None)
    assert row["next_run"] is None


def test_list_processes_takes_four_queries_however_many_there_are(call, django_assert_num_queries):
    for _ in range(5):
        ExecutionFactory(process=ProcessFactory(cron="0 0 * * *"), completed=True)

    with django_assert_num_queries(4):
        call("list_processes")


def test_list_processes_shows_a_process_whose_function_is_gone_as_broken(call):
    process = ProcessFactory(cron="30 7 * * *")
    Process.objects.filter(pk=process.pk).update(function="probes.removed")

    assert "Broken: probes.removed is not in the code." in call("list_processes")[1]


def test_preview_schedule_json_lists_what_comes_after_a_time(call):
    code, output = call(
        "preview_schedule",
        *("--cron", "30 2 * * *", "--timezone", "America/New_York"),
        *("--after", "2026-03-07T07:30:00+00:00", "--count", "2", "--json"),
    )

    assert code == 0
    assert json.loads(output) == [
        {"at": "2026-03-08T07:00:00+00:00", "local": "2026-03-08T03:00:00-04:00", "hold": None},
        {"at": "2026-03-09T06:30:00+00:00", "local": "2026-03-09T02:30:00-04:00", "hold": None},
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cron", "0 0 31 2 *"], "never comes due"),
        (["--cron", "0 0 * * *", "--timezone", "Asia/Teheran"], "no time zone 'Asia/Teheran'"),
        (["--cron", "0 0 * * *", "--after", "noon"], "--after: 'noon' is not a date and time"),
        (
            ["--cron", "0 0 * * *", "--after", "2026-02-30T00:00"],
            "--after: '2026-02-30T00:00' is not",
        ),
        (
            ["--cron", "0 0 * * *", "--count", "0"],
            "--count is 0; it must be a number from 1 to 10000.",
        ),
        (["--cron", "0 0 * * *", "--after", "9999-12-30T00:00"], "The year 9999 is not between"),
        (["--cron", "0 0 * * *", "--after", "0001-01-01T00:00"], "The year 1 is not between"),
        ([], "Give --cron, --every, --at or --process"),
        (["--every", "often"], "is not an interval"),
        (["--every", "0 minutes"], "from 1 minute to 366 days"),
        (
            ["--every", "90 seconds"],
            "1 minute 30 seconds cannot be followed: an interval is of whole minutes",
        ),
        (["--every", "90"], "is not an interval"),
        (["--at", "1405-09-10 08:00"], "write 2026-12-01"),
        (["--at", "2027-03-14 02:30", "--timezone", "America/New_York"], "does not exist"),
        (["--every", "1 hour", "--anchor", "noon"], "--anchor: 'noon' is not"),
        (["--cron", "0 0 * * *", "--starts", "2026-02-30"], "--starts: '2026-02-30' is not"),
        (["--cron", "0 0 * * *", "--calendar", "none"], "There is no calendar 'none'"),
        (["--process", "none"], "There is no process 'none'"),
        (
            ["--cron", "0 0 * * *", "--starts", "2026-02-02T00:00", "--ends", "2026-02-01T00:00"],
            "is not after the start",
        ),
    ],
)
def test_preview_schedule_refuses_what_it_cannot_follow(call, arguments, says):
    code, output = call("preview_schedule", *arguments)

    assert code == 2
    assert says in output


@pytest.mark.parametrize(
    ("arguments", "at"),
    [
        (["--at", "2036-12-01T08:00+02:00"], "2036-12-01T06:00:00+00:00"),
        (["--at", "2036-12-01T08:00Z"], "2036-12-01T08:00:00+00:00"),
        (["--at", "۲۰۳۶/۱۲/۰۱ ۰۸:۰۰"], "2036-12-01T04:30:00+00:00"),
        (["--every", "PT90M", "--anchor", "2036/1/1 00:00Z"], "2036-01-01T00:00:00+00:00"),
        (["--every", "1h30m", "--anchor", "2036-01-01T01:00+01:00"], "2036-01-01T00:00:00+00:00"),
    ],
)
def test_preview_schedule_reads_instants_and_intervals_as_every_other_door(call, arguments, at):
    after = ["--after", "2035-12-31T23:59Z", "--timezone", "Asia/Tehran", "--count", "1"]

    _code, output = call("preview_schedule", *arguments, *after, "--json")

    assert json.loads(output)[0]["at"] == at


def test_preview_schedule_marks_what_clock_changes_touch(call):
    rule = ["--cron", "30 2 * * *", "--timezone", "America/New_York"]

    output = call("preview_schedule", *rule, "--after", "2026-03-07T12:00+00:00", "--count", "2")[1]

    assert output.splitlines() == [
        "At 02:30 (America/New_York)",
        "Sun 2026-03-08 03:00 America/New_York   07:00 UTC   02:30 does not exist, runs 03:00",
        "Mon 2026-03-09 02:30 America/New_York   06:30 UTC",
        "clocks: Sun 2026-03-08 02:00 -> 03:00",
        "  02:30 does not exist, runs 03:00",
        "clocks: Sun 2026-11-01 02:00 -> 01:00",
    ]


def test_preview_schedule_of_an_interval_and_of_one_time(call):
    after = ["--after", "2026-01-01T00:00+00:00", "--timezone", "UTC", "--count", "2", "--json"]
    every = ["--every", "45 minutes", "--anchor", "2026-01-01T08:00"]

    def times(*rule: str) -> list[str]:
        return [at["at"][11:16] for at in json.loads(call("preview_schedule", *rule, *after)[1])]

    assert times(*every) == ["08:00", "08:45"]
    assert times(*every, "--ends", "2026-01-01T08:45") == ["08:00"]
    assert times(*every, "--starts", "2026-01-01T08:01") == ["08:45", "09:30"]
    assert times("--at", "2026-12-01 ۰۸:۰۰") == ["08:00"]


def test_preview_schedule_leaves_out_the_days_of_a_calendar(call):
    Calendar.objects.create(name="rest", days="2026-03-08 Sunday")
    rule = ["--cron", "30 2 * * *", "--timezone", "UTC", "--calendar", "rest"]

    output = call("preview_schedule", *rule, "--after", "2026-03-07T00:00", "--count", "2")[1]

    assert "Sat 2026-03-07 02:30 UTC   02:30 UTC\nMon 2026-03-09" in output
    assert "left out: Sun 2026-03-08 Sunday" in output


@time_machine.travel(datetime(2026, 6, 10, tzinfo=UTC))
def test_preview_schedule_of_a_process_says_what_an_edit_would_change(call):
    ProcessFactory(name="nightly", cron="0 8 * * *", timezone="UTC")

    own = call("preview_schedule", "--process", "nightly")[1]
    edited = call("preview_schedule", "--process", "nightly", "--cron", "0 9 * * *")[1]

    assert own.startswith("At 08:00 (UTC)\nWed 2026-06-10 08:00")
    assert "the edit changes" not in own
    assert "until Wed 2026-06-17 00:00 UTC the edit changes:\n  - Wed 2026-06-10 08:00" in edited
    assert (edited.count("  - "), edited.count("  + ")) == (7, 7)
    assert Process.objects.get(name="nightly").cron == "0 8 * * *"


def test_preview_schedule_of_a_process_by_hand_says_so(call):
    ProcessFactory(name="by-hand")

    assert call("preview_schedule", "--process", "by-hand") == (2, "by-hand has no schedule.")


def test_sync_schedules_says_what_it_repaired(call):
    process = ProcessFactory(cron="30 7 * * *")
    Schedule.objects.filter(name=f"process:{process.pk}").delete()

    assert f"{process.name}: created, next run " in call("sync_schedules")[1]
    assert call("sync_schedules")[1] == "Every schedule is as it should be.\n"
