"""The page of an execution in a real browser, while it goes on: what changes, and what stays."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page, expect

from automation.engine.end.cancelling import cancel
from automation.models import Execution, LogLine, Status, Trigger, claiming
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory
from automation.tests.pages import page as address
from behflow.tests.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password="a very long secret")


@pytest.fixture
def running() -> Execution:
    """A running execution that has logged more lines than its box shows."""
    node = NodeFactory(functions=["probes.greet"])
    execution = ExecutionFactory(running=True, node=node.name, progress_done=1, progress_total=9)
    log(execution, *range(60))
    return execution


def log(execution: Execution, *numbers: int) -> None:
    LogLine.objects.bulk_create(
        LogLine(
            execution=execution,
            number=number,
            level="INFO",
            logger="x",
            message=f"line {number} " + "and a long text about it " * 9,
        )
        for number in numbers
    )


def go_on(page: Page, execution: Execution, number: int) -> None:
    """Let it log and get further, and wait until the page shows that."""
    log(execution, number)
    Execution.objects.filter(pk=execution.pk).update(progress_done=number)
    expect(page.locator(f"#automation-log [data-part='{number}']")).to_have_count(1)
    expect(page.locator("progress")).to_have_attribute("value", str(number))


def scrolled(page: Page) -> list[int]:
    return page.locator("#automation-log").evaluate("box => [box.scrollTop, box.scrollLeft]")


def open_page(visit, boss, execution: Execution, **options) -> Page:
    return visit(boss, address("execution_change", execution.pk), **options)


def test_focus_selection_and_scroll_position_stay_while_the_page_goes_on(visit, boss, running):
    page = open_page(visit, boss, running)
    page.focus("text=Cancel…")
    page.evaluate("""() => {
        const line = document.querySelector("#automation-log [data-part='7'] td:last-child");
        getSelection().selectAllChildren(line);
        document.getElementById("automation-log").scrollTop = 150;
        document.querySelector("#automation-log [data-part='7']").isTheSame = true;
    }""")

    for number in (60, 61):
        go_on(page, running, number)

    assert page.evaluate("document.activeElement.textContent") == "Cancel…"
    assert page.evaluate("getSelection().toString()").startswith("line 7 ")
    assert scrolled(page) == [150, 0]
    assert page.locator("#automation-log [data-part='7']").evaluate("row => row.isTheSame")
    expect(page.locator("#automation-log tbody tr")).to_have_count(62)
    expect(page.locator("#automation-story")).to_contain_text("Log (62)")


def test_newest_line_is_in_view_for_who_is_at_the_end_of_the_log(visit, boss, running):
    page = open_page(visit, boss, running)
    page.locator("#automation-log").scroll_into_view_if_needed()
    expect(page.locator("#automation-log [data-part='59']")).to_be_in_viewport()

    go_on(page, running, 60)

    expect(page.locator("#automation-log [data-part='60']")).to_be_in_viewport()


def test_log_can_be_read_on_a_phone(visit, boss, running):
    page = open_page(visit, boss, running, viewport=PHONE)
    page.locator("#automation-log").scroll_into_view_if_needed()

    message = page.locator("#automation-log [data-part='59'] td:last-child")
    expect(message).to_be_in_viewport()
    box = message.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert page.locator("#automation-log").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_what_is_opened_stays_open_and_what_ends_says_so_at_once(visit, boss):
    process = ProcessFactory()
    undoing = ExecutionFactory(process=process, running=True)
    done = {
        "status": Status.COMPLETED,
        "completed_at": timezone.now(),
        "result": {"rows": [1] * 20},
    }
    first = ExecutionFactory(process=process, **done)
    Execution.objects.filter(pk=undoing.pk).update(kind="undo", undo_of=first)
    page = open_page(visit, boss, first)
    page.click("summary >> text=rows (20)")

    claiming.finish(undoing.pk, Status.COMPLETED, token=undoing.token)

    expect(page.locator("#automation-story")).to_contain_text(
        f"Undone by #{undoing.pk} (completed)"
    )
    expect(page.locator("details[open] summary")).to_have_text("rows (20)")
    expect(page.locator("[data-follow]")).to_have_count(0)


def test_focus_goes_to_what_takes_the_place_of_a_button(visit, boss):
    NodeFactory(functions=["probes.greet"])
    waiting = ExecutionFactory()
    page = open_page(visit, boss, waiting)
    page.focus("text=Cancel it")

    cancel(waiting)

    expect(page.locator("#automation-story .automation-status").first).to_have_text("cancelled")
    assert page.evaluate("document.activeElement.dataset.part") == "headline"


def test_page_of_a_failed_attempt_leads_to_its_retry_and_follows_it(visit, boss):
    NodeFactory(functions=["probes.greet"])
    process = ProcessFactory(max_retries=2)
    first = ExecutionFactory(process=process, status=Status.FAILED, completed_at=timezone.now())
    later = timezone.now() + timedelta(hours=1)
    retry = {"trigger": Trigger.RETRY, "retry_of": first, "attempt": 2, "available_at": later}
    second = ExecutionFactory(process=process, **retry)
    page = open_page(visit, boss, first)
    told = page.locator("[data-part=retried]")
    expect(told).to_contain_text("It is tried again:")
    expect(told).to_contain_text("(pending)")

    cancel(second)

    expect(told).to_have_count(0)
    expect(page.locator(f"[data-part='{second.pk}']")).to_contain_text("cancelled")


def test_page_that_cannot_be_brought_up_to_date_says_since_when(visit, boss, running):
    page = open_page(visit, boss, running, may_fail=True)
    stale = page.locator("#automation-stale")
    page.route("**/change/", lambda route: route.abort())
    expect(stale).to_have_text(
        re.compile(
            r"Not updated since \w{3} [\d-]{10} \d\d:\d\d:\d\d: the server does not answer\."
        )
    )

    page.unroute("**/change/")
    page.route("**/change/", lambda route: route.fulfill(status=503, body="busy"))
    expect(stale).to_contain_text("the server answers with an error.")

    page.unroute("**/change/")
    go_on(page, running, 60)
    expect(stale).to_have_text("")


def test_page_says_that_somebody_is_signed_out_and_keeps_what_it_shows(visit, boss, running):
    page = open_page(visit, boss, running)

    Session.objects.all().delete()
    for file in Path(f"{connection.settings_dict['NAME']}.sessions").glob("*"):
        file.unlink()  # As SQLite has them.

    expect(page.locator("#automation-stale")).to_contain_text("you are signed out.")
    expect(page.locator("#automation-log tbody tr")).to_have_count(60)
    page.click("text=Log in")
    page.wait_for_url(re.compile(r"/login/\?next=/admin/automation/execution/"))


def test_hidden_page_asks_nothing_and_one_that_comes_back_asks_at_once(visit, boss, running):
    page = open_page(visit, boss, running)
    hide = """isHidden => {
        Object.defineProperty(document, "hidden", { get: () => isHidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    page.wait_for_timeout(2_200)  # One that was under way has been answered.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2_500)
    assert not asked

    log(running, 60)
    with page.expect_response(re.compile("/change/"), timeout=1_500):
        page.evaluate(hide, False)
    expect(page.locator("#automation-log [data-part='60']")).to_have_count(1)
