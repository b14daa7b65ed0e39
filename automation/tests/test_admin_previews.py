"""What a form shows while one types costs the same for every number that can be typed."""

import time
from html import unescape

import pytest

from automation.models import Calendar, Process
from automation.tests.factories import ProcessFactory
from automation.tests.pages import filled_form, page

pytestmark = pytest.mark.django_db

NUMBERS = [
    *("101", "1000000", "100000000", "9223372036854775808", "9" * 400, "9" * 5_000),
    *("-1", "0", "nan", "inf", "1e309", "۹" * 30, "0x10", ""),
]
#: Far more than any page takes beside busy neighbours; the fault took minutes, and gigabytes.
SECONDS = 20


@pytest.fixture(autouse=True)
def bounded():
    begin = time.process_time()
    yield
    assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize("number", NUMBERS, ids=lambda text: text[:20])
def test_retries_of_any_number_are_previewed_at_once(admin_client, number):
    usual = {"max_retries": 5, "retry_delay": 5, "retry_backoff": 1, "retry_max_delay": 60}
    texts = {
        name: admin_client.get(page("process_retries"), usual | {name: number}).text
        for name in usual
    }

    assert texts["max_retries"] == ("It is not tried again." if number == "0" else "")
    assert admin_client.get(page("process_retries"), usual).text.startswith("5 retries:")


def test_words_of_retries_take_the_same_for_any_number():
    told = Process(max_retries=10**18, retry_delay=1, retry_backoff=2).retries_in_words

    assert told.endswith("retries: after about 1, 2, 4, 8, 16, … and 3.6e+03 seconds.")


@pytest.mark.parametrize("number", ["5000000", "9" * 400], ids=lambda text: text[:20])
def test_form_with_a_huge_number_says_what_it_may_be(admin_client, number):
    for name in ("max_retries", "retry_delay", "retry_backoff", "retry_max_delay"):
        answer = admin_client.post(page("process_add"), filled_form(**{name: number}))

        assert "less than or equal to" in answer.text or "Enter a number." in answer.text


@pytest.mark.parametrize("number", NUMBERS, ids=lambda text: text[:20])
def test_schedule_of_any_number_is_previewed_at_once(admin_client, number):
    century = Calendar.objects.create(name="never", days="1970-01-01..2199-12-31")
    process = ProcessFactory(cron="* * * * *", calendar=century)
    typed = filled_form(cron="* * * * *", every="1 minute", process=process.pk)
    for name in ("max_occurrences", "jitter", "every", "cron", "anchor", "starts_at", "calendar"):
        for kind in ("cron", "interval"):
            asked = typed | {"schedule_kind": kind, name: number}
            assert admin_client.post(page("process_schedule"), asked).status_code == 200


@pytest.mark.parametrize("text", [*NUMBERS, "1970-01-01", "2199-12-31"], ids=lambda text: text[:20])
def test_times_of_any_range_are_listed_or_refused_at_once(admin_client, text):
    process = ProcessFactory(cron="* * * * *")
    for asked in ({"since": text, "until": "2026-11-25"}, {"since": "1970-01-01", "until": text}):
        assert admin_client.get(page("process_backfill", process.pk), asked).status_code == 200
    assert admin_client.get(page("process_explain", process.pk), {"at": text}).status_code == 200


def test_form_tells_its_script_which_inputs_its_previews_depend_on(admin_client):
    text = unescape(admin_client.get(page("process_add")).text)

    timing = "trigger_type schedule_kind cron every anchor run_at timezone starts_at ends_at"
    assert f'data-timing="{timing} max_occurrences calendar jitter"' in text
    kinds = '{"cron": ["cron"], "interval": ["every", "anchor"], "once": ["run_at"]}'
    assert f'data-kinds="{kinds}"' in text
    assert 'data-fields="max_retries retry_delay retry_backoff retry_max_delay"' in text
