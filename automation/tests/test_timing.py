from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from automation.models import Calendar, Process, coming
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.mark.parametrize(
    ("options", "column", "told"),
    [
        ({"cron": "0 0 31 2 *"}, "cron", "never comes due"),
        ({"cron": "0 7 * * *\nnonsense"}, "cron", "Line 2"),
        ({"cron": ""}, "cron", "no default rule"),
        ({"cron": "0 7 * * *", "timezone": "Asia/Teheran"}, "timezone", "Asia/Tehran"),
        ({"schedule_kind": "interval"}, "every", "Say how often"),
        ({"schedule_kind": "once"}, "run_at", "Say when"),
        ({"schedule_kind": "once", "run_at": NOW - DAY}, "run_at", "Nothing is due any more"),
        ({"cron": "@daily", "starts_at": NOW, "ends_at": NOW - DAY}, "ends_at", "not after"),
        ({"cron": "@daily", "ends_at": NOW - DAY}, "ends_at", "ended at"),
        ({"cron": "@daily", "max_occurrences": 3}, "max_occurrences", "give a start"),
    ],
)
def test_schedule_with_which_nothing_would_run_is_refused_at_its_column(options, column, told):
    process = ProcessFactory.build(trigger_type="time_based", **options)

    with pytest.raises(ValidationError) as refusal:
        process.full_clean()

    assert told in str(refusal.value.message_dict[column])


def test_calendar_that_takes_every_occurrence_is_refused():
    calendar = Calendar.objects.create(name="never", days="2020-01-01..2190-12-31 for good")
    process = ProcessFactory.build(cron="@daily", calendar=calendar)

    with pytest.raises(ValidationError) as refusal:
        process.full_clean()

    assert "Excluded days take every occurrence" in str(refusal.value.message_dict["calendar"])


def test_process_whose_only_time_is_over_can_still_be_edited(time_machine):
    process = ProcessFactory(trigger_type="time_based", schedule_kind="once", run_at=NOW + DAY)
    time_machine.move_to(NOW + 2 * DAY, tick=False)

    process.description = "done"
    process.full_clean()

    process.run_at = NOW + DAY - timedelta(hours=1)
    with pytest.raises(ValidationError):
        process.full_clean()


def test_several_rules_make_one_process_due():
    process = ProcessFactory(cron="0 7 * * 1-5\n30 9 * * 6", timezone="UTC")

    occurrences = process.rule.first(7, after=NOW)

    assert len({at.time() for at in occurrences}) == 2


def test_process_that_is_paused_keeps_its_next_run_and_one_that_is_off_has_none():
    process = ProcessFactory(cron="0 7 * * *", timezone="UTC")
    assert coming(process).next_run == NOW + timedelta(hours=1)

    Process.objects.filter(pk=process.pk).disable()
    process.refresh_from_db()
    assert coming(process).next_run is None


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ("", "Give at least one day"),
        ("Christmas", "Line 1: 'Christmas' is no day"),
        ("2026-12-25 fine\n2026-02-30 no such day", "Line 2"),
        ("2026-12-25..2026-12-24 backwards", "before they begin"),
        ("1404-01-01 of another calendar", "Gregorian"),
    ],
)
def test_calendar_that_cannot_be_read_is_refused_with_its_line(days, told):
    with pytest.raises(ValidationError) as refusal:
        Calendar(name="holidays", days=days).full_clean(exclude=["days"] if not days else [])

    assert told in str(refusal.value.message_dict["days"])


def test_calendar_takes_days_in_other_scripts_and_spaces_anywhere():
    calendar = Calendar(name="nowruz", days="  ۲۰۲۷-۰۳-۲۱ .. ۲۰۲۷-۰۳-۲۴   Nowruz \n\n 2027-5-1")
    calendar.full_clean()

    first, second = calendar.excluded_days
    assert (str(first), first.label) == ("2027-03-21..2027-03-24", "Nowruz")
    assert (str(second), second.label) == ("2027-05-01", "")
