from datetime import UTC, datetime

import pytest
from django.db import connection

from automation.adoption import NotAdoptableError, celery_beat, compare
from automation.tests.celery_tables import add_task, create_tables

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)  # Five days before clocks go back in Berlin.
GREET = "automation.tests.probes.processes.greet"


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
        ({"interval": (30, "seconds")}, "An interval is of whole minutes"),
        ({"interval": (2**31 - 1, "days")}, "from 1 minute to 366 days"),
        ({"interval": (2, "moons")}, "There is no period 'moons'"),
        ({"clocked": datetime(2026, 10, 1, tzinfo=UTC)}, "at 2026-10-01 00:00 UTC: that is over"),
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
        one_off=True,
        start_time=datetime(2026, 11, 1, tzinfo=UTC),
        expires=datetime(2026, 12, 1, tzinfo=UTC),
    )

    told = only().notes

    assert told[0] == "It is switched off there."
    assert "(one-off)" in told[1]
    assert "begins there at 2026-11-01 00:00 UTC" in told[2]
    assert "ends there at 2026-12-01 00:00 UTC" in told[3]


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
