from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from automation.schedule import OnceRule, ScheduleError, once_from
from automation.tests.clock_changes import around_a_clock_change

AT = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)


def test_it_is_due_once():
    rule = OnceRule(AT, "Asia/Tehran")

    assert rule.first(5, after=AT - timedelta(days=1)) == [AT]
    assert rule.next_after(AT - timedelta(microseconds=1)) == AT
    assert rule.next_after(AT) is None
    assert list(rule.between(AT - timedelta(1), AT)) == [AT]


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01 08:00",
        " 2026-12-1  8:00 ",
        "2026-12-01T08:00",
        "۲۰۲۶/۱۲/۰۱ ۰۸:۰۰",
        "٢٠٢٦-١٢-٠١ ٠٨:٠٠",
    ],
)
def test_local_time_is_read_as_people_write_it(text):
    assert once_from(text, "Asia/Tehran") == OnceRule(AT, "Asia/Tehran")


def test_local_time_that_clocks_jump_over_is_refused_and_the_next_is_named():
    with pytest.raises(ScheduleError) as refused:
        once_from("2026-03-08 02:30", "America/New_York")

    assert str(refused.value) == (
        "2026-03-08 02:30 does not exist in America/New_York: clocks jump over it. "
        "The next time that exists is 2026-03-08 03:00."
    )
    assert refused.value.field == "at"


def test_day_that_a_zone_left_out_is_refused_and_the_next_is_named():
    with pytest.raises(ScheduleError, match=r"The next time that exists is 2011-12-31 00:00\."):
        once_from("2011-12-30 09:00", "Pacific/Apia")


def test_of_a_repeated_local_time_the_first_is_meant():
    rule = once_from("2026-11-01 01:30", "America/New_York")

    assert rule.at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@given(around_a_clock_change(), st.integers(0, 3 * 24 * 60))
@settings(max_examples=100)
def test_local_time_is_due_when_clocks_first_show_it_or_never_shown(around, minutes):
    zone, start = around
    wall = start.replace(tzinfo=None) + timedelta(minutes=minutes)
    assume(wall.year >= 1970)
    shown = [
        at
        for hours in range(-30, 31)
        for minute in (0, 30)
        if (at := wall.replace(tzinfo=UTC) + timedelta(hours=hours, minutes=minute))
        .astimezone(ZoneInfo(zone))
        .replace(tzinfo=None)
        == wall
    ]
    try:
        assert once_from(f"{wall:%Y-%m-%d %H:%M}", zone).at == min(shown)
    except ScheduleError as refused:
        assert "does not exist" in str(refused)  # noqa: PT017  # either is right
        assert not shown


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is not a date and time. Write it as 2026-12-01 08:00."),
        ("tomorrow", "is not a date and time"),
        ("2026-02-30 08:00", "is not a date and time"),
        ("2026-12-01 24:00", "is not a date and time"),
        ("2026-12-01", "is not a date and time"),
        ("۱۴۰۵-۰۹-۱۰ ۰۸:۰۰", "The year 1405 is not between 1970 and 2199 (Gregorian calendar)."),
    ],
)
def test_text_that_is_no_local_time_is_refused(text, says):
    with pytest.raises(ScheduleError) as refused:
        once_from(text, "Asia/Tehran")

    assert says in str(refused.value)
    assert refused.value.field == "at"


def test_zone_that_does_not_exist_is_refused():
    with pytest.raises(ScheduleError) as refused:
        once_from("2026-12-01 08:00", "Asia/Teheran")

    assert refused.value.field == "timezone"


def test_words_and_text_say_when():
    rule = OnceRule(AT + timedelta(seconds=20), "Asia/Tehran")

    assert rule.words == "Once, at Tue 2026-12-01 08:00"
    assert str(rule) == "once 2026-12-01T04:30:00+00:00"
