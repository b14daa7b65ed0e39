import pytest

from automation.models import ConcurrencyGroup, Process
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import filled_form, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> ConcurrencyGroup:
    return ConcurrencyGroup.objects.create(name="service", max_concurrency=2)


def test_manager_makes_changes_and_deletes_a_group(member_of):
    client = member_of("Automation manager")

    client.post(page("concurrencygroup_add"), {"name": "mail", "max_concurrency": "3"})
    made = ConcurrencyGroup.objects.get(name="mail")
    client.post(page("concurrencygroup_change", made.pk), {"name": "mail", "max_concurrency": "4"})
    made.refresh_from_db()
    assert made.max_concurrency == 4
    client.post(page("concurrencygroup_delete", made.pk), {"post": "yes"})
    assert not ConcurrencyGroup.objects.exists()


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many"])
def test_limit_of_a_group_that_cannot_be_is_refused(admin_client, limit):
    form = {"name": "mail", "max_concurrency": limit}

    assert "errorlist" in admin_client.post(page("concurrencygroup_add"), form).text
    assert not ConcurrencyGroup.objects.exists()


def test_viewer_sees_how_much_of_each_group_is_used(
    member_of, group, django_assert_max_num_queries
):
    for place in range(2):
        process = ProcessFactory(concurrency_group=group)
        ExecutionFactory(process=process, running=True, concurrency_group=group, group_slot=place)
    client = member_of("Automation viewer")

    with django_assert_max_num_queries(8):
        text = client.get(page("concurrencygroup_changelist")).text

    assert "2 of 2" in text
    assert client.post(page("concurrencygroup_add"), {"name": "x"}).status_code == 403


def test_group_with_processes_is_not_deleted(admin_client, group):
    ProcessFactory(concurrency_group=group)

    text = admin_client.post(page("concurrencygroup_delete", group.pk), {"post": "yes"}).text

    assert "protected" in text
    assert ConcurrencyGroup.objects.exists()


# The form of a process


def added(client, **fields):
    return client.post(page("process_add"), filled_form(**fields), follow=True)


def test_retries_and_limits_are_stored(admin_client, group):
    limits = {"max_retries": "3", "retry_delay": "10", "priority": "-5"}

    text = added(admin_client, concurrency_group=str(group.pk), **limits).text

    assert "was added successfully" in text
    process = Process.objects.get(name="nightly")
    assert (process.max_retries, process.retry_delay, process.priority) == (3, 10, -5)
    assert process.concurrency_group == group
    assert process.retries_in_words in admin_client.get(page("process_change", process.pk)).text


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("retry_max_delay", "59", "The longest delay (59 s) is below the first one (60 s)."),
        ("retry_delay", "0", "greater than or equal to 1"),
        ("retry_backoff", "0.5", "greater than or equal to 1"),
        ("retry_backoff", "nan", "Enter a number."),
        ("retry_jitter", "101", "less than or equal to 100"),
        ("max_retries", "-1", "greater than or equal to 0"),
        ("max_retries", "101", "less than or equal to 100"),
        ("max_concurrency", "0", "greater than or equal to 1"),
        ("time_limit", "-1", "greater than or equal to"),
        ("priority", "101", "less than or equal to 100"),
        ("concurrency_group", "999", "Select a valid choice."),
    ],
)
def test_numbers_that_do_not_fit_are_refused_in_their_field(admin_client, field, value, says):
    response = added(admin_client, **{field: value})

    assert says in str(response.context["adminform"].form.errors[field])
    assert not Process.objects.filter(name="nightly").exists()


def test_what_fits_but_contradicts_the_rest_is_said_and_stored(admin_client, group):
    fields = {"max_concurrency": "3", "time_limit": "1000", "concurrency_group": str(group.pk)}

    text = added(admin_client, **fields).text

    assert "It may run 3 times at once, its group service only 2 times." in text
    assert "asks for a Q_CLUSTER" in text
    assert Process.objects.filter(name="nightly").exists()


def test_retries_are_told_in_words_as_one_types(person_with):
    client = person_with("view_process")
    typed = {
        "max_retries": "3",
        "retry_delay": "60",
        "retry_backoff": "2",
        "retry_max_delay": "999",
    }

    answer = client.get(page("process_retries"), typed)

    assert answer.text == "3 retries: after about 1, 2 and 4 minutes."
    assert client.get(page("process_retries"), {**typed, "retry_delay": "<b>"}).text == ""


def test_retries_are_told_to_nobody_who_sees_no_form(person_with):
    assert person_with("view_execution").get(page("process_retries")).status_code == 403
