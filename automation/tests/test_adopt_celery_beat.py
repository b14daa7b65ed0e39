from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from automation.adoption import NotAdoptableError, celery_beat, compare, create
from automation.tests.celery_tables import add_task, create_tables

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)  # Five days before clocks go back in Berlin.
GREET = "automation.tests.probes.processes.greet"


@pytest.fixture(autouse=True)
def some_day(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def add():
    create_tables()
    return add_task


def only():
    [entry] = celery_beat.read(NOW).found
    return entry


def test_task_becomes_the_process_of_the_function_at_its_path(add):
    add(GREET, name="Say hello!", kwargs='{"name": "Sara"}', crontab=("30", "7", "*", "*", "1,2"))

    entry = only()

    assert (entry.problems, entry.notes) == ((), ())
    assert (entry.name, entry.work.function) == ("say-hello", "probes.greet")
    assert entry.work.parameters == {"name": "Sara"}
    assert str(entry.times.ours) == "30 7 * * 1,2 Europe/Berlin"


def test_task_becomes_the_process_of_the_function_that_has_its_name_as_a_key(add):
    add("probes.greet", crontab=("0", "3", "*", "*", "*"))

    assert only().work.function == "probes.greet"


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"task": "shop.tasks.send"}, '@process(aliases={"shop.tasks.send"})'),
        ({"args": '["Sara", 2]'}, "It gives arguments by position"),
        ({"kwargs": '{"nam": "Sara"}'}, "probes.greet does not take its arguments"),
        ({"kwargs": '{"times": "many"}'}, "probes.greet does not take its arguments: times"),
        ({"kwargs": "{"}, "Its arguments cannot be read"),
        ({"kwargs": "3"}, "Its arguments cannot be read"),
        ({"kwargs": '[["name", "Sara"]]'}, "Its arguments cannot be read"),
        ({"args": '"Sara"'}, "Its arguments cannot be read"),
    ],
)
def test_task_that_no_function_does_is_refused_and_its_times_are_told(add, columns, why):
    add(**{"task": GREET, **columns}, crontab=("0", "3", "*", "*", "*"))

    entry = only()

    assert why in entry.problems[0]
    assert entry.times.ours.expression == "0 3 * * *"


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ({"solar": True}, "It follows the sun"),
        ({}, "It has no schedule"),
        (
            {"interval": (30, "seconds")},
            "30 seconds cannot be followed: an interval is of whole minutes",
        ),
        ({"interval": (2**31 - 1, "days")}, "from 1 minute to 366 days"),
        ({"interval": (2, "moons")}, "There is no period 'moons'"),
        (
            {"clocked": datetime(2026, 10, 1, tzinfo=UTC)},
            "at Thu 2026-10-01 00:00 UTC: that is over",
        ),
        ({"crontab": ("0", "0", "1-7", "*", "1")}, "in Celery both must be true"),
        ({"crontab": ("0", "22-2", "*", "*", "*")}, "a range goes upwards"),
        ({"crontab": ("0", "0", "*", "*", "*"), "zone": "Mars"}, "There is no time zone 'Mars'"),
    ],
)
def test_schedule_that_no_rule_says_is_refused(add, schedule, why):
    add(GREET, **schedule)

    assert why in only().problems[0]


def test_interval_goes_on_from_the_last_run(add):
    add(GREET, interval=(2, "hours"), last_run_at=datetime(2026, 10, 20, 11, 15, tzinfo=UTC))

    entry = only()

    assert entry.times.ours.first(1, NOW) == [datetime(2026, 10, 20, 13, 15, tzinfo=UTC)]
    assert "slips by as much as each is late" in entry.notes[0]


def test_clocked_time_is_one_occurrence(add):
    at = datetime(2026, 12, 24, 17, tzinfo=UTC)
    add(GREET, clocked=at)

    comparison = compare(only().times, NOW, 10)

    assert comparison.ours == comparison.old == [at]


def test_what_a_process_does_not_have_is_told(add):
    add(
        GREET,
        crontab=("0", "3", "*", "*", "*"),
        enabled=False,
        queue="slow",
        exchange="main",
        routing_key="a.b",
        priority=9,
        headers='{"token": "hunter2", "b": 1}',
    )

    entry = only()

    notes = " ".join(entry.notes)
    assert "It is switched off there." in notes
    assert "Its queue slow, exchange main, routing key a.b does not come along" in notes
    assert "Its priority 9 does not come along: which number comes first depends on" in notes
    assert "Its headers, b, token, do not come along." in notes
    assert "hunter2" not in notes
    assert not entry.problems


def test_start_and_end_are_those_of_the_process(add):
    starts, ends = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 4, 2, 0, 0, 1, tzinfo=UTC)
    add(GREET, crontab=("0", "3", "*", "*", "*"), start_time=starts, expires=ends)

    entry = only()
    comparison = compare(entry.times, NOW, 10)

    assert comparison.ours == comparison.old
    assert comparison.ours == [datetime(2026, 11, day, 2, tzinfo=UTC) for day in (1, 2, 3, 4)]
    process = create(entry)
    assert (process.starts_at, process.ends_at) == (starts, datetime(2026, 11, 4, 2, 1, tzinfo=UTC))
    assert (process.cron, process.max_occurrences) == ("0 3 * * *", None)
    assert not process.is_enabled


def test_interval_begins_at_its_start(add):
    starts = datetime(2026, 11, 1, 0, 0, 30, tzinfo=UTC)
    add(
        GREET,
        interval=(2, "hours"),
        start_time=starts,
        expires=datetime(2026, 11, 1, 3, tzinfo=UTC),
    )

    process = create(only())

    at = [datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in (0, 2)]
    assert list(process.planned_rule.after(NOW)) == at


def test_interval_that_ran_shortly_before_its_start_waits_for_its_length(add):
    ran, starts = datetime(2026, 10, 20, 11, tzinfo=UTC), datetime(2026, 10, 20, 13, tzinfo=UTC)
    add(GREET, interval=(3, "hours"), start_time=starts, last_run_at=ran)

    assert only().times.ours.first(1, NOW) == [datetime(2026, 10, 20, 14, tzinfo=UTC)]


def test_start_that_has_passed_changes_nothing(add):
    add(GREET, crontab=("0", "3", "*", "*", "*"), start_time=datetime(2026, 1, 1, tzinfo=UTC))

    assert str(only().times.ours) == "0 3 * * * Europe/Berlin"


@pytest.mark.parametrize(
    "schedule", [{"crontab": ("0", "3", "*", "*", "*")}, {"interval": (1, "days")}]
)
def test_task_that_runs_once_becomes_a_process_of_one_occurrence(add, schedule):
    add(GREET, one_off=True, last_run_at=NOW - timedelta(hours=1), **schedule)

    entry = only()
    process = create(entry)

    assert "It runs once there (one-off), and here" in entry.notes[0]
    assert process.max_occurrences == 1
    assert len(list(process.planned_rule.after(NOW))) == 1


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (
            {"expires": datetime(2020, 1, 1, tzinfo=UTC)},
            "ended there at Wed 2020-01-01 00:00 UTC: that is over",
        ),
        ({"expires": NOW}, "that is over"),
        ({"expires": NOW + timedelta(minutes=1)}, "Nothing is due before the end"),
        ({"one_off": True, "total_run_count": 1}, "(one-off), and did: that is over"),
        ({"one_off": True, "expires": NOW}, "that is over"),
    ],
)
def test_task_that_is_over_is_not_adopted(add, columns, why):
    add(GREET, crontab=("0", "3", "*", "*", "*"), **columns)

    entry = only()

    assert why in entry.problems[0]
    with pytest.raises(NotAdoptableError):
        create(entry)


def test_message_that_expires_is_a_latest_start(add):
    add(GREET, crontab=("0", "3", "*", "*", "*"), expire_seconds=90, description="Every night")

    entry = only()
    process = create(entry)

    assert (process.start_deadline, process.description) == (90, "Every night")
    assert "It expires 90 s after it was due: that is its latest start here." in entry.notes


def test_message_that_expires_later_than_can_be_said_is_told(add):
    add(GREET, crontab=("0", "3", "*", "*", "*"), expire_seconds=10**9)

    entry = only()

    assert create(entry).start_deadline is None
    assert "longer than a latest start can say" in entry.notes[0]


def test_clocked_task_waits_for_its_start(add):
    at, starts = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    add(GREET, clocked=at, one_off=True, start_time=starts)

    assert create(only()).run_at == starts


def test_table_of_an_older_version_is_read(add):
    add(GREET, crontab=("0", "3", "*", "*", "*"))
    with connection.cursor() as cursor:
        for column in ("priority", "headers", "expire_seconds"):
            cursor.execute(f"ALTER TABLE {celery_beat.TABLE} DROP COLUMN {column}")

    assert (only().notes, only().problems) == ((), ())


def test_time_that_clocks_skip_comes_half_an_hour_later_with_beat(add):
    add(GREET, crontab=("30", "2", "*", "*", "*"))

    back, forward = compare(only().times, NOW, 3).at_changes

    assert not back.remark("celery-beat")
    assert forward.only_ours == (datetime(2027, 3, 28, 1, 0, tzinfo=UTC),)
    assert forward.only_old == (datetime(2027, 3, 28, 1, 30, tzinfo=UTC),)
    assert "celery-beat runs at other times" in forward.remark("celery-beat")


def test_beat_leaves_out_the_second_pass_of_a_repeated_hour(add):
    add(GREET, crontab=("*/30", "*", "*", "*", "*"))

    back, forward = compare(only().times, NOW, 3).at_changes

    assert back.only_ours == tuple(datetime(2026, 10, 25, 1, m, tzinfo=UTC) for m in (0, 30))
    assert not back.only_old
    assert back.remark("celery-beat").startswith("celery-beat leaves out 2 times. Ours, as cron: ")
    assert not forward.remark("celery-beat")


def test_beat_runs_every_other_hour_where_clocks_skip_one_and_cron_does_not(add):
    add(GREET, crontab=("0", "*/2", "*", "*", "*"))

    _back, forward = compare(only().times, NOW, 3).at_changes

    assert forward.only_old == (datetime(2027, 3, 28, 1, 0, tzinfo=UTC),)
    assert "runs one time too often" in forward.remark("celery-beat")


def test_times_without_zones_are_not_guessed(add, settings):
    settings.DJANGO_CELERY_BEAT_TZ_AWARE = False
    add(GREET, crontab=("0", "3", "*", "*", "*"))

    entry = only()

    assert entry.times.old is None
    assert "DJANGO_CELERY_BEAT_TZ_AWARE is off" in entry.notes[0]
    assert compare(entry.times, NOW, 3).old is None


def test_database_without_the_tables_is_refused():
    assert celery_beat.TABLE not in connection.introspection.table_names()

    with pytest.raises(NotAdoptableError, match="no table django_celery_beat_periodictask"):
        celery_beat.read(NOW)
