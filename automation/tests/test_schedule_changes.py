"""What clock changes do to rules, what an edit does, and delays."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.schedule import (
    ClockChange,
    CronRule,
    ExcludedDays,
    IntervalRule,
    OnceRule,
    Outcome,
    Rule,
    Schedule,
    ScheduleError,
    affected,
    clock_changes,
    difference,
    jitter_of,
    zone_named,
)
from automation.tests import oracle
from automation.tests.clock_changes import changing_zones, days_of_a_clock_change, rules

NEW_YORK = "America/New_York"
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPRING, AUTUMN = clock_changes(zone_named(NEW_YORK), START, 2)


# Changes of a zone's clocks


def test_next_changes_are_told_with_both_offsets():
    assert [
        ClockChange(datetime(2026, 3, 8, 7, tzinfo=UTC), -5 * HOUR, -4 * HOUR),
        ClockChange(datetime(2026, 11, 1, 6, tzinfo=UTC), -4 * HOUR, -5 * HOUR),
    ] == [SPRING, AUTUMN]
    assert [SPRING.move, AUTUMN.move] == [HOUR, -HOUR]


def test_change_at_the_instant_itself_is_not_after_it():
    assert clock_changes(zone_named(NEW_YORK), SPRING.at, 1) == [AUTUMN]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tehran", "Asia/Kathmandu"])
def test_zone_without_changes_has_none(zone):
    assert clock_changes(zone_named(zone), START, 3) == []


def test_half_hours_count():
    changes = clock_changes(zone_named("Australia/Lord_Howe"), START, 2)

    assert {abs(change.move) for change in changes} == {HOUR / 2}


def test_changes_of_every_zone_are_found_to_the_second():
    second = timedelta(seconds=1)
    for name, days in changing_zones():
        zone = ZoneInfo(name)
        changes = clock_changes(zone, datetime(2020, 1, 1, tzinfo=UTC), 100)
        known = [change for change in changes if change.at <= days[-1] + DAY]
        # The search goes ten years ahead.
        days_ahead = [day for day in days if day < datetime(2029, 12, 1, tzinfo=UTC)]
        assert len(known) >= len(days_ahead)
        for change, day in zip(known, days, strict=False):
            assert day < change.at <= day + DAY
            assert (change.at - second).astimezone(zone).utcoffset() == change.old_offset
            assert change.at.astimezone(zone).utcoffset() == change.new_offset


# What a change does to a rule


def told(rule: Rule, change: ClockChange) -> list[tuple[str, str]]:
    return [(effect.outcome.value, effect.words) for effect in affected(rule, change)]


def test_fixed_time_that_does_not_exist_runs_at_once_after():
    assert told(CronRule("30 2 * * *", NEW_YORK), SPRING) == [
        ("moved", "02:30 does not exist, runs 03:00")
    ]


def test_several_that_do_not_exist_run_once():
    assert told(CronRule("30,45 2 * * *", NEW_YORK), SPRING) == [
        ("moved", "02:30 does not exist, runs 03:00"),
        ("merged", "02:45 does not exist, runs 03:00, once for several"),
    ]
    assert told(CronRule("30 2 * * *\n0 3 * * *", NEW_YORK), SPRING) == [
        ("merged", "02:30 does not exist, runs 03:00, once for several")
    ]


def test_rule_that_follows_the_clock_does_not_run_when_a_time_does_not_exist():
    assert told(CronRule("*/30 2 * * *", NEW_YORK), SPRING) == [
        ("dropped", "02:00 does not exist, does not run"),
        ("dropped", "02:30 does not exist, does not run"),
    ]


def test_fixed_time_that_comes_twice_runs_at_the_first():
    assert told(CronRule("30 1 * * *", NEW_YORK), AUTUMN) == [
        ("first", "runs once, at the first 01:30")
    ]


def test_rule_that_follows_the_clock_runs_twice_when_a_time_comes_twice():
    assert told(CronRule("*/30 1 * * *", NEW_YORK), AUTUMN) == [
        ("twice", "runs twice, at both 01:00"),
        ("twice", "runs twice, at both 01:30"),
    ]


def test_rules_at_other_times_are_not_affected():
    assert told(CronRule("30 7 * * *", NEW_YORK), SPRING) == []
    assert told(CronRule("30 7 * * *", NEW_YORK), AUTUMN) == []


def test_intervals_are_not_affected():
    assert told(IntervalRule(HOUR, START, NEW_YORK), AUTUMN) == []


@pytest.mark.parametrize(
    ("hour", "says"),
    [
        (5, [("first", "runs once, at the first 01:30")]),
        (6, [("second", "runs once, at the second 01:30")]),
        (7, []),
    ],
)
def test_single_occurrence_says_at_which_of_two_it_runs(hour, says):
    rule = OnceRule(datetime(2026, 11, 1, hour, 30, tzinfo=UTC), NEW_YORK)

    assert told(rule, AUTUMN) == says


@given(rules, days_of_a_clock_change())
@settings(max_examples=60)
def test_effects_are_what_debian_cron_does(rule, day):
    name, before = day
    zone, cron = ZoneInfo(name), oracle.Cron(rule)
    change = clock_changes(zone, before, 1)[0]
    runs = oracle.runs(rule, zone, change.at - DAY, change.at + DAY)
    first, end = sorted([change.wall_before, change.wall_after])
    touched = [
        wall
        for minute in range(int((end - first) / oracle.MINUTE))
        if cron.matches(wall := first + minute * oracle.MINUTE)
    ]

    effects = list(affected(CronRule(rule, name), change))

    assert [effect.wall for effect in effects] == touched
    shown: dict[datetime, list[datetime]] = {wall: [] for wall in touched}
    for run in runs:
        shown.get(run.astimezone(zone).replace(tzinfo=None), []).append(run)
    for effect in effects:
        if effect.outcome in (Outcome.MOVED, Outcome.MERGED):
            assert effect.runs == (change.at,)
            assert change.at in runs
        else:
            assert list(effect.runs) == shown[effect.wall]
    catches_up = not cron.is_wild and change.move < 3 * HOUR
    moved = [effect for effect in effects if effect.outcome in (Outcome.MOVED, Outcome.MERGED)]
    assert len(moved) == (len(touched) if catches_up and change.move > 0 * HOUR else 0)


def test_effects_that_limits_take_away_are_not_told():
    rule = CronRule("30 2 * * *", NEW_YORK)
    day = ExcludedDays(date(2026, 3, 8), date(2026, 3, 8))

    assert told(Schedule(rule, excluded=[day]), SPRING) == []
    assert told(Schedule(rule, ends=SPRING.at), SPRING) == []
    assert told(Schedule(rule, starts=SPRING.at), SPRING) == told(rule, SPRING)
    wild = CronRule("*/30 2 * * *", NEW_YORK)
    assert told(Schedule(wild, excluded=[day]), SPRING) == []
    assert told(Schedule(wild, starts=START), SPRING) == told(wild, SPRING)


def test_limits_that_leave_one_of_two_say_which():
    rule = CronRule("*/30 1 * * *", NEW_YORK)
    starts = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # the first 01:30

    assert told(Schedule(rule, starts=starts), AUTUMN) == [
        ("second", "runs once, at the second 01:00"),
        ("twice", "runs twice, at both 01:30"),
    ]
    assert told(Schedule(rule, ends=starts), AUTUMN) == [
        ("first", "runs once, at the first 01:00"),
    ]


# What an edit does


def test_edit_shows_what_vanishes_appears_and_stays():
    old, new = CronRule("0 8,9 * * *", "UTC"), CronRule("0 9,10 * * *", "UTC")

    found = difference(old, new, START, START + DAY)

    assert [at.hour for at in found.vanish] == [8]
    assert [at.hour for at in found.appear] == [10]
    assert [at.hour for at in found.stay] == [9]
    assert found.compared_until == START + DAY
    assert not found.is_none


def test_rules_that_are_due_alike_do_not_differ():
    found = difference(CronRule("@daily", "UTC"), CronRule("0 0 * * *", "UTC"), START, START + DAY)

    assert found.is_none
    assert found.stay == (START + DAY,)


def test_first_rule_of_all_makes_everything_appear_and_none_makes_all_vanish():
    rule = CronRule("@daily", "UTC")

    assert difference(None, rule, START, START + DAY).appear == (START + DAY,)
    assert difference(rule, None, START, START + DAY).vanish == (START + DAY,)


@given(rules, rules, st.integers(0, 400), st.integers(1, 50))
@settings(max_examples=40)
def test_difference_is_that_of_sets_as_far_as_it_was_looked(old, new, hours, at_most):
    one, other = CronRule(old, NEW_YORK), CronRule(new, NEW_YORK)
    until = START + hours * HOUR

    found = difference(one, other, START, until, at_most)

    olds = set(one.between(START, found.compared_until))
    news = set(other.between(START, found.compared_until))
    assert list(found.vanish) == sorted(olds - news)
    assert list(found.appear) == sorted(news - olds)
    assert list(found.stay) == sorted(olds & news)
    compared = len(olds | news)
    assert compared <= at_most
    assert found.compared_until == until or compared == at_most


# Delays


def test_delay_is_the_same_everywhere_and_for_ever():
    occurrence = datetime(2026, 1, 1, 8, tzinfo=UTC)

    assert jitter_of("process:1", occurrence, HOUR) == timedelta(seconds=334)
    assert jitter_of("process:1", occurrence.astimezone(ZoneInfo("Asia/Tehran")), HOUR) == (
        timedelta(seconds=334)
    )


def test_delay_differs_from_one_process_and_occurrence_to_another():
    drawn = {jitter_of(seed, START + n * DAY, HOUR) for seed in ("1", "2") for n in range(20)}

    assert len(drawn) > 30


def test_delays_spread_evenly():
    ten = timedelta(seconds=9)
    drawn = Counter(jitter_of("seed", START + n * HOUR, ten).seconds for n in range(10_000))

    assert sorted(drawn) == list(range(10))
    assert all(850 < count < 1_150 for count in drawn.values())


@given(st.text(), st.datetimes(timezones=st.just(UTC)), st.timedeltas(timedelta(0), 400 * DAY))
def test_delay_is_within_its_bound(seed, occurrence, bound):
    assert timedelta(0) <= jitter_of(seed, occurrence, bound) <= bound


def test_no_delay_is_none():
    assert jitter_of("seed", START, timedelta(0)) == timedelta(0)


def test_negative_delay_is_refused():
    with pytest.raises(ScheduleError, match="cannot be negative") as refused:
        jitter_of("seed", START, -HOUR)

    assert refused.value.field == "jitter"
