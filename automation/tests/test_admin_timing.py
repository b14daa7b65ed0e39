"""The part of the process form that says when, and what the page says of it."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from automation.models import Calendar, Execution, Process, ScheduleKind, Status
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import filled_form, page

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 10, 8, 30, tzinfo=UTC)  # in Tehran
SCHEDULE = reverse("admin:automation_process_schedule")
EVERY = {"schedule_kind": "interval", "cron": "", "every": "45 minutes"}
ONCE = {"schedule_kind": "once", "cron": "", "run_at": "2026-12-01 08:00"}


@pytest.fixture
def save(admin_client):
    """Post the form of a new process, or of one; return the answer, and what is stored."""

    def post(process: Process | None = None, **fields):
        where = page("process_change", process.pk) if process else page("process_add")
        name = process.name if process else "nightly"
        response = admin_client.post(where, filled_form(name=name, **fields))
        return response.text, Process.objects.filter(name=name).first()

    return post


@pytest.fixture
def preview(admin_client):
    def post(**fields) -> str:
        return admin_client.post(page("process_schedule"), filled_form(**fields)).text

    return post


@pytest.fixture
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


# What is typed


@pytest.mark.parametrize(
    ("typed", "minutes", "shown"),
    [("45 minutes", 45, "45 minutes"), ("۲ ساعت", 120, "2 hours"), ("1:30", 90, "1:30")],
)
def test_interval_is_typed_and_shown_back(admin_client, save, typed, minutes, shown):
    _text, process = save(**EVERY | {"every": typed, "anchor": "2026-06-10 12:00"})

    assert (process.schedule_kind, process.every) == (ScheduleKind.INTERVAL, minutes)
    assert process.anchor == NOON
    text = admin_client.get(page("process_change", process.pk)).text
    assert f'name="every" value="{shown}"' in text
    assert 'name="anchor" value="2026-06-10 12:00"' in text


@time_machine.travel(NOON + timedelta(seconds=20), tick=False)
def test_interval_without_an_anchor_counts_from_the_next_full_minute(save):
    _text, process = save(**EVERY)

    assert process.anchor == NOON + timedelta(minutes=1)


def test_instant_is_a_local_time_of_the_process_s_zone_in_any_digits(save):
    _text, process = save(**ONCE | {"run_at": "२०२६-۱۲-۰۱ ۰۸:۰۰", "timezone": "America/New_York"})

    assert process.run_at == datetime(2026, 12, 1, 13, tzinfo=UTC)


def test_instant_that_comes_twice_stays_the_second_one_until_it_is_touched(save, at_noon):
    second = datetime(2026, 11, 1, 6, 30, 5, tzinfo=UTC)
    kept = {"timezone": "America/New_York", "ends_at": second}
    process = ProcessFactory(cron="0 * * * *", **kept)
    typed = {"cron": "0 * * * *", "timezone": "America/New_York", "ends_at": "2026-11-01 01:30"}

    assert save(process, **typed, description="other")[1].ends_at == second
    moved = save(process, **typed | {"timezone": "Asia/Tehran"})[1]
    assert moved.ends_at == datetime(2026, 10, 31, 22, tzinfo=UTC)


def test_inputs_of_other_kinds_are_left_empty_whatever_stands_in_them(save):
    _text, process = save(**ONCE | {"every": "often", "anchor": "soon", "cron": "every day"})

    assert (process.cron, process.every, process.anchor) == ("", None, None)


def test_several_cron_rules_are_one_a_line(save):
    _text, process = save(cron="۷:۳۰\r\n\r\n0 20 * * *")

    assert process.cron == "30 7 * * *\n0 20 * * *"


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        (EVERY | {"every": "often"}, "every", "is not an interval"),
        (EVERY | {"every": ""}, "every", "Say how often."),
        (EVERY | {"every": "0 minutes"}, "every", "from 1 minute to 366 days"),
        (ONCE | {"run_at": "1405-09-10 08:00"}, "run_at", "write 2026-12-01."),
        (EVERY | {"anchor": "tomorrow"}, "anchor", "is not a date and time"),
        (ONCE | {"run_at": ""}, "run_at", "Say when."),
        (ONCE | {"run_at": "2020-01-01 08:00"}, "run_at", "Nothing is due any more"),
        (ONCE | {"run_at": "1405-01-01 08:00"}, "run_at", "Gregorian"),
        (
            ONCE | {"timezone": "America/New_York", "run_at": "2027-03-14 02:30"},
            "run_at",
            "does not exist in America/New_York",
        ),
        ({"cron": "0 8 * * *\n99 * * * *"}, "cron", "Line 2"),
        ({"timezone": "Asia/Teheran"}, "timezone", "Did you mean Asia/Tehran?"),
        (
            {"starts_at": "2026-07-02 08:00", "ends_at": "2026-07-01 08:00"},
            "ends_at",
            "is not after the start",
        ),
        ({"max_occurrences": "3"}, "max_occurrences", "give a start"),
        ({"ends_at": "2026-06-10 12:30", "cron": "0 8 * * *"}, "ends_at", "before the end"),
        ({"cron": "0 0 31 2 *"}, "cron", "never comes due"),
    ],
)
def test_refusal_says_which_field_and_why(save, preview, fields, field, says):
    text, process = save(**fields)

    assert process is None
    # Where the class `errors` stands depends on the version of Django.
    row = re.split(rf'<div class="form-row[^"]* field-{field}">', text)[1]
    assert says in row.partition("form-row")[0]
    assert text.count('<ul class="errorlist') == 1
    assert says in preview(**fields)


def test_calendar_that_takes_every_occurrence_is_refused(save):
    days = Calendar.objects.create(name="rest", days="2026-12-01 rest")

    with time_machine.travel(NOON):
        text, process = save(**ONCE, calendar=str(days.pk))

    assert process is None
    assert "Excluded days take every occurrence" in text


def test_rare_fields_are_folded_in_until_one_is_used(admin_client):
    def folded(process: Process) -> int:
        return admin_client.get(page("process_change", process.pk)).text.count("<details")

    usual = folded(ProcessFactory(cron="0 8 * * *"))
    assert usual >= 3
    assert folded(ProcessFactory(cron="0 8 * * *", jitter=60)) == usual - 1


# What the page says of it


@time_machine.travel(datetime(2026, 3, 7, 12, tzinfo=UTC), tick=False)
def test_preview_marks_what_a_clock_change_touches(preview):
    text = preview(cron="30 2 * * *", timezone="America/New_York")

    assert text.count("02:30 does not exist, runs 03:00") == 2  # in the list, and at the change
    assert "at 02:00 clocks are set to 03:00" in text
    assert "no run is touched" not in preview(cron="30 1 * * *", timezone="America/New_York")[:900]


def test_preview_shows_the_start_that_jitter_makes_of_each(preview, at_noon):
    text = preview(cron="0 20 * * *", jitter="600", name="nightly")

    process = Process(name="nightly", jitter=600)
    start = process.start_of(datetime(2026, 6, 10, 16, 30, tzinfo=UTC))
    assert f"<td>{start + timedelta(hours=3.5):%H:%M:%S}</td>" in text
    assert "with jitter" not in preview(cron="0 20 * * *")


def test_preview_lists_days_that_the_calendar_takes(preview, at_noon):
    days = Calendar.objects.create(name="rest", days="2026-06-12 Feast\n2027-06-12 Later")

    text = preview(cron="0 20 * * *", calendar=str(days.pk))

    assert "Feast" in text
    assert not re.search("<li[^>]*>[^<]*Later", text.replace("<bdi>", ""))


def test_preview_tells_what_an_edit_changes(preview, at_noon):
    process = ProcessFactory(cron="0 20 * * *")
    ExecutionFactory(process=process, running=True)

    text = preview(process=process.pk, cron="0 21 * * *")

    assert "What saving changes" in text
    vanish, appear = re.findall(r"<ul>\n(.*?)</ul>", text.partition("No longer due:")[2], re.S)
    assert (vanish.count("20:00"), vanish.count("21:00")) == (7, 0)
    assert (appear.count("20:00"), appear.count("21:00")) == (0, 7)
    assert "The run in progress goes on." in text
    assert "What saving changes" not in preview(process=process.pk, cron="0 20 * * *")


def test_preview_of_an_edit_of_a_rare_rule_looks_further(preview, at_noon):
    process = ProcessFactory(cron="0 20 1 9 *")

    text = preview(process=process.pk, cron="0 20 2 9 *")

    assert "No longer due:" in text
    assert "Newly due:" in text


def test_preview_of_switching_off_says_what_vanishes(preview, at_noon):
    process = ProcessFactory(cron="0 20 * * *")

    text = preview(process=process.pk, cron="0 20 * * *", is_enabled="false")

    assert "No longer due:" in text
    assert "Newly due:" not in text


def test_preview_compares_with_no_process_that_one_may_not_see(person_with, at_noon):
    process = ProcessFactory(cron="0 20 * * *")
    asked = filled_form(process=process.pk, cron="0 21 * * *")

    assert "0 21 * * *" in (text := person_with("add_process").post(SCHEDULE, asked).text)
    assert "What saving changes" not in text


def test_preview_stands_whatever_is_asked(admin_client, preview):
    for process in ("x", "0", "9" * 40):
        assert preview(process=process)
    wrong = dict.fromkeys(filled_form(), "\0<b>x")
    assert "<b>" not in preview(**wrong)
    assert admin_client.get(page("process_schedule")).status_code == 200


def test_preview_is_fast_for_every_minute_and_a_calendar_of_2000_days(preview):
    day = datetime(2026, 1, 1)  # noqa: DTZ001
    lines = [f"{day + timedelta(days=3 * n):%Y-%m-%d} day {n}" for n in range(2_000)]
    days = Calendar.objects.create(name="many", days="\n".join(lines))
    process = ProcessFactory(cron="*/2 * * * *", calendar=days)
    asked = {"process": process.pk, "cron": "* * * * *", "calendar": str(days.pk)}
    preview(**asked)

    begun = time.thread_time()  # Of this test alone, however busy the machine is.
    text = preview(**asked)

    assert "and 230 more" in text
    assert time.thread_time() - begun < 2


# Today too, or from tomorrow?


def test_edit_that_would_run_twice_today_is_refused_until_it_is_answered(
    admin_client, save, preview, at_noon
):
    process = ProcessFactory(cron="0 8 * * *")
    edit = {"cron": "0 20 * * *"}

    assert "Today too, or from tomorrow?" in preview(process=process.pk, **edit)
    assert 'name="today"' in save(process, **edit)[0]
    process.refresh_from_db()
    assert process.cron == "0 8 * * *"
    _text, stored = save(process, **edit, today="tomorrow")
    assert (stored.cron, stored.rule_from) == (
        "0 20 * * *",
        datetime(2026, 6, 10, 20, 30, tzinfo=UTC),
    )
    assert 'name="today"' not in admin_client.get(page("process_change", process.pk)).text
    assert save(process, cron="0 21 * * *", today="today")[1].rule_from is None
    assert not Execution.objects.exclude(status=Status.MISSED).exists()


def test_answer_that_is_given_shows_in_the_preview(preview, at_noon):
    process = ProcessFactory(cron="0 8 * * *")
    edit = {"process": process.pk, "cron": "0 20 * * *"}

    today, tomorrow = (preview(**edit, today=answer) for answer in ("today", "tomorrow"))

    assert re.search('value="tomorrow" checked', tomorrow)
    first = [re.search(r"<tbody>\s*<tr>\s*<td>([^<]*)", text)[1] for text in (today, tomorrow)]
    assert "Wed 2026-06-10" in first[0]
    assert "Thu 2026-06-11" in first[1]


def test_answer_is_kept_where_something_else_is_wrong(save, at_noon):
    process = ProcessFactory(cron="0 8 * * *")

    text, stored = save(process, cron="0 20 * * *", today="tomorrow", retry_delay="soon")

    assert stored.cron == "0 8 * * *"
    assert 'value="tomorrow" checked' in text


def test_edit_that_asks_nothing_shows_no_choice(preview, save, at_noon):
    process = ProcessFactory(cron="0 20 * * *")

    assert 'name="today"' not in preview(process=process.pk, cron="0 21 * * *")
    assert save(process, cron="0 21 * * *")[1].cron == "0 21 * * *"


# Its changes


def test_history_shows_times_of_the_zone_intervals_and_names(admin_client, save, at_noon):
    days = Calendar.objects.create(name="feasts", days="2026-12-25")
    process = ProcessFactory(cron="0 * * * *")
    save(process, cron="0 * * * *", starts_at="2026-06-10 08:00", calendar=str(days.pk))
    save(process, **EVERY, starts_at="2026-06-10 08:00")

    text = admin_client.get(page("process_history", process.pk)).text

    for shown in ("Wed 2026-06-10 08:00", "45 minutes", "every so often", "feasts"):
        assert f'<td dir="auto">{shown}</td>' in text


def test_history_of_a_calendar_that_is_gone_says_its_number(admin_client):
    days = Calendar.objects.create(name="feasts", days="2026-12-25")
    process = ProcessFactory(cron="0 * * * *")
    for calendar in (days, None) * 5:
        process.calendar = calendar
        process.save()
    number = days.pk
    days.delete()

    assert f"#{number}</td>" in admin_client.get(page("process_history", process.pk)).text


def test_history_of_calendars_takes_a_constant_number_of_queries(
    admin_client, django_assert_max_num_queries
):
    process = ProcessFactory(cron="0 * * * *")
    for number in range(10):
        process.calendar = Calendar.objects.create(name=f"{number}", days="2026-12-25")
        process.save()

    with django_assert_max_num_queries(7):
        admin_client.get(page("process_history", process.pk))
