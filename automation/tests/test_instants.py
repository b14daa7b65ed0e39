"""One format for people: `Wed 2026-11-25 16:34 Asia/Tehran`."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone, translation

from automation import instants
from automation.models import site_zone, zone_or_sites
from automation.reading import datetime_from

AT = datetime(2026, 11, 25, 13, 4, 5, 678, tzinfo=UTC)
TEHRAN, BERLIN, NEW_YORK = (
    ZoneInfo(name) for name in ("Asia/Tehran", "Europe/Berlin", "America/New_York")
)
BACK = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # Berlin's clocks go back half an hour later.
FORWARD = datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)  # They jump over this local time.


@pytest.fixture(autouse=True)
def page_of_tehran():
    with timezone.override(TEHRAN), translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("at", "zone", "language", "written"),
    [
        (AT, None, "en", "Wed 2026-11-25 16:34"),
        (AT, TEHRAN, "en", "Wed 2026-11-25 16:34"),
        (AT, NEW_YORK, "en", "Wed 2026-11-25 08:04 America/New_York"),
        (AT, UTC, "en-us", "Wed 2026-11-25 13:04 UTC"),
        (AT, NEW_YORK, None, "Wed 2026-11-25 08:04 America/New_York"),  # as commands are
        (AT, None, "fa", "چهارشنبه 2026/11/25 16:34"),
        (AT, NEW_YORK, "fa", "چهارشنبه 2026/11/25 08:04 America/New_York"),
        (AT, None, "de", "Mi 25.11.2026 16:34"),
        (datetime(2026, 11, 25, 20, 45, tzinfo=UTC), None, "en", "Thu 2026-11-26 00:15"),
        (datetime(5, 1, 2, 3, tzinfo=UTC), UTC, "en", "Sun 0005-01-02 03:00 UTC"),
        # Clocks change: what comes twice has its offset beside it, what does not exist is shown
        # as the time that does.
        (BACK, BERLIN, "en", "Sun 2026-10-25 02:30 UTC+02:00 Europe/Berlin"),
        (BACK + timedelta(hours=1), BERLIN, "en", "Sun 2026-10-25 02:30 UTC+01:00 Europe/Berlin"),
        (BACK + timedelta(hours=2), BERLIN, "en", "Sun 2026-10-25 03:30 Europe/Berlin"),
        (BACK + timedelta(hours=1), ZoneInfo("Europe/London"), "en", "Sun 2026-10-25 01:30 UTC Europe/London"),
        (FORWARD, BERLIN, "en", "Sun 2026-03-29 03:30 Europe/Berlin"),
    ],
)  # fmt: skip
def test_instant_of_a_rule(at, zone, language, written):
    with translation.override(language):
        assert instants.to_minute(at, zone) == written


@pytest.mark.parametrize(
    ("zone", "written"),
    [(None, "Wed 2026-11-25 16:34:05"), (BERLIN, "Wed 2026-11-25 14:04:05 Europe/Berlin")],
)
def test_instant_of_a_run_has_seconds(zone, written):
    assert instants.to_second(AT, zone) == written


def test_zone_that_stands_beside_is_not_repeated():
    assert instants.to_minute(AT, BERLIN, bare=True) == "Wed 2026-11-25 14:04"
    assert instants.clock(AT, BERLIN) == "14:04"
    assert instants.clock(BACK, BERLIN, seconds=True) == "02:30:00 UTC+02:00"


def test_mails_and_commands_always_name_the_zone():
    with instants.naming_zones():
        assert instants.to_minute(AT) == "Wed 2026-11-25 16:34 Asia/Tehran"
        assert instants.to_second(AT, BERLIN) == "Wed 2026-11-25 14:04:05 Europe/Berlin"
        assert instants.span(AT, AT, TEHRAN) == "Wed 2026-11-25 16:34 – 16:34 Asia/Tehran"
    assert instants.to_minute(AT) == "Wed 2026-11-25 16:34"


@pytest.mark.parametrize(
    ("until", "zone", "written"),
    [
        (AT + timedelta(hours=2), None, "Wed 2026-11-25 16:34 – 18:34"),
        (AT + timedelta(hours=8), None, "Wed 2026-11-25 16:34 – Thu 2026-11-26 00:34"),
        (AT + timedelta(hours=8), NEW_YORK, "Wed 2026-11-25 08:04 – 16:04 America/New_York"),
        (AT + timedelta(days=7), UTC, "Wed 2026-11-25 13:04 – Wed 2026-12-02 13:04 UTC"),
    ],
)
def test_span_names_a_day_that_is_the_same_once(until, zone, written):
    assert instants.span(AT, until, zone) == written


def test_what_stands_below_an_instant_repeats_no_day():
    assert instants.beside(AT + timedelta(hours=1), AT) == "17:34:05"
    assert instants.beside(AT + timedelta(hours=8), AT) == "Thu 2026-11-26 00:34:05"
    assert instants.beside(AT + timedelta(hours=8), AT, NEW_YORK) == "16:04:05"


def test_days():
    first, last = date(2026, 11, 25), date(2026, 11, 27)
    assert instants.days(first, first) == "Wed 2026-11-25"
    assert instants.days(first, last) == "Wed 2026-11-25 – Fri 2026-11-27"
    with translation.override("fa"):
        assert instants.days(first, last) == "چهارشنبه 2026/11/25 – جمعه 2026/11/27"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1, "0 ms"),
        (0.0684, "68 ms"),
        (1.25, "1.2 s"),
        (119.94, "119.9 s"),
        (125, "2:05 min"),
        (3_725, "1:02:05 h"),
        (90_000, "25:00:00 h"),
    ],
)
def test_length_of_time(seconds, written):
    assert instants.length(timedelta(seconds=seconds)) == written


@time_machine.travel(AT, tick=False)
def test_relative_time():
    assert (
        instants.from_now(AT + timedelta(hours=2, minutes=5)).replace("\xa0", " ") == "in 2 hours"
    )


def test_zone_that_is_gone_is_the_sites_and_says_so(settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "TIME_ZONE": "Europe/Berlin"}
    gone = zone_or_sites("Asia/Nowhere")

    told = "Europe/Berlin (there is no time zone Asia/Nowhere here)"
    assert instants.to_minute(AT, gone) == f"Wed 2026-11-25 14:04 {told}"
    assert instants.span(AT, AT, gone) == f"Wed 2026-11-25 14:04 – 14:04 {told}"
    assert instants.name_of(gone) == told
    with timezone.override(BERLIN):  # It is said though it is the page's.
        assert instants.to_minute(AT, gone).endswith(told)
    assert datetime(2026, 7, 1, tzinfo=gone).utcoffset() == timedelta(hours=2)


def test_zone_that_is_there_is_taken_as_it_is(settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "TIME_ZONE": "Asia/Nowhere"}
    settings.TIME_ZONE = "Europe/Berlin"

    assert zone_or_sites("America/New_York") is NEW_YORK
    assert site_zone() == BERLIN
    assert instants.name_of(zone_or_sites("Asia/Elsewhere")).startswith("Europe/Berlin (")


@pytest.mark.parametrize("language", ["en", "fa"])
def test_what_is_typed_is_read_in_every_language(language):
    with translation.override(language):
        typed = instants.as_typed(AT, NEW_YORK)
    assert typed == "2026-11-25 08:04"
    assert datetime_from(typed).replace(tzinfo=NEW_YORK) == AT.replace(second=0, microsecond=0)


def test_element_has_the_instant_itself():
    shown = instants.element(AT, instants.to_minute(AT), "a < b")
    assert shown == (
        '<time datetime="2026-11-25T13:04:05.000678+00:00" title="a &lt; b">'
        "Wed 2026-11-25 16:34</time>"
    )
    assert instants.element(None, "") == ""
