from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from automation import reading
from automation.reading import (
    ReadingError,
    date_from,
    datetime_from,
    instant_from,
    length_as_typed,
    length_from,
    number_as_text,
)

#: First days of Persian years, as published by the calendar centre of the University of Tehran.
NEW_YEARS = {
    1370: "1991-03-21",
    1375: "1996-03-20",
    1379: "2000-03-20",
    1399: "2020-03-20",
    1403: "2024-03-20",
    1404: "2025-03-21",
    1405: "2026-03-21",
    1408: "2029-03-20",
}


@pytest.mark.parametrize("text", ["2026-11-24", " 2026/11/24 ", "۲۰۲۶/۱۱/۲۴", "٢٠٢٦-١١-٢٤"])
def test_date_is_read_with_any_digits(text):
    assert date_from(text) == date(2026, 11, 24)
    assert date_from(f"\u200f{text}\u200e") == date(2026, 11, 24)  # marks that come with a paste


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "24.11.2026", "11/24/2026", "2026-02-30", "x" * 999]
)
def test_what_is_no_date_is_refused_with_what_was_typed_and_an_example(text):
    with pytest.raises(ReadingError, match=r"is not a date\. Write it as 2026-12-01") as refused:
        date_from(text)

    assert repr(text[:50])[:-1] in str(refused.value)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize(("year", "first"), NEW_YEARS.items())
def test_date_of_a_persian_year_is_not_converted_and_the_gregorian_one_is_suggested(year, first):
    with pytest.raises(ReadingError, match=f"The year {year} is not between 1900 and 2200") as told:
        date_from(f"{year}-01-01")

    assert f"If {year}-01-01 of the Persian calendar is meant, write {first}." in str(told.value)


@pytest.mark.parametrize(
    "text", ["1405-12-30", "1405-13-01", "1405-07-31", "1600-01-01", "0000-1-1"]
)
def test_nothing_is_suggested_for_what_is_no_persian_date_either(text):
    with pytest.raises(ReadingError) as refused:
        date_from(text)

    assert "Persian" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01 08:00", datetime(2026, 12, 1, 8)),  # noqa: DTZ001
        ("2026/12/1T8:00:30", datetime(2026, 12, 1, 8, 0, 30)),  # noqa: DTZ001
        ("2026-12-01", datetime(2026, 12, 1)),  # noqa: DTZ001
        ("2026-12-01T08:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01 08:00 +0330", datetime(2026, 12, 1, 4, 30, tzinfo=UTC)),
        ("2026-12-01T08:00:00.25-05:00", datetime(2026, 12, 1, 13, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_instant_is_read_with_or_without_an_offset(text, at):
    assert datetime_from(text) == at


@pytest.mark.parametrize(
    "text",
    [
        *("2026-12-01 24:00", "2026-12-01 8", "2026-12-01T08:00+99:00"),
        *("2026-12-01T08:00+02:60", "2026-12-01T08:00+0299", "2026-12-01T08:00+02:00:75"),
    ],
)
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(ReadingError, match="is not a date and time"):
        datetime_from(text)


@given(st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_iso_text_of_any_instant_is_read_as_that_instant(wall, minutes):
    at = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    assert datetime_from(at.isoformat()) == datetime_from(at.isoformat(" ")) == at


def test_local_time_that_clocks_jump_over_is_refused():
    berlin = ZoneInfo("Europe/Berlin")

    assert instant_from("2026-10-25 02:30", berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    with pytest.raises(ReadingError, match="does not exist in Europe/Berlin"):
        instant_from("2026-03-29 02:30", berlin)


@given(
    st.timedeltas(-timedelta(days=99_999), timedelta(days=99_999)), st.sampled_from(["en", "fa"])
)
def test_length_is_read_back_as_it_is_written(length, language):
    with translation.override(language):
        assert length_from(length_as_typed(length), may_be_negative=True) == length


def test_length_is_written_in_the_language_of_the_page():
    with translation.override("fa"):
        assert length_as_typed(timedelta(hours=1, minutes=30)) == "1 ساعت 30 دقیقه"


@pytest.mark.parametrize(
    ("text", "says"), [("90", "'90' has no unit. Write 90 seconds"), ("", "45 min")]
)
def test_number_without_a_unit_is_no_length(text, says):
    with pytest.raises(ReadingError, match=says):
        length_from(text)


def test_number_of_a_length_may_have_the_persian_separators():
    assert length_from("۱٫۵ ساعت") == timedelta(minutes=90)
    assert length_from("۱٬۰۰۰ ثانیه") == timedelta(seconds=1_000)


@pytest.mark.parametrize("text", ["2 hours 3 hours", "1h 1hr", "5 دقیقه 5m"])
def test_unit_that_stands_twice_in_a_length_is_refused(text):
    with pytest.raises(ReadingError, match="is not a length of time"):
        length_from(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    for read in (date_from, datetime_from, length_from):
        try:
            read(text)
        except ReadingError as refused:
            assert str(refused)  # noqa: PT017  # either is right
    assert isinstance(number_as_text(text), str)


def test_every_unit_is_read_in_english_and_persian():
    assert {length_from(f"2 {unit}") for unit in reading._UNITS} == {
        2 * one for one in reading._ONE.values()
    }
