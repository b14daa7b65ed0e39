import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["cancel_execution", "abc"], "argument id: 'abc' is no whole number."),
        (["retry_execution", "1.5"], "argument id: '1.5' is no whole number."),
        (["undo_execution", ""], "argument id: '' is no whole number."),
        (["adopt", "django-q", "--count", "ten"], "argument --count: 'ten' is no whole number."),
        (["preview_schedule", "--count", "x"], "argument --count: 'x' is no whole number."),
        (["run_process", "a", "--wait", "soon"], "argument --wait: 'soon' is no number."),
        (["qcluster", "--grace", "nan"], "argument --grace: 'nan' is no number."),
        (["check_cluster", "--seconds", "1 h"], "argument --seconds: '1 h' is no number."),
        (["safe_to_deploy", "--minutes", ""], "argument --minutes: '' is no number."),
    ],
)
def test_number_that_is_none_is_named(command, why):
    with pytest.raises(CommandError, match="is no") as refused:
        call_command(*command)

    assert str(refused.value).endswith(why)
