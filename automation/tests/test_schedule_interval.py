from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from automation.schedule import IntervalRule, ScheduleError, interval_from

ANCHOR = datetime(2026, 3, 1, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEFT_TO_RIGHT = "\u200e"  # a mark that keeps a date in one piece within Persian

intervals = st.integers(1, 366 * 24 * 60).map(lambda minutes: minutes * MINUTE)
instants = st.datetimes(
    datetime(2025, 1, 1),  # noqa: DTZ001
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(intervals, instants)
def test_first_after_an_instant_is_less_than_an_interval_away_or_the_anchor(every, instant):
    found = IntervalRule(every, ANCHOR, "UTC").next_after(instant)

    assert found > instant
    assert found == ANCHOR or found - instant <= every
    assert (found - ANCHOR) % every == timedelta(0)


@given(intervals, instants)
def test_occurrences_are_an_interval_apart_whatever_clocks_do(every, instant):
    found = IntervalRule(every, ANCHOR, "America/New_York").first(10, after=instant)

    assert {later - earlier for earlier, later in pairwise(found)} == {every}


def test_nothing_is_due_before_the_anchor():
    rule = IntervalRule(timedelta(hours=1), ANCHOR, "Asia/Tehran")

    assert rule.next_after(ANCHOR - timedelta(days=30)) == ANCHOR
    assert rule.next_after(ANCHOR) == ANCHOR + timedelta(hours=1)


def test_seconds_of_the_anchor_do_not_count():
    anchor = ANCHOR + timedelta(seconds=59, microseconds=5)

    assert IntervalRule(MINUTE, anchor, "UTC").anchor == ANCHOR


@pytest.mark.parametrize(
    "every",
    [
        timedelta(0),
        -MINUTE,
        timedelta(seconds=30),
        timedelta(seconds=90),
        timedelta(days=366, minutes=1),
    ],
)
def test_interval_that_is_too_short_or_long_or_not_of_minutes_is_refused(every):
    with pytest.raises(ScheduleError, match="from 1 minute to 366 days") as refused:
        IntervalRule(every, ANCHOR, "UTC")

    assert refused.value.field == "every"


@pytest.mark.parametrize(
    ("anchor", "says"),
    [
        (datetime(2026, 1, 1), "has no time zone"),  # noqa: DTZ001
        (datetime(1405, 1, 1, tzinfo=UTC), "The year 1405 is not between 1970 and 2199"),
    ],
)
def test_anchor_that_is_no_usable_instant_is_refused(anchor, says):
    with pytest.raises(ScheduleError, match=says) as refused:
        IntervalRule(MINUTE, anchor, "UTC")

    assert refused.value.field == "anchor"


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("45 minutes", 45),
        ("every 45 minutes", 45),
        ("Every  45  Minutes", 45),
        ("2 hours", 120),
        ("1 day", 24 * 60),
        ("every day", 24 * 60),
        ("every hour", 60),
        ("1 week", 7 * 24 * 60),
        ("1:30", 90),
        ("0:05", 5),
        ("24:00", 24 * 60),
        ("90m", 90),
        ("1h30m", 90),
        ("1h 30m", 90),
        ("1 day 2 hours and 5 minutes", 26 * 60 + 5),
        ("۴۵ دقیقه", 45),
        ("هر ۲ ساعت", 120),
        ("۲ ساعت و ۳۰ دقیقه", 150),
        ("٤٥ minutes", 45),
        ("۱:۳۰", 90),
        ("1.5 hours", 90),
        ("PT90M", 90),
        ("pt1h30m", 90),
        ("1 day, 2:00:00", 26 * 60),
    ],
)
def test_interval_is_read_as_people_write_it(text, minutes):
    assert interval_from(text) == minutes * MINUTE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "every",
        "45",
        "1:75",
        "-5 minutes",
        "two hours",
        "5 parsecs",
        "90",
    ],
)
def test_text_that_is_no_interval_is_refused_with_examples(text):
    with pytest.raises(ScheduleError, match="Write 45 minutes, 2 hours, 1 day or 1:30") as refused:
        interval_from(text)

    assert repr(text) in str(refused.value)
    assert refused.value.field == "every"


@given(st.text(max_size=30))
def test_any_text_is_an_interval_or_refused(text):
    try:
        assert interval_from(text) >= timedelta(0)
    except ScheduleError as refused:
        assert refused.field == "every"  # noqa: PT017  # either is right


@pytest.mark.parametrize(
    ("every", "words"),
    [
        ("1 minute", "Every minute, from Sun 2026-03-01 11:30"),
        ("1 hour", "Every hour, from Sun 2026-03-01 11:30"),
        ("1 day", "Every day, from Sun 2026-03-01 11:30"),
        ("45 minutes", "Every 45 minutes, from Sun 2026-03-01 11:30"),
        ("1:30", "Every 1 hour and 30 minutes, from Sun 2026-03-01 11:30"),
        ("3 days 1 minute", "Every 3 days and 1 minute, from Sun 2026-03-01 11:30"),
    ],
)
def test_words_say_how_often_and_from_when_in_the_zone(every, words):
    assert IntervalRule(interval_from(every), ANCHOR, "Asia/Tehran").words == words


def test_words_are_in_the_active_language():
    rule = IntervalRule(interval_from("1:30"), ANCHOR, "Asia/Tehran")

    with translation.override("fa"):
        words = rule.words.replace(LEFT_TO_RIGHT, "")
    assert words == "هر 1 ساعت و 30 دقیقه، از یکشنبه 2026/3/1 11:30"


def test_text_of_a_rule_says_all_of_it():
    rule = IntervalRule(timedelta(hours=2), ANCHOR, "Asia/Tehran")

    assert str(rule) == "every 120 minutes from 2026-03-01T08:00:00+00:00"
