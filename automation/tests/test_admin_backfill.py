import re
from datetime import UTC, datetime, timedelta

import pytest

from automation.engine.start import due
from automation.models import Execution, Process, Status, Trigger
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 20, 30, tzinfo=UTC)
RANGE = {"since": "2026-11-22T01:00", "until": "2026-11-22T05:00"}


def at(hour: int) -> datetime:
    return datetime(2026, 11, 22, hour, tzinfo=UTC)


@pytest.fixture
def hourly(time_machine) -> Process:
    """Made yesterday; workers came back at 12:00, and the latest was caught up."""
    time_machine.move_to(NOW - timedelta(days=1), tick=False)
    process = ProcessFactory(name="hourly", timezone="UTC", cron="0 * * * *")
    time_machine.move_to(NOW, tick=False)
    due.account_for(process.pk)
    Execution.objects.filter(status=Status.PENDING).update(
        status=Status.COMPLETED, completed_at=NOW
    )
    return process


@pytest.fixture
def operator(person_with):
    return person_with("run_process", "view_process", "view_execution")


def shown(client, process, **fields) -> str:
    return client.get(page("process_backfill", process.pk), fields).text


def sent(client, process, **fields):
    return client.post(page("process_backfill", process.pk), {**RANGE, **fields}, follow=True)


def started() -> list[datetime]:
    rows = Execution.objects.filter(trigger=Trigger.BACKFILL).order_by("pk")
    return [row.scheduled_for for row in rows if row.scheduled_for]


def test_page_offers_what_was_missed_since_the_process_last_ran_on_time(operator, hourly):
    text = shown(operator, hourly)

    assert 'value="2026-11-21T12:20"' in text
    assert 'value="2026-11-22T12:20"' in text
    assert text.count('name="pick"') == 23
    assert "All: 23 times, the oldest first" in text
    assert "The latest: Sun 2026-11-22 11:00" in text
    assert 'automation-status-completed">completed</span>' in text


def test_page_of_a_process_that_ran_a_moment_ago_shows_its_last_day(operator, time_machine):
    time_machine.move_to(NOW - timedelta(days=9), tick=False)
    process = ProcessFactory(timezone="UTC", cron="* * * * *")
    time_machine.move_to(NOW, tick=False)
    ExecutionFactory(
        process=process,
        completed=True,
        trigger=Trigger.SCHEDULE,
        scheduled_for=NOW.replace(second=0),
    )

    text = shown(operator, process)

    assert "errornote" not in text
    assert 'value="2026-11-21T12:20"' in text
    assert "1440 times" in text


@pytest.mark.parametrize("fields", [{"cron": "* * * * *"}, {"cron": "0 0 29 2 *"}, {}])
def test_page_of_any_process_opens_without_an_error(operator, time_machine, fields):
    time_machine.move_to(NOW, tick=False)
    process = ProcessFactory(**fields)

    text = shown(operator, process)

    assert "errornote" not in text
    told = "Nothing was due in this range." if fields else "has no schedule: there are no times"
    assert told in text


def test_page_shows_what_became_of_each_and_why(operator, hourly):
    ExecutionFactory(
        process=hourly, trigger=Trigger.BACKFILL, scheduled_for=at(3), status=Status.PENDING
    )

    text = shown(operator, hourly, **RANGE)

    assert text.count('name="pick"') == 4
    assert 'automation-status-missed">missed</span>' in text
    assert 'automation-status-pending">pending</span>' in text
    assert "Nothing was there to start it in time." in text


def test_times_of_a_process_in_another_zone_are_its_own(operator, hourly):
    Process.objects.filter(pk=hourly.pk).update(timezone="Asia/Tehran")

    text = shown(operator, hourly, **RANGE)

    assert "Sun 2026-11-22 05:00" in text
    assert f'value="{(at(1) + timedelta(minutes=30)).isoformat()}"' in text


def test_all_of_a_range_are_started_in_order_and_the_history_shows_them(operator, hourly):
    answer = sent(operator, hourly, choice="all", note="after the gap")

    assert started() == [at(hour) for hour in range(1, 6)]
    assert answer.redirect_chain[0][0].endswith(
        f"?process__id__exact={hourly.pk}&trigger__exact=backfill"
    )
    assert "5 of 5 times are queued." in answer.text
    first = Execution.objects.filter(trigger=Trigger.BACKFILL).first()
    assert (first.requested_by_name, first.note) == ("sara", "after the gap")


@pytest.mark.parametrize(
    ("choice", "expected"), [("latest", [at(5)]), ("picks", [at(2), at(4)]), ("none", [])]
)
def test_choice_starts_exactly_that(operator, hourly, choice, expected):
    sent(operator, hourly, choice=choice, pick=[at(4).isoformat(), at(2).isoformat()])

    assert started() == expected


def test_ticks_alone_are_a_choice(operator, hourly):
    sent(operator, hourly, pick=[at(2).isoformat()])

    assert started() == [at(2)]


def test_choosing_none_says_that_nothing_was_started(operator, hourly):
    assert "Nothing was started" in sent(operator, hourly, choice="none").text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Choose which of them are started."),
        ({"choice": "picks"}, "None of those that can be started is chosen."),
        ({"choice": "picks", "pick": "2030-01-01T00:00:00+00:00"}, "None of those"),
        ({"choice": "all", "until": "2026-11-20T00:00"}, "before its beginning"),
        ({"choice": "all", "since": "\0nonsense"}, "is not a date and time"),
        ({"choice": "all", "since": "2030-01-01", "until": "2031-01-01"}, "has not come yet"),
    ],
)
def test_what_starts_nothing_is_said_on_the_page(operator, hourly, fields, told):
    answer = sent(operator, hourly, **fields)

    assert told in answer.text
    assert started() == []


def test_those_that_succeeded_are_offered_where_asked_for(operator, hourly):
    ExecutionFactory(process=hourly, trigger=Trigger.BACKFILL, scheduled_for=at(3), completed=True)

    assert "All: 4 times" in shown(operator, hourly, **RANGE)
    assert "All: 5 times" in shown(operator, hourly, **RANGE, again="on")
    sent(operator, hourly, choice="picks", pick=at(3).isoformat(), again="on")
    assert started() == [at(3), at(3)]


def test_very_many_are_started_only_when_that_is_confirmed(operator, hourly, monkeypatch):
    monkeypatch.setattr("automation.operations.backfilling.MOST", 4)
    assert 'name="confirmed" value="5"' in shown(operator, hourly, **RANGE)

    answer = sent(operator, hourly, choice="all")
    assert "These are 5 executions: confirm that you mean so many." in answer.text
    sent(operator, hourly, choice="all", confirmed="4")
    assert started() == []

    sent(operator, hourly, choice="all", confirmed="5")
    assert len(started()) == 5


def test_long_range_lists_the_newest_and_says_how_many_it_left_out(operator, hourly, monkeypatch):
    monkeypatch.setattr("automation.admin.process.backfill.SHOWN", 2)

    text = shown(operator, hourly, **RANGE)

    assert re.findall(r'name="pick" value="[^"]+T(\d\d)', text) == ["05", "04"]
    assert "and 3 earlier ones" in text
    assert "All: 5 times" in text


def test_process_by_hand_says_that_it_has_no_schedule(operator):
    assert "has no schedule" in shown(operator, ProcessFactory())


def test_page_says_that_the_rule_was_another_one(operator, hourly):
    hourly.cron = "30 * * * *"
    hourly.save()

    text = shown(operator, hourly, **RANGE)

    assert "The rule was another one until" in text
    assert 'name="pick" value="2026-11-22T01:30:00+00:00"' in text


def test_page_and_start_are_for_who_may_run_processes(person_with, hourly):
    client = person_with("view_process", "change_process", "view_execution")

    assert client.get(page("process_backfill", hourly.pk)).status_code == 403
    assert sent(client, hourly, choice="all").status_code == 403
    assert "Missed times" not in client.get(page("process_change", hourly.pk)).text
    assert "times were missed" not in client.get(page("process_change", hourly.pk)).text
    assert started() == []


def test_who_may_only_run_sees_no_executions_and_no_process(person_with, hourly):
    client = person_with("run_process")

    assert "/execution/" not in shown(client, hourly, **RANGE)
    assert sent(client, hourly, choice="all").redirect_chain[0][0] == "/admin/"


def test_looking_starts_nothing(operator, hourly):
    shown(operator, hourly, **RANGE, choice="all")

    assert started() == []


def test_page_of_a_process_that_is_gone_is_not_there(operator):
    assert operator.get(page("process_backfill", 0)).status_code == 404


def test_process_page_tells_what_was_missed_until_somebody_chooses(operator, hourly):
    address = page("process_change", hourly.pk)
    text = operator.get(address).text
    assert "23 times were missed since Sat 2026-11-21 13:00 UTC." in text
    assert page("process_backfill", hourly.pk) in text

    sent(operator, hourly, choice="latest")

    assert "times were missed" not in operator.get(address).text


def test_number_of_queries_does_not_grow_with_the_range(
    operator, hourly, django_assert_max_num_queries
):
    for hour in (1, 3, 5):
        ExecutionFactory(
            process=hourly, trigger=Trigger.BACKFILL, scheduled_for=at(hour), completed=True
        )

    with django_assert_max_num_queries(12):
        shown(operator, hourly)
