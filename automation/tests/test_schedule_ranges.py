from datetime import UTC, datetime, timedelta

import pytest

from automation.schedule import ScheduleError, range_from

HOUR = timedelta(hours=1)


def test_day_is_there_as_a_whole():
    begin, end = range_from("2026-11-20", "2026-11-20", "Asia/Tehran")

    assert begin == datetime(2026, 11, 19, 20, 30, tzinfo=UTC)
    assert end + timedelta(microseconds=1) - begin == 24 * HOUR


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_day_on_which_clocks_change_is_as_long_as_it_is(day, hours):
    begin, end = range_from(day, day, "Europe/Berlin")

    assert end + timedelta(microseconds=1) - begin == hours * HOUR


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20 07:30",
        "2026-11-20T07:30:00",
        "۲۰۲۶/۱۱/۲۰ ۷:۳۰",
        "2026-11-20T04:00Z",
        "2026-11-20T05:00+01:00",
    ],
)
def test_time_is_of_the_zone_unless_it_says_its_offset(text):
    begin, end = range_from(text, text, "Asia/Tehran")

    assert begin == end == datetime(2026, 11, 20, 4, tzinfo=UTC)


def test_of_a_time_that_comes_twice_the_first_is_meant():
    begin, _ = range_from("2026-10-25 02:30", "2026-10-26", "Europe/Berlin")

    assert begin == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a date and time"),
        ("tomorrow", "is not a date and time"),
        ("2026-02-30", "is not a date and time"),
        ("1405-09-01", "Gregorian"),
        ("9999-12-31", "Gregorian"),
        ("9999-12-31T23:59-05:00", "Gregorian"),
        ("0001-01-01T00:00+05:00", "Gregorian"),
        ("2026-03-29 02:30", "does not exist"),
    ],
)
def test_what_is_no_time_is_refused_with_a_sentence(text, told):
    with pytest.raises(ScheduleError, match=told):
        range_from("2026-01-01", text, "Europe/Berlin")
