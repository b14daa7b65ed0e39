import html
import inspect
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone, translation

from automation import registry
from automation.admin import ProcessAdmin
from automation.models import Execution, Kind, Process, Status
from automation.parameters import MASK, Parameters
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import filled_form, page
from automation.tests.written import written

pytestmark = pytest.mark.django_db


def saved(client: Client, process: Process, **fields):
    return client.post(page("process_change", process.pk), filled_form(name=process.name, **fields))


# The list


def test_list_shows_the_last_runs_as_bars_and_words(admin_client):
    process = ProcessFactory(cron="0 0 * * *")
    ExecutionFactory(process=process, status=Status.FAILED, completed_at=timezone.now())
    ExecutionFactory(process=process, completed=True)
    ExecutionFactory(process=process, kind=Kind.PREVIEW, completed=True)

    text = admin_client.get(page("process_changelist")).text

    assert 'aria-label="failed, completed"' in text
    assert 'automation-status-completed">completed</span>' in text
    assert re.search(r"<time datetime=\"[^\"]+\">in \d+.*?>\w{3} \d{4}-\d\d-\d\d 00:00<", text)


def test_list_leads_to_executions_only_who_may_see_them(person_with):
    execution = ExecutionFactory(completed=True)
    client = person_with("view_process", "run_process")

    text = client.get(page("process_changelist")).text
    assert 'automation-status-completed">completed</span>' in text
    text += client.post(page("process_run", execution.process.pk), follow=True).text
    assert "is queued" in text
    assert "/admin/automation/execution/" not in text


def test_list_shows_no_more_bars_than_fit_and_never_for_none(admin_client):
    process = ProcessFactory()
    ExecutionFactory.create_batch(15, process=process, completed=True)
    ProcessFactory()

    text = admin_client.get(page("process_changelist")).text

    assert text.count("automation-bar-completed") == 12
    assert "never</span>" in text


def test_list_takes_the_same_number_of_queries_for_few_and_many(
    admin_client, django_assert_num_queries
):
    def look() -> None:
        # On SQLite sessions are kept elsewhere.
        with django_assert_num_queries(14 if connection.vendor == "postgresql" else 13):
            admin_client.get(page("process_changelist"))

    ExecutionFactory(process=ProcessFactory(cron="0 0 * * *"), completed=True)
    look()
    for _ in range(12):
        ExecutionFactory(process=ProcessFactory(cron="0 0 * * *"), completed=True)
    look()


def test_switch_turns_a_process_off_and_on_and_the_history_knows_who(admin_client, admin_user):
    process = ProcessFactory()

    response = admin_client.post(page("process_switch", process.pk, "off"), follow=True)
    assert f"Disabled 1 process: {process.title}." in response.text
    assert 'aria-checked="false"' in response.text
    admin_client.post(page("process_switch", process.pk, "on"))

    process.refresh_from_db()
    assert process.is_enabled
    newest = process.history.first()
    assert (newest.is_enabled, newest.history_user) == (True, admin_user)


@pytest.mark.parametrize(
    ("method", "state", "status"), [("get", "off", 405), ("post", "sideways", 404)]
)
def test_switch_by_a_link_or_to_nowhere_is_refused(admin_client, method, state, status):
    process = ProcessFactory()

    response = getattr(admin_client, method)(page("process_switch", process.pk, state))

    assert response.status_code == status
    process.refresh_from_db()
    assert process.is_enabled


# The form


def test_switch_that_somebody_else_turned_already_says_so(admin_client):
    process = ProcessFactory(is_enabled=False)

    text = admin_client.post(page("process_switch", process.pk, "off"), follow=True).text

    assert "It was so already; nothing was changed." in text
    assert "Disabled 0" not in text


def test_form_says_one_second_and_two_seconds(admin_client):
    for limit, told in ((1, "1 second<"), (2, "2 seconds<")):
        process = ProcessFactory(time_limit=limit)
        assert told in admin_client.get(page("process_change", process.pk)).text


def test_form_has_an_input_for_each_parameter_with_its_default(admin_client):
    process = ProcessFactory(parameters={"times": 3})

    text = admin_client.get(page("process_change", process.pk)).text

    assert '<input type="text" name="parameters-name" value="world"' in text
    assert '<input type="text" name="parameters-times" value="3"' in text
    assert "whole number; default: 1" in text
    assert "Greet somebody." in text


def test_what_equals_the_default_is_not_stored(admin_client):
    process = ProcessFactory(parameters={"times": 3})

    saved(admin_client, process, **{"parameters-name": "Sara", "parameters-times": "۱"})

    process.refresh_from_db()
    assert process.parameters == {"name": "Sara"}


def test_another_function_brings_its_own_parameters(admin_client):
    process = ProcessFactory(parameters={"times": 3})

    response = saved(
        admin_client, process, function="probes.take_long", **{"parameters-seconds": "2.5"}
    )

    assert response.status_code == 302
    process.refresh_from_db()
    assert (process.function, process.parameters) == ("probes.take_long", {"seconds": 2.5})


def test_parameter_without_a_default_may_wait_for_the_run_of_a_process_by_hand(admin_client):
    process = ProcessFactory(function="probes.talk")

    by_hand = {"function": "probes.talk", "trigger_type": "manual", "parameters-lines": ""}
    assert saved(admin_client, process, **by_hand).status_code == 302
    response = saved(admin_client, process, **(by_hand | {"trigger_type": "time_based"}))

    assert "A value is needed for lines." in response.text


def test_fields_of_an_author_s_form_are_shown_as_the_author_made_them(admin_client):
    night = Group.objects.create(name="night shift")
    process = ProcessFactory(function="probes.report_on")
    span = {"parameters-first": "2026-03-01", "parameters-last": "2026-03-07"}

    text = admin_client.get(page("process_change", process.pk)).text
    assert f'<option value="{night.pk}">night shift</option>' in text
    response = saved(
        admin_client,
        process,
        function="probes.report_on",
        **span,
        **{"parameters-group": str(night.pk), "parameters-limit": "5"},
    )

    assert response.status_code == 302
    process.refresh_from_db()
    assert process.parameters == {
        "first": "2026-03-01",
        "last": "2026-03-07",
        "group": night.pk,
        "limit": 5,
    }


def test_json_of_an_author_s_form_is_shown_as_json_and_may_be_saved_again(admin_client):
    rules = {"weekend": True, "name": "<b>"}
    process = ProcessFactory(function="probes.follow_rules", parameters={"rules": rules})
    shown = re.findall(
        r'<textarea name="parameters-rules".*?>\n(.*?)</textarea>',
        admin_client.get(page("process_change", process.pk)).text,
    )
    assert json.loads(html.unescape(*shown)) == rules

    saved(
        admin_client,
        process,
        function="probes.follow_rules",
        **{"parameters-rules": html.unescape(*shown)},
    )

    process.refresh_from_db()
    assert process.parameters == {"rules": rules}


def test_sensitive_parameter_is_shown_nowhere_and_kept_when_left_empty(admin_client, person_with):
    process = ProcessFactory(function="probes.call_service", parameters={"api_key": "s3cret"})
    ExecutionFactory(process=process, completed=True, parameters={"api_key": "s3cret"})
    form = {"function": "probes.call_service", "parameters-api_key": "", "parameters-retries": "4"}
    saved(admin_client, process, **form)

    process.refresh_from_db()
    assert process.parameters == {"api_key": "s3cret", "retries": 4}
    pages = [
        page("process_change", process.pk),
        page("process_run", process.pk),
        page("process_history", process.pk),
        page("execution_change", Execution.objects.get().pk),
    ]
    texts = [admin_client.get(each).text for each in pages]
    texts.append(person_with("view_process").get(pages[0]).text)
    assert not any("s3cret" in text for text in texts)
    assert MASK in texts[-1]
    assert MASK in texts[3]


def test_text_of_several_lines_stays_as_it_is(admin_client):
    process = ProcessFactory(parameters={"name": "Sara\n<b>Leila"})
    (shown,) = re.findall(
        r'<textarea name="parameters-name".*?>\n(.*?)</textarea>',
        admin_client.get(page("process_change", process.pk)).text,
        re.DOTALL,
    )
    assert shown == "Sara\n&lt;b&gt;Leila"

    saved(admin_client, process, **{"parameters-name": "Sara\r\n<b>Leila"})

    process.refresh_from_db()
    assert process.parameters == {"name": "Sara\n<b>Leila"}


@pytest.mark.parametrize(
    ("stored", "typed", "told"),
    [
        ({"api_key": "s3cret"}, "", "unchanged"),
        ({"api_key": "s3cret"}, "n3w", "type it again"),
        ({}, "n3w", "type it again"),
        ({}, "", ""),
    ],
)
def test_refused_form_says_what_became_of_a_sensitive_value(admin_client, stored, typed, told):
    process = ProcessFactory(function="probes.call_service", parameters=stored)
    form = {"function": "probes.call_service", "parameters-retries": "many"}

    text = saved(admin_client, process, **form, **{"parameters-api_key": typed}).text

    assert "Enter a whole number." in text
    (shown,) = re.findall('<input type="password" name="parameters-api_key".*?>', text)
    assert re.findall('placeholder="(.+?)"', shown) == [told] * bool(told)
    assert ("leave empty to keep it" in text) == bool(stored)
    assert "n3w" not in text


def test_function_stored_under_an_alias_stays_as_it_is(admin_client):
    process = ProcessFactory(function="probes.call_old_service")

    response = saved(
        admin_client, process, function="probes.call_old_service", **{"parameters-retries": "3"}
    )

    assert response.status_code == 302
    process.refresh_from_db()
    assert (process.function, process.parameters) == ("probes.call_old_service", {"retries": 3})


@pytest.mark.parametrize(
    ("typed", "cron"),
    [("۷:۳۰", "30 7 * * *"), ("  30  7 *  * * ", "30 7 * * *"), ("٠ ٧ * * ١", "0 7 * * 1")],
)
def test_rule_may_be_typed_as_a_time_in_any_digits_and_with_spaces(admin_client, typed, cron):
    process = ProcessFactory()

    saved(admin_client, process, cron=typed)

    process.refresh_from_db()
    assert process.cron == cron


def test_stale_form_is_refused_with_both_versions_and_saved_the_second_time(admin_client):
    process = ProcessFactory(cron="0 1 * * *", description="first")
    version = process.updated_at.isoformat()
    process.description = "theirs"
    process.save()

    refused = saved(admin_client, process, version=version, description="mine", cron="0 1 * * *")

    assert "Nothing was saved: somebody changed this process after you opened it." in refused.text
    assert "stored: theirs / yours: mine" in refused.text
    process.refresh_from_db()
    assert process.description == "theirs"
    (fresh,) = re.findall(r'name="version" value="([^"]+)"', refused.text)
    again = saved(admin_client, process, version=fresh, description="mine", cron="0 1 * * *")
    assert again.status_code == 302
    process.refresh_from_db()
    assert process.description == "mine"


# What the form asks for as one types


def test_schedule_is_shown_as_it_is_typed(admin_client):
    asked = {
        "cron": "۷:۳۰",
        "timezone": "Asia/Tehran",
        "trigger_type": "time_based",
        "function": "probes.greet",
    }

    text = admin_client.get(page("process_schedule"), asked).text

    assert "At 07:30" in text
    assert "30 7 * * *" in text
    assert text.count("<tr>") == 11
    assert "04:00" in text  # in UTC


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            {"cron": "99 * * * *"},
            'Cron rule:</strong> <span dir="auto">&#x27;99 * * * *&#x27; is not a cron rule',
        ),
        ({"timezone": "Asia/Teheran"}, "Time zone:</strong>"),
        ({"cron": "<b>"}, "&lt;b&gt;"),
        ({"cron": ""}, "No rule yet"),
        ({"trigger_type": "manual"}, "Nothing starts it by itself."),
        ({"is_enabled": "false"}, "It is switched off"),
        (
            {"cron": "", "function": "tasks.reschedule_remaining_tasks"},
            "the default of the function",
        ),
        ({"cron": "x" * 5_000}, "at most 2000 characters"),
        ({"timezone": "\0"}, "Null characters are not allowed"),
    ],
)
def test_schedule_that_is_typed_wrong_says_which_field_and_why(admin_client, asked, says):
    usual = {
        "cron": "0 7 * * *",
        "timezone": "UTC",
        "trigger_type": "time_based",
        "function": "probes.greet",
    }

    assert says in admin_client.get(page("process_schedule"), usual | asked).text


def test_schedule_is_shown_in_the_language_of_the_viewer(admin_client):
    asked = {"cron": "30 7 * * 1", "timezone": "UTC", "trigger_type": "time_based"}

    text = admin_client.get(page("process_schedule"), asked, headers={"accept-language": "fa"}).text

    assert "07:30" in text
    with translation.override("fa"):
        assert str(timezone.localdate().year) in text
    assert "Monday" not in text


def test_inputs_of_the_chosen_function_are_served_with_its_description(admin_client):
    text = admin_client.get(page("process_parameters"), {"function": "probes.greet"}).text

    assert 'name="parameters-times"' in text
    assert "Greet somebody." in text
    assert "Choose a function" in admin_client.get(page("process_parameters")).text


@pytest.mark.parametrize("name", ["process_schedule", "process_parameters"])
def test_what_the_form_asks_for_is_closed_to_who_may_not_see_processes(person_with, name):
    assert person_with("view_execution").get(page(name)).status_code == 403


@pytest.mark.parametrize("name", ["process_schedule", "process_parameters"])
def test_what_the_form_asks_for_is_open_to_who_may_only_add(person_with, name):
    assert person_with("add_process").get(page(name)).status_code == 200


# The run form


def test_run_form_runs_with_these_parameters_and_a_note(person_with):
    client = person_with("run_process", "view_process", "view_execution")
    process = ProcessFactory(parameters={"times": 3})

    response = client.post(
        page("process_run", process.pk),
        {"run_form": "1", "parameters-name": "Reza", "parameters-times": "1", "note": "for Reza"},
        follow=True,
    )

    execution = Execution.objects.get()
    assert execution.parameters == {"name": "Reza", "times": 1}
    assert execution.note == "for Reza"
    assert response.redirect_chain == [(page("execution_change", execution.pk), 302)]
    process.refresh_from_db()
    assert process.parameters == {"times": 3}


def test_run_form_with_bad_values_shows_them_again_with_the_reason(admin_client):
    process = ProcessFactory()
    given = {
        "run_form": "1",
        "parameters-name": "<b>x</b>",
        "parameters-times": "many",
        "note": "n" * 3_000,
    }

    text = admin_client.post(page("process_run", process.pk), given).text

    assert "Enter a whole number." in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert "at most 2000 characters" in text
    assert not Execution.objects.exists()


def test_run_form_is_filled_from_an_earlier_execution_of_the_process(admin_client):
    earlier = ExecutionFactory(completed=True, parameters={"name": "Leila", "times": 2})
    other = ExecutionFactory(completed=True, parameters={"name": "Omid"})
    run = page("process_run", earlier.process.pk)

    assert 'value="Leila"' in admin_client.get(run, {"like": earlier.pk}).text
    for like in (other.pk, "x", "9" * 30, "9" * 5_000, "²"):
        assert 'value="world"' in admin_client.get(run, {"like": like}).text


def test_run_form_tells_nothing_of_the_history_to_who_may_not_see_it(person_with):
    earlier = ExecutionFactory(completed=True, parameters={"name": "Leila"})

    text = (
        person_with("run_process")
        .get(page("process_run", earlier.process.pk), {"like": earlier.pk})
        .text
    )

    assert "Leila" not in text
    assert page("process_change", earlier.process.pk) not in text


def test_run_page_of_a_broken_process_says_so_and_offers_no_form(admin_client):
    text = admin_client.get(page("process_run", ProcessFactory(function="probes.gone").pk)).text

    assert "Broken: probes.gone is not in the code." in text
    assert "Choose a function" not in text
    assert 'name="run"' not in text


def test_process_that_is_deleted_meanwhile_is_not_found(admin_client, monkeypatch):
    process = ProcessFactory()
    version = process.updated_at.isoformat()
    Process.objects.filter(pk=process.pk).delete()
    monkeypatch.setattr(ProcessAdmin, "get_object", lambda *_args, **_options: process)

    assert admin_client.post(page("process_run", process.pk)).status_code == 404
    text = saved(admin_client, process, version=version).text
    assert "This process does not exist any more." in text
    assert not Process.objects.filter(pk=process.pk).exists()


@pytest.mark.parametrize("function", ["probes.greet", "probes.gone"])
def test_pages_stand_parameters_that_are_no_json_object(admin_client, function):
    process = ProcessFactory(function=function, parameters=["name"])
    execution = ExecutionFactory(process=process, completed=True, parameters="name")

    for address in (
        page("process_change", process.pk),
        page("process_history", process.pk),
        page("process_run", process.pk) + f"?like={execution.pk}",
        page("execution_change", execution.pk),
    ):
        assert admin_client.get(address).status_code == 200


def test_preview_from_the_run_form_changes_nothing(admin_client, processes_run_at_once):
    process = ProcessFactory(function="probes.write_and_promise")
    form = admin_client.get(page("process_run", process.pk)).text
    assert 'name="preview"' in form

    response = admin_client.post(
        page("process_run", process.pk), {"run_form": "1", "preview": "Preview"}, follow=True
    )

    assert Execution.objects.get().kind == Kind.PREVIEW
    assert "Apply: run it for real" in response.text
    assert not written().exists()


def test_preview_is_offered_only_where_the_author_promised_it(admin_client):
    process = ProcessFactory()

    assert 'name="preview"' not in admin_client.get(page("process_run", process.pk)).text
    response = admin_client.post(
        page("process_run", process.pk), {"run_form": "1", "preview": "Preview"}
    )
    assert "probes.greet offers no preview" in response.text
    assert not Execution.objects.exists()


# Changes and people


def test_history_tells_who_changed_what(admin_client, time_machine):
    # Between both times the form would ask whether it is due today, too.
    time_machine.move_to(datetime(2026, 11, 25, 12, tzinfo=UTC), tick=False)
    process = ProcessFactory(cron="0 1 * * *")
    saved(admin_client, process, cron="0 2 * * *")

    text = admin_client.get(page("process_history", process.pk)).text
    text = " ".join(text.split()).replace("> <", "><")

    assert "· admin · changed" in text
    assert '<td dir="auto">0 1 * * *</td><td dir="auto">0 2 * * *</td>' in text
    assert "· by the system · created" in text


def test_history_of_a_deleted_process_is_still_told(admin_client):
    process = ProcessFactory(name="old")
    number = process.pk
    admin_client.post(page("process_delete", number), {"post": "yes"})

    text = admin_client.get(page("process_history", number)).text

    assert "· admin · deleted" in " ".join(text.split())
    for nowhere in ("999", "x", "9" * 30, "9" * 5_000, "²"):
        assert admin_client.get(page("process_history", nowhere)).status_code == 404


def test_history_knows_who_deleted_several_at_once(admin_client, admin_user):
    processes = ProcessFactory.create_batch(2)
    chosen = [process.pk for process in processes]

    response = admin_client.post(
        page("process_changelist"),
        {"action": "delete_selected", "_selected_action": chosen, "post": "yes"},
        follow=True,
    )

    assert "Successfully deleted 2 processes." in response.text
    deleted = Process.history.filter(history_type="-")
    assert sorted(deleted.values_list("id", "history_user")) == [
        (pk, admin_user.pk) for pk in chosen
    ]


def test_history_takes_a_constant_number_of_queries(admin_client, django_assert_max_num_queries):
    process = ProcessFactory()
    for number in range(20):
        process.description = str(number)
        process.save()

    with django_assert_max_num_queries(6):
        admin_client.get(page("process_history", process.pk))


@pytest.mark.parametrize(
    ("group", "may"),
    [
        ("Automation viewer", {"list"}),
        ("Automation operator", {"list", "run"}),
        ("Automation manager", {"list", "run", "change", "add"}),
    ],
)
def test_ready_made_groups_may_do_what_their_names_say(member_of, group, may):
    client, process = member_of(group), ProcessFactory()

    def allowed(name: str, response) -> bool:
        assert response.status_code in {200, 302, 403}
        return response.status_code != 403

    done = {
        "list": allowed("list", client.get(page("process_changelist"))),
        "run": allowed("run", client.post(page("process_run", process.pk))),
        "change": allowed("change", client.post(page("process_switch", process.pk, "off"))),
        "add": allowed("add", client.get(page("process_add"))),
    }

    assert {name for name, is_allowed in done.items() if is_allowed} == may
    text = client.get(page("process_changelist")).text
    assert ("Run now" in text) == ("run" in may)
    assert ('role="switch"' in text) == ("change" in may)


def test_process_with_a_next_run_far_away_is_shown(admin_client):
    ProcessFactory(cron="0 0 29 2 *")

    text = admin_client.get(page("process_changelist")).text

    assert "in " in text


def test_length_of_time_is_shown_and_typed_as_a_person_writes_it(admin_client, monkeypatch):
    def wait(*, span: timedelta = timedelta(hours=2)) -> None: ...

    parameters = Parameters(inspect.signature(wait).parameters.values())
    greet = replace(registry.get("probes.greet"), function=wait, parameters=parameters)
    monkeypatch.setitem(registry._functions, "probes.greet", greet)
    process = ProcessFactory()

    text = admin_client.get(page("process_change", process.pk)).text
    assert 'value="2 hours"' in text
    assert "default: 2 hours" in text

    told = saved(admin_client, process, **{"parameters-span": "90"}).text
    assert "&#x27;90&#x27; has no unit." in told
    saved(admin_client, process, **{"parameters-span": "۴۵ دقیقه"})
    process.refresh_from_db()
    assert process.parameters == {"span": "P0DT00H45M00S"}
    assert 'value="45 minutes"' in admin_client.get(page("process_change", process.pk)).text
