import pytest

from automation.tests.factories import ProcessFactory


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "It is not tried again."),
        ({"max_retries": 1}, "1 retry, after about 1 minute."),
        ({"max_retries": 3}, "3 retries: after about 1, 2 and 4 minutes."),
        ({"max_retries": 2, "retry_delay": 10}, "2 retries: after about 10 and 20 seconds."),
        (
            {"max_retries": 9, "retry_max_delay": 300},
            "9 retries: after about 1, 2, 4, 5, 5, … and 5 minutes.",
        ),
        (
            {"max_retries": 2, "retry_delay": 5400, "retry_backoff": 1, "retry_max_delay": 86_400},
            "2 retries: after about 1.5 and 1.5 hours.",
        ),
    ],
)
def test_policy_is_told_in_words(fields, words):
    assert ProcessFactory.build(**fields).retries_in_words == words


def test_delay_grows_to_the_longest_and_no_further():
    process = ProcessFactory.build(retry_delay=60, retry_backoff=10, retry_max_delay=3600)

    assert [process.delay_before(retry) for retry in (1, 2, 3, 1000)] == [60, 600, 3600, 3600]
