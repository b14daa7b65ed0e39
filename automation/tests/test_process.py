import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from automation.models import Process
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db


def refusals(**fields) -> dict[str, list[str]]:
    process = ProcessFactory.build(**fields)
    with pytest.raises(ValidationError) as refused:
        process.full_clean()
    return refused.value.message_dict


@pytest.mark.parametrize("cron", ["0 0 31 2 *", "0 0 0 1 1 *", "every morning", "61 * * * *"])
def test_rule_that_cannot_be_followed_is_refused_at_its_field(cron):
    assert set(refusals(cron=cron)) == {"cron"}


def test_zone_that_does_not_exist_is_refused_at_its_field():
    assert refusals(cron="0 0 * * *", timezone="Asia/Teheran") == {
        "timezone": ["There is no time zone 'Asia/Teheran'. Did you mean Asia/Tehran?"]
    }


def test_process_on_time_without_any_rule_is_refused():
    assert "has no default rule" in refusals(trigger_type="time_based", cron="")["cron"][0]


def test_unknown_function_is_refused_with_the_nearest_one():
    assert refusals(function="probes.great") == {
        "function": [
            "No process function is registered as 'probes.great'. Did you mean probes.greet?"
        ]
    }


def test_parameters_that_do_not_fit_are_refused_at_their_field():
    assert refusals(parameters={"times": "many"}) == {
        "parameters": ["times: Enter a whole number."]
    }
    assert set(refusals(parameters=[1])) == {"parameters"}


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_the_database_could_not_store_is_refused_at_its_field(text):
    assert set(refusals(function="probes.tag", parameters={"tags": [text]})) == {"parameters"}
    assert set(refusals(parameters={"name": text})) == {"parameters"}


def test_process_on_time_needs_every_parameter_and_one_by_hand_may_wait():
    ProcessFactory.build(function="probes.give_back").full_clean()

    assert (
        "A value is needed for what"
        in (refusals(function="probes.give_back", cron="0 0 * * *")["parameters"][0])
    )


@pytest.mark.parametrize("field", ["max_concurrency", "time_limit"])
def test_limits_of_zero_are_refused_by_form_and_database(field):
    assert set(refusals(**{field: 0})) == {field}
    with pytest.raises(IntegrityError), transaction.atomic():
        ProcessFactory(**{field: 0})


def test_process_whose_function_is_gone_can_still_be_switched_off():
    process = ProcessFactory()
    Process.objects.filter(pk=process.pk).update(function="probes.removed")
    process.refresh_from_db()

    process.is_enabled = False
    process.full_clean()

    assert process.is_broken
