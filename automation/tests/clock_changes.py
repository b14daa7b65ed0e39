"""Rules, and times at which the clocks of some zone change, for property tests of schedules."""

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

from automation.tests import oracle

#: With a clock change in these years; zones of the same changes come once.
YEARS = 2020, 2030

#: Changes so large that they are no daylight saving, forward and back, and one over a midnight.
LARGE = [
    ("Pacific/Apia", datetime.fromisoformat("2011-12-30T00:00+00:00")),
    ("Antarctica/Casey", datetime.fromisoformat("2010-03-04T12:00+00:00")),
    ("Antarctica/Casey", datetime.fromisoformat("2011-10-27T12:00+00:00")),
    ("Pacific/Kwajalein", datetime.fromisoformat("1969-09-30T12:00+00:00")),
    ("Pacific/Kwajalein", datetime.fromisoformat("1993-08-21T00:00+00:00")),
]


@cache
def changing_zones() -> list[tuple[str, tuple[datetime, ...]]]:
    found: dict[tuple[datetime, ...], str] = {}
    for name in sorted(available_timezones()):
        changes = tuple(oracle.clock_changes(ZoneInfo(name), *YEARS))
        if changes:
            found.setdefault(changes, name)
    return [(name, changes) for changes, name in found.items()]


minutes = st.sampled_from(["0", "30", "59", "15,45", "0-10", "*", "*/30", "*/15", "*/7", "5-50/9"])
hours = st.sampled_from(["0", "1", "2", "3", "23", "0,1,2", "0-3", "*", "*/2", "*/5", "1-23/2"])
days = st.sampled_from(["*", "*", "*", "*/2", "1-7", "1,15,28-31"])
weekdays = st.sampled_from(["*", "*", "*", "0", "7", "1-5", "*/2"])
rules = st.tuples(minutes, hours, days, st.just("*"), weekdays).map(" ".join)


@st.composite
def days_of_a_clock_change(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant at most a day before its clocks change."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(LARGE))
    name, changes = draw(st.sampled_from(changing_zones()))
    return name, draw(st.sampled_from(changes))


@st.composite
def around_a_clock_change(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant at most two and a half days before its clocks change."""
    name, day = draw(days_of_a_clock_change())
    return name, day - timedelta(minutes=draw(st.integers(0, 36 * 60)))
