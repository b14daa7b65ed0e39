"""Pages in a real browser: clicked, measured, and free of errors."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from automation.engine.end import pausing
from automation.engine.end.cancelling import cancel
from automation.engine.end.pausing import pause
from automation.models import (
    Calendar,
    ConcurrencyGroup,
    Execution,
    MaintenanceWindow,
    Pause,
    Process,
)
from automation.testing import preview, run, undo
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory
from behflow.tests.conftest import PHONE, follow, violations
from conftest import wait_until
from tasks.demo import load

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PROCESS = "/admin/automation/process"
LISTS = ["admin:automation_process_changelist", "admin:automation_execution_changelist"]

MAIN_JOB = "reschedule_remaining_tasks"

#: What Django's own templates do: the columns of an inline table that hold no input have no name.
DJANGO_S_OWN = re.compile(r'empty-table-header: <th( class="original")?></th>')


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password="a very long secret")


@pytest.fixture
def demo(boss: User) -> Process:
    """Something on every page."""
    load()
    run("probes.write_then_raise")
    preview(MAIN_JOB)
    undo(run(MAIN_JOB))
    group = ConcurrencyGroup.objects.create(name="service", max_concurrency=2)
    rest = Calendar.objects.create(name="feasts", days="2026-12-25 Christmas")
    process = ProcessFactory(
        cron="0 0 * * *", concurrency_group=group, max_retries=3, calendar=rest, jitter=60
    )
    ExecutionFactory(process=process, running=True)
    failed = {"status": "failed", "completed_at": timezone.now(), "exit_code": -9}
    ExecutionFactory(process=process, retry_of=ExecutionFactory(process=process, **failed))
    paused = ProcessFactory(function="probes.write_then_raise", pause_after_failures=1)
    run(paused)
    pausing.pause([process], why="repairs", by=boss)
    hour = timedelta(hours=1)
    window = {"starts_at": timezone.now(), "ends_at": timezone.now() + hour}
    MaintenanceWindow.objects.create(label="new disks", **window).processes.add(process)
    NodeFactory(functions=["probes.greet"], defaults={"probes.greet": "0 3 * * *"})
    return Process.objects.get(name=MAIN_JOB)


def member_of(group: str) -> User:
    person = User.objects.create_user(group.split()[-1], is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person


def addresses() -> list[str]:
    """Every page of the admin: lists, forms and what belongs to each row."""
    found = [reverse("admin:index"), reverse("admin:app_list", args=["automation"])]
    for model, its_pages in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        pages = ["change", "history", "run", "backfill", "explain", "undo", "cancel", "pause"]
        if type(its_pages).has_add_permission is admin.ModelAdmin.has_add_permission:
            found.append(reverse(f"{name}_add"))
            pages.append("delete")
        row = model._default_manager.first()
        found += [url for page in pages if row and (url := _address(f"{name}_{page}", row.pk))]
    found += [
        reverse("admin:automation_execution_change", args=[execution.pk])
        for execution in Execution.objects.all()
    ]
    return list(dict.fromkeys(found))


def _address(name: str, number: int) -> str:
    try:
        return reverse(name, args=[number])
    except NoReverseMatch:
        return ""


def is_ours(address: str) -> bool:
    return "/automation/" in address or "/tasks/" in address


def test_login_page_lets_somebody_in(visit, boss):
    page = visit(None)
    page.fill("#id_username", "boss")
    page.fill("#id_password", "a very long secret")
    page.click("[type=submit]")

    expect(page.locator("#content")).to_contain_text("Tasks and processes")


@pytest.mark.postgresql  # Once is enough: no page looks different on another database.
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_our_pages_can_be_used_by_everybody(visit, boss, demo, scheme):
    # Axe writes styles of its own into the page.
    page = visit(boss, color_scheme=scheme, bypass_csp=True)
    faults = []
    for address in filter(is_ours, addresses()):
        page.goto(address)
        found = [fault for fault in violations(page) if not DJANGO_S_OWN.match(fault)]
        faults += [f"{address} {fault}" for fault in found]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("locale", "scheme"), [("en", "light"), ("fa", "dark")])
def test_every_page_is_served_strictly_and_fits_a_phone(visit, boss, demo, locale, scheme):
    page = visit(boss, viewport=PHONE, locale=locale, color_scheme=scheme)
    wide = []
    for address in addresses():
        response = page.goto(address)
        assert response.status == 200, address
        assert "default-src 'none'" in response.headers["content-security-policy"]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            wide.append(address)

    assert not wide, "\n".join(wide)


def test_somebody_asks_why_a_process_does_not_run_then_and_now(visit, boss):
    process = ProcessFactory(name="nightly", cron="30 2 * * *", timezone="Europe/Berlin")
    pause([process], why="flood", by=boss)
    address = reverse("admin:automation_process_change", args=[process.pk])
    page = visit(member_of("Automation viewer"), address)
    page.click("text=Why?")
    verdict = page.locator("#content [role=status]")
    expect(verdict).to_contain_text("Paused by boss")
    expect(page.locator(".automation-step-blocks").first).to_have_text("blocks")

    page.fill("#at", "at dawn")
    page.press("#at", "Enter")
    expect(page.locator("[role=alert]")).to_contain_text("is not a date and time")
    page.fill("#at", "2020-01-01 02:30")
    page.press("#at", "Enter")
    expect(verdict).to_contain_text("The process did not exist then")
    page.click("text=Now")
    expect(verdict).to_contain_text("flood")


def test_process_is_created_with_a_schedule_shown_as_one_types(visit):
    page = visit(member_of("Automation manager"), "/admin/automation/process/add/")
    schedule = page.locator("#automation-schedule")
    page.fill("#id_name", "nightly")
    page.select_option("#id_function", "probes.greet")
    expect(page.locator("#automation-what")).to_have_text("Greet somebody.")
    page.fill("#id_cron", "99 7 * * *")
    expect(schedule).to_contain_text("the minute is 0-59")
    page.click("[name=_save]")
    expect(page.locator(".errornote")).to_be_visible()
    expect(page.locator(".field-cron .errorlist")).to_contain_text("the minute is 0-59")

    page.fill("#id_cron", "۷:۳۰")
    expect(schedule).to_contain_text("At 07:30")
    expect(schedule.locator("tbody tr")).to_have_count(10)
    page.fill("#id_parameters-name", "Sara")
    page.click("[name=_save]")

    expect(page.locator(".success")).to_contain_text("was added successfully")
    process = Process.objects.get(name="nightly")
    assert (process.cron, process.parameters) == ("30 7 * * *", {"name": "Sara"})


def test_what_was_typed_for_a_function_is_there_when_it_is_chosen_again(visit):
    process = ProcessFactory(name="hello", parameters={"name": "Sara"})
    page = visit(member_of("Automation manager"), f"/admin/automation/process/{process.pk}/change/")
    page.fill("#id_parameters-times", "3")
    page.select_option("#id_function", "probes.call_service")
    expect(page.locator("#id_parameters-retries")).to_have_value("2")

    page.select_option("#id_function", "probes.greet")

    expect(page.locator("#id_parameters-name")).to_have_value("Sara")
    expect(page.locator("#id_parameters-times")).to_have_value("3")
    expect(page.locator("#automation-what")).to_have_text("Greet somebody.")


def test_slow_answer_about_a_function_does_not_replace_that_of_the_next(visit):
    process = ProcessFactory(name="hello")
    page = visit(member_of("Automation manager"), f"/admin/automation/process/{process.pk}/change/")
    held: list[Route] = []
    slow = re.compile("/parameters/.*call_service")
    page.route(slow, lambda route: held.append(route))
    page.select_option("#id_function", "probes.call_service")
    page.select_option("#id_function", "probes.report_on")
    expect(page.locator("#id_parameters-first")).to_be_visible()

    with page.expect_response(slow):
        for route in held:
            route.continue_()

    expect(page.locator("#id_parameters-first")).to_be_visible()
    expect(page.locator("#automation-what")).to_have_text("Report on the days of a span.")


def test_operator_runs_with_parameters_and_the_page_follows_to_the_end(visit, qcluster):
    process = ProcessFactory(name="hello")
    page = visit(member_of("Automation operator"), f"/admin/automation/process/{process.pk}/run/")
    page.fill("#id_parameters-times", "2")
    page.fill("#id_note", "for the tour")
    page.click("[name=run]")
    story = page.locator("#automation-story")
    expect(story).to_contain_text("No worker is running, and none ever was.")
    expect(story.locator("text=Why?")).to_be_visible()

    node = qcluster()

    expect(story.locator(".automation-status")).to_have_text("completed", timeout=15_000)
    expect(story).to_contain_text("Hello world! Hello world!")
    expect(story).to_contain_text("for the tour")
    expect(page.locator("body")).not_to_contain_text("is queued")

    pages = ["/admin/", page.url, *map(reverse, LISTS), f"{PROCESS}/{process.pk}/change/"]
    for address in pages:
        page.goto(address)
        expect(page.locator("body")).not_to_contain_text("No worker")
    node.stop()
    page.goto(f"{PROCESS}/{process.pk}/run/")
    page.click("[name=run]")
    expect(story).to_contain_text("No worker is running since ")
    for address in pages:
        page.goto(address)
        is_over = "/execution/" in address and address.endswith("/change/")
        expect(page.locator("text=No worker is running since ")).to_have_count(0 if is_over else 1)


def test_main_job_is_previewed_applied_and_undone(visit, qcluster):
    load()
    qcluster()
    process = Process.objects.get(name=MAIN_JOB)
    page = visit(member_of("Automation operator"), f"/admin/automation/process/{process.pk}/run/")
    status = page.locator("#automation-story .automation-status").first

    page.click("[name=preview]")
    expect(status).to_have_text("completed", timeout=15_000)
    expect(page.locator("#automation-story")).to_contain_text(
        re.compile(r"Would write: \d+ automatic")
    )
    page.click("text=Apply: run it for real")
    expect(page.locator("#automation-story")).to_contain_text("It applies the preview #")
    expect(status).to_have_text("completed", timeout=15_000)
    page.click("text=Undo…")
    page.fill("#id_note", "too early")
    page.click("text=Undo it")
    expect(status).to_have_text("completed", timeout=15_000)

    expect(page.locator("#automation-story")).to_contain_text("It undoes")
    kinds = Execution.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["preview", "run", "undo"]


def test_operator_cancels_a_run_and_tries_it_again(visit, qcluster):
    fields = {"function": "probes.take_long_and_ignore_all", "parameters": {"seconds": 60}}
    process = ProcessFactory(name="long", **fields)
    qcluster()
    page = visit(member_of("Automation operator"), f"/admin/automation/process/{process.pk}/run/")
    page.click("[name=run]")
    story = page.locator("#automation-story")
    status = story.locator(".automation-status").first
    expect(status).to_have_text("running", timeout=15_000)

    page.click("text=Cancel…")
    page.click("text=Cancel it")
    expect(story).to_contain_text("by operator")
    expect(status).to_have_text("cancelled", timeout=15_000)
    page.click("text=Try again")
    expect(story).to_contain_text("Tried again by operator.")
    expect(story).to_contain_text("Attempt 2")
    cancel(Execution.objects.get(attempt=2))  # Else the qcluster would wait for it.
    expect(status).to_have_text("cancelled", timeout=15_000)


def test_operator_pauses_with_a_reason_and_resumes(visit):
    process = ProcessFactory(name="hello", cron="0 7 * * *", timezone="Asia/Tehran")
    page = visit(
        member_of("Automation operator"), f"/admin/automation/process/{process.pk}/change/"
    )
    page.click("text=Pause…")
    page.fill("#id_until", "2199-12-01T08:00")
    page.click("input[value=Pause]")
    expect(page.locator(".errorlist")).to_have_text("This field is required.")
    expect(page.locator("#id_until")).to_have_value("2199-12-01T08:00")

    page.fill("#id_why", "repairs")
    page.click("input[value=Pause]")

    hint = page.locator(".automation-hint")
    expect(hint).to_contain_text("It is paused. repairs")
    expect(hint).to_contain_text("By operator.")
    expect(hint).to_contain_text("until Sun 2199-12-01 08:00.")
    page.goto("/admin/automation/process/?state=paused")
    expect(page.locator("#result_list .automation-state-paused")).to_have_text("paused")
    expect(page.locator("#result_list")).to_contain_text("paused by operator: repairs")
    page.click("#result_list button:has-text('Resume')")
    expect(page.locator(".success")).to_contain_text("Resumed 1 process: ")
    assert Pause.objects.get().ended_by_name == "operator"


def test_everything_is_paused_and_resumed_in_the_list(visit):
    page = visit(member_of("Automation operator"), "/admin/automation/process/")
    page.click("text=Pause everything…")
    page.fill("#id_why", "moving house")
    page.click("input[value='Pause everything']")
    expect(page.locator(".automation-hint").first).to_contain_text("Everything is paused.")

    page.click("text=Resume everything")

    expect(page.locator(".success")).to_have_text("Not everything is paused any more.")
    assert page.locator("text=Everything is paused.").count() == 0


def test_manager_plans_a_maintenance_window(visit):
    process = ProcessFactory(name="hello")
    manager = member_of("Automation manager")
    page = visit(manager, "/admin/automation/maintenancewindow/add/")
    page.fill("#id_label", "new disks")
    page.fill("#id_starts_at", "2199-12-01T08:00")
    page.fill("#id_ends_at", "2199-12-02T08:00")
    page.check("text=hello")
    page.click("[name=_save]")
    expect(page.locator(".success")).to_contain_text("was added successfully")

    page.goto(f"/admin/automation/process/{process.pk}/change/")

    hint = page.locator(".automation-hint")
    expect(hint).to_contain_text("Maintenance to come: new disks")
    expect(hint).to_contain_text("From Sun 2199-12-01 08:00 until Mon 2199-12-02 08:00.")


def test_retries_are_told_in_words_as_one_types(visit):
    process = ProcessFactory(name="hello")
    page = visit(member_of("Automation manager"), f"/admin/automation/process/{process.pk}/change/")
    told = page.locator("#automation-retries")
    expect(told).to_have_text("It is not tried again.")

    page.fill("#id_max_retries", "3")

    expect(told).to_have_text("3 retries: after about 1, 2 and 4 minutes.")


def test_list_switches_and_runs_and_the_history_is_filtered(visit, boss):
    ProcessFactory(name="hello", cron="0 0 29 2 *")
    page = visit(boss, "/admin/automation/process/?q=hello")
    page.click("role=switch")
    expect(page.locator(".success")).to_contain_text("Disabled 1 process: hello.")
    assert page.url.endswith("/admin/automation/process/?q=hello")
    page.click("#result_list a:has-text('Run now')")
    page.click("[name=run]")
    expect(page.locator("#automation-story")).to_contain_text("Started by hand by boss.")

    page.goto("/admin/automation/execution/?status__exact=pending")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.goto("/admin/automation/execution/?status__exact=failed")
    expect(page.locator("#result_list tbody tr")).to_have_count(0)


def test_viewer_sees_everything_and_can_change_nothing(visit, demo):
    page: Page = visit(member_of("Automation viewer"), "/admin/automation/process/")
    expect(page.locator("#result_list")).to_contain_text(MAIN_JOB)
    assert page.locator("text=Run now").count() == 0
    assert page.locator("role=switch").count() == 0

    page.goto(f"/admin/automation/process/{demo.pk}/change/")
    expect(page.locator("#automation-schedule")).to_contain_text("At 07:30")
    assert page.locator("[name=_save]").count() == 0
    page.goto(reverse("admin:automation_execution_changelist"))
    follow(page, "#result_list th a >> nth=0")
    assert page.locator("text=Undo…").count() == 0
    assert page.locator("text=Run again…").count() == 0


def test_operator_sees_what_was_missed_and_chooses_what_becomes_of_it(visit, qcluster):
    process = ProcessFactory(name="hello", cron="0 7 * * *", is_enabled=False)
    since = timezone.now() - timedelta(days=5)
    Process.objects.filter(pk=process.pk).update(is_enabled=True, created_at=since)
    due = list(process.planned_rule.between(since, timezone.now()))
    missed = {"trigger": "schedule", "status": "missed", "completed_at": timezone.now()}
    ExecutionFactory(process=process, scheduled_for=due[0], **missed)
    ExecutionFactory(
        process=process, scheduled_for=due[1], scheduled_until=due[-1], occurrences=4, **missed
    )
    page = visit(
        member_of("Automation operator"), f"/admin/automation/process/{process.pk}/change/"
    )
    expect(page.locator(".automation-hint")).to_contain_text("5 times were missed since")

    page.click("text=Choose what becomes of them")
    expect(page.locator(".automation-times .automation-status-missed")).to_have_count(5)
    page.click("text=Start them")
    expect(page.locator(".errornote")).to_have_text("Choose which of them are started.")
    page.locator(".automation-times label").nth(0).click()
    page.locator(".automation-times label").nth(3).click()
    page.fill("[name=note]", "after the repairs")
    page.click("text=Start them")

    told = page.locator(".messagelist li")
    expect(told).to_contain_text("2 of 2 times are queued. No worker is running")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    started = Execution.objects.filter(trigger="backfill").order_by("pk")
    assert [row.scheduled_for for row in started] == [due[1], due[4]]
    qcluster()
    wait_until(lambda: started.filter(status="completed").count() == 2)
    page.goto(f"/admin/automation/process/{process.pk}/backfill/")
    expect(page.locator(".automation-times .automation-status-completed")).to_have_count(2)
    expect(page.locator("[name=pick]")).to_have_count(3)


def test_form_shows_the_inputs_of_the_chosen_kind_and_what_comes_of_them(visit):
    page = visit(member_of("Automation manager"), "/admin/automation/process/add/")
    schedule = page.locator("#automation-schedule")
    page.fill("#id_name", "often")
    page.select_option("#id_function", "probes.greet")
    expect(page.locator("#id_every")).to_be_hidden()

    page.select_option("#id_schedule_kind", "interval")
    expect(page.locator("#id_cron")).to_be_hidden()
    expect(schedule).to_contain_text("Say how often.")
    page.fill("#id_every", "۴۵ دقیقه")
    page.fill("#id_anchor", "2026-06-10 8:00")
    expect(schedule).to_contain_text("Every 45 minutes, from Wed 2026-06-10 08:00")
    page.click("summary:has-text('Limits of the schedule')")
    page.fill("#id_jitter", "600")
    expect(schedule).to_contain_text("with jitter")
    expect(page.locator("#id_catch_up_limit")).to_be_hidden()
    page.click("[name=_save]")

    expect(page.locator(".success")).to_contain_text("was added successfully")
    process = Process.objects.get(name="often")
    assert (process.schedule_kind, process.every, process.jitter) == ("interval", 45, 600)


def test_inputs_of_every_kind_are_there_without_javascript(visit):
    page = visit(
        member_of("Automation manager"), "/admin/automation/process/add/", java_script_enabled=False
    )

    for name in ("cron", "every", "anchor", "run_at"):
        expect(page.locator(f"#id_{name}")).to_be_visible()


def test_edit_asks_whether_it_holds_today_too(visit):
    """Once a day, at a time that has passed; then at one that comes: whatever the time is now."""
    zone = _zone_at_noon()
    process = ProcessFactory(name="hello", cron="0 8 * * *", timezone=zone)
    page = visit(member_of("Automation manager"), f"/admin/automation/process/{process.pk}/change/")
    schedule = page.locator("#automation-schedule")
    expect(schedule.locator("[name=today]")).to_have_count(0)

    page.fill("#id_cron", "0 20 * * *")
    expect(schedule).to_contain_text("Today too, or from tomorrow?")
    expect(schedule).to_contain_text("What saving changes")
    page.click("[name=_save]")
    expect(page.locator(".field-today .errorlist")).to_contain_text("Today would have two")
    page.check("[name=today][value=tomorrow]")
    expect(schedule).to_contain_text("until then: At 08:00")
    expect(page.locator("[name=today][value=tomorrow]")).to_be_checked()
    page.click("[name=_save]")

    expect(page.locator(".success")).to_contain_text("was changed successfully")
    process.refresh_from_db()
    assert process.cron == "0 20 * * *"
    assert process.rule_from > timezone.now()


def _zone_at_noon() -> str:
    """A zone in which it is noon or one o'clock (of Etc, whose signs are the other way round)."""
    ahead = 12 - timezone.now().hour
    return f"Etc/GMT{-ahead:+}" if ahead else "Etc/GMT"
