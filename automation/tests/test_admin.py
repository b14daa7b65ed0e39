import pytest
from django.db import OperationalError
from django.test import Client
from django_q.models import Schedule

from automation.engine.run.runner import run_execution
from automation.engine.start.launch import launch
from automation.models import Execution, Process, Status, Trigger
from automation.operations import starting
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import filled_form, page

pytestmark = pytest.mark.django_db


def test_first_page_leads_to_the_admin(client):
    response = client.get("/", follow=True)

    assert response.redirect_chain[-1][0].startswith("/admin/login/")


def test_process_is_created_with_its_schedule(admin_client):
    response = admin_client.post(page("process_add"), filled_form(), follow=True)

    process = Process.objects.get(name="nightly")
    assert "was added successfully" in response.text
    assert Schedule.objects.filter(name=f"process:{process.pk}").exists()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"cron": "0 0 31 2 *"}, "never comes due"),
        ({"cron": "0 0 0 1 1 *"}, "has 6 fields"),
        ({"cron": "<b>noon</b>"}, "&lt;b&gt;noon&lt;/b&gt;"),
        ({"timezone": "Asia/Teheran"}, "There is no time zone"),
        ({"function": "os.system"}, "Select a valid choice"),
        ({"parameters-times": "many"}, "Enter a whole number."),
        ({"parameters-times": ""}, "This field is required."),
        ({"parameters-name": "a\0b"}, "NUL characters are not allowed."),
        ({"parameters-name": "x" * 1_000_000}, "at most 100,000 are stored"),
        ({"description": "x" * 1_000_000}, "at most 2000 characters"),
        ({"description": "a\0b"}, "Null characters are not allowed."),
        ({"cron": "x" * 1_000_000}, "at most 2000 characters"),
        ({"cron": ""}, "no default rule"),
        ({"trigger_type": "event_based"}, "Select a valid choice"),
        ({"max_concurrency": "many"}, "Enter a whole number"),
        ({"max_concurrency": "99999999999"}, "less than or equal to"),
        ({"max_concurrency": "0"}, "greater than or equal to 1"),
        ({"time_limit": "-5"}, "greater than or equal to"),
        ({"name": "two words"}, "Enter a valid"),
    ],
)
def test_process_that_could_not_run_is_refused_with_the_reason(admin_client, fields, says):
    response = admin_client.post(page("process_add"), filled_form(**fields))

    assert response.status_code == 200
    assert says in response.text
    assert not Process.objects.filter(name="nightly").exists()


def test_process_page_shows_the_rule_in_force_and_the_default(admin_client):
    process = Process.objects.get(name="reschedule_remaining_tasks")
    assert '<code dir="ltr">30 7 * * *</code>, the default of the function' in (
        admin_client.get(page("process_change", process.pk)).text
    )

    Process.objects.filter(pk=process.pk).update(cron="0 9 * * *")
    both = (
        '<code dir="ltr">0 9 * * *</code>, set here. The default is '
        '<code dir="ltr">30 7 * * *</code>.'
    )
    assert both in (admin_client.get(page("process_change", process.pk)).text)


def test_process_page_shows_whether_the_zone_is_set_here(admin_client):
    process = ProcessFactory(name="nightly", cron="30 7 * * *", timezone="")

    text = admin_client.get(page("process_change", process.pk)).text
    assert 'placeholder="Asia/Tehran"' in text
    assert '<code dir="ltr">Asia/Tehran</code>, the default zone of the site.' in text

    form = filled_form(timezone="Europe/Berlin")
    assert admin_client.post(page("process_change", process.pk), form).status_code == 302
    set_here = (
        '<code dir="ltr">Europe/Berlin</code>, set here. The default is '
        '<code dir="ltr">Asia/Tehran</code>.'
    )
    assert set_here in admin_client.get(page("process_change", process.pk)).text
    changes = admin_client.get(page("process_history", process.pk)).text
    assert "the default of the site" in changes
    assert "Europe/Berlin" in changes

    emptied = filled_form(timezone="", run_at="", version="")
    assert admin_client.post(page("process_change", process.pk), emptied).status_code == 302
    process.refresh_from_db()
    assert (process.timezone, process.effective_timezone) == ("", "Asia/Tehran")


def test_process_whose_function_is_gone_is_shown_as_broken_and_can_be_disabled(admin_client):
    process = ProcessFactory(name="nightly", cron="30 7 * * *")
    Process.objects.filter(pk=process.pk).update(function="probes.removed")

    assert "Broken: probes.removed is not in the code." in (
        admin_client.get(page("process_changelist")).text
    )
    form = filled_form(function="probes.removed")
    form.pop("is_enabled")
    response = admin_client.post(page("process_change", process.pk), form)

    assert response.status_code == 302
    process.refresh_from_db()
    assert not process.is_enabled


def test_process_list_takes_a_constant_number_of_queries(
    admin_client, django_assert_max_num_queries
):
    for _ in range(12):
        ExecutionFactory(process=ProcessFactory(cron="0 0 * * *"), completed=True)

    with django_assert_max_num_queries(14):
        admin_client.get(page("process_changelist"))


def test_run_now_queues_it_for_the_person_and_leads_to_the_execution(person_with):
    client = person_with("run_process", "view_process", "view_execution")
    process = ProcessFactory()

    response = client.post(page("process_run", process.pk), follow=True)

    execution = Execution.objects.get()
    assert response.redirect_chain == [(page("execution_change", execution.pk), 302)]
    # Its page says that it waits as long as that is so: a message would stay when it has ended.
    assert "is queued" not in response.text
    assert "No worker is running" in response.text
    assert (execution.trigger, execution.requested_by.username) == (Trigger.MANUAL, "sara")


def test_run_now_a_second_time_says_which_execution_is_still_on(person_with):
    client = person_with("run_process", "view_process", "view_execution")
    process = ProcessFactory()
    client.post(page("process_run", process.pk))

    response = client.post(page("process_run", process.pk), follow=True)

    first = Execution.objects.earliest("pk")
    assert f"was not started: Execution {first.pk} had not ended yet" in response.text
    assert list(Execution.objects.order_by("pk").values_list("status", flat=True)) == [
        Status.PENDING,
        Status.SKIPPED,
    ]


def test_run_now_with_parameters_missing_says_which(admin_client):
    process = ProcessFactory(function="probes.give_back")

    response = admin_client.post(page("process_run", process.pk), follow=True)

    assert "was not started. A value is needed for what." in response.text
    assert not Execution.objects.exists()


def test_run_now_of_several_processes_is_an_action(admin_client):
    processes = [ProcessFactory(), ProcessFactory()]

    response = admin_client.post(
        page("process_changelist"),
        {"action": "run_now", "_selected_action": [process.pk for process in processes]},
        follow=True,
    )

    assert response.text.count("is queued") == 2
    assert {execution.process for execution in Execution.objects.all()} == set(processes)


def test_run_now_of_several_starts_all_or_none(admin_client, monkeypatch):
    processes = ProcessFactory.create_batch(2)
    calls = []

    def locked_at_the_second(process, **asked):
        calls.append(process)
        if len(calls) == 2:
            raise OperationalError("database is locked")
        return launch(process, **asked)

    monkeypatch.setattr(starting, "launch", locked_at_the_second)
    action = {"action": "run_now", "_selected_action": [process.pk for process in processes]}
    response = admin_client.post(page("process_changelist"), action)

    assert response.status_code == 503
    assert not Execution.objects.exists()
    assert "is queued" not in admin_client.get(page("process_changelist")).text


def test_run_now_without_the_permission_is_refused_at_every_door(person_with):
    client = person_with("view_process", "change_process", "view_execution")
    process = ProcessFactory()

    assert client.post(page("process_run", process.pk)).status_code == 403
    client.post(page("process_changelist"), {"action": "run_now", "_selected_action": [process.pk]})
    assert "Run now" not in client.get(page("process_change", process.pk)).text
    assert not Execution.objects.exists()


def test_link_to_run_shows_the_form_and_starts_nothing(admin_client):
    process = ProcessFactory(parameters={"name": "Sara"})

    text = admin_client.get(page("process_run", process.pk)).text

    assert 'value="Sara"' in text
    assert not Execution.objects.exists()


def test_run_now_without_csrf_token_is_refused(admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)

    assert client.post(page("process_run", ProcessFactory().pk)).status_code == 403


def test_run_now_of_a_process_that_does_not_exist_is_not_found(admin_client):
    assert admin_client.post(page("process_run", 999)).status_code == 404


def test_enable_and_disable_move_the_schedules_and_say_how_many(admin_client):
    processes = [ProcessFactory(cron="0 0 * * *"), ProcessFactory(cron="0 0 * * *")]
    selected = [process.pk for process in processes]
    names = [f"process:{pk}" for pk in selected]

    def act(action: str) -> str:
        data = {"action": action, "_selected_action": selected, "confirmed": "yes"}
        return admin_client.post(page("process_changelist"), data, follow=True).text

    assert "Disabled 2 processes: " in act("disable")
    assert not Schedule.objects.filter(name__in=names).exists()
    assert "Enabled 2 processes: " in act("enable")
    assert Schedule.objects.filter(name__in=names).count() == 2


def test_execution_page_shows_error_and_traceback(admin_client):
    execution = launch(ProcessFactory(function="probes.write_then_raise"), trigger=Trigger.MANUAL)
    run_execution(execution.pk)

    text = admin_client.get(page("execution_change", execution.pk)).text

    assert "ValueError: no � luck" in text
    assert "in write_then_raise" in text


def test_execution_page_of_a_deleted_process_still_tells(admin_client):
    execution = launch(ProcessFactory(name="old"), trigger=Trigger.MANUAL)
    run_execution(execution.pk)
    execution.process.delete()

    text = admin_client.get(page("execution_change", execution.pk)).text

    assert "Hello world!" in text


def test_history_can_be_filtered(admin_client):
    failed = launch(ProcessFactory(function="probes.write_then_raise"), trigger=Trigger.MANUAL)
    run_execution(failed.pk)
    ExecutionFactory(completed=True)

    text = admin_client.get(page("execution_changelist"), {"status__exact": "failed"}).text

    assert f"{failed.process_name} #{failed.pk}" in text
    assert "1 execution" in text
    for query in ("trigger__exact=manual", f"process__id__exact={failed.process_id}"):
        assert admin_client.get(f"{page('execution_changelist')}?{query}").status_code == 200


def test_history_list_takes_a_constant_number_of_queries(
    admin_client, django_assert_max_num_queries
):
    for _ in range(12):
        ExecutionFactory(completed=True)

    with django_assert_max_num_queries(10):
        admin_client.get(page("execution_changelist"))


def test_history_is_written_by_nobody(admin_client):
    execution = ExecutionFactory(completed=True)

    assert admin_client.get(page("execution_add")).status_code == 403
    assert admin_client.post(page("execution_change", execution.pk), {}).status_code == 403
    assert admin_client.post(page("execution_delete", execution.pk), {}).status_code == 403


def test_history_is_closed_to_who_may_not_see_it(person_with):
    client = person_with("view_process")
    execution = ExecutionFactory(completed=True)

    assert client.get(page("execution_changelist")).status_code == 403
    assert client.get(page("execution_change", execution.pk)).status_code == 403


def test_viewer_sees_a_process_and_no_button(person_with):
    client = person_with("view_process")

    response = client.get(page("process_change", ProcessFactory().pk))

    assert response.status_code == 200
    assert "Run now" not in response.text
    assert 'name="cron"' not in response.text
