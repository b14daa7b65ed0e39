"""Forms in a real browser: what is wrong is marked, said at its input, and nowhere else."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Locator, Page, expect

from automation.engine.end.pausing import pause
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.pages import page as address
from behflow.tests.conftest import PHONE, follow, violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password="a very long secret")


def red(page: Page) -> list[str]:
    """The names of the visible inputs that have a border in the colour of errors."""
    script = """() => {
        const probe = document.createElement("i");
        probe.style.color = "var(--error-fg)";
        document.body.append(probe);
        const wrong = getComputedStyle(probe).color;
        const inputs = [...document.querySelectorAll("#content-main :is(input, select, textarea)")];
        const isRed = (input) => getComputedStyle(input).borderTopColor === wrong;
        return inputs.filter((input) => input.offsetParent && isRed(input)).map((i) => i.name);
    }"""
    found: list[str] = page.evaluate(script)
    return found


def invalid(page: Page) -> list[str]:
    marked = page.locator("[aria-invalid=true]")
    return [str(one.get_attribute("name")) for one in marked.all()]


def said_of(page: Page, field: Locator) -> str:
    """What is read out with an input: the texts that it points to."""
    numbers = (field.get_attribute("aria-describedby") or "").split()
    return " ".join(page.locator(f"[id='{number}']").inner_text() for number in numbers)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_wrong_parameter_of_a_run_alone_is_marked_and_explained(visit, boss, scheme):
    process = ProcessFactory(function="probes.call_service")
    options = {"color_scheme": scheme, "bypass_csp": True}  # Axe writes styles into the page.
    page = visit(boss, address("process_run", process.pk), **options)
    page.fill("#id_parameters-retries", "many")
    follow(page, "[name=run]")

    field = page.locator("#id_parameters-retries")
    expect(field).to_have_value("many")
    assert "parameters-retries" in invalid(page)
    assert set(red(page)) == set(invalid(page))
    assert "Enter a whole number." in said_of(page, field)
    others = page.locator("[name^=parameters-]:not([aria-invalid])")
    assert others.count() >= 1
    assert not any("Enter" in said_of(page, other) for other in others.all())
    assert violations(page) == []


def test_parameter_that_a_run_lacks_is_said_at_its_input(visit, boss):
    process = ProcessFactory(function="probes.report_on")
    page = visit(boss, address("process_run", process.pk))
    page.fill("#id_parameters-first", "2026-03-01")
    follow(page, "[name=run]")

    assert invalid(page) == red(page) == ["parameters-last"]
    assert "A value is needed for last." in said_of(page, page.locator("#id_parameters-last"))
    expect(page.locator("#id_parameters-first")).to_have_value("2026-03-01")


def test_what_is_wrong_in_the_form_of_a_process_is_marked_alone(visit, boss):
    process = ProcessFactory(function="probes.greet", cron="0 0 * * *")
    page = visit(boss, address("process_change", process.pk), bypass_csp=True)
    page.fill("#id_parameters-times", "often")
    page.fill("#id_cron", "99 7 * * *")
    follow(page, "[name=_save]")

    assert set(invalid(page)) == set(red(page)) == {"cron", "parameters-times"}
    said = {name: said_of(page, page.locator(f"[name='{name}']")) for name in invalid(page)}
    assert "Enter a whole number." in said["parameters-times"]
    assert "the minute is 0-59" in said["cron"]
    assert violations(page) == []


def test_process_that_lacks_a_parameter_says_so_at_its_input(visit, boss):
    process = ProcessFactory(function="probes.report_on")
    page = visit(boss, address("process_change", process.pk))
    page.select_option("#id_trigger_type", "time_based")
    page.fill("#id_cron", "7:30")
    page.fill("#id_parameters-first", "2026-03-01")
    follow(page, "[name=_save]")

    expect(page.locator(".errornote")).to_be_visible()
    assert invalid(page) == ["parameters-last"]


@pytest.mark.parametrize("locale", ["en", "fa"])
@pytest.mark.parametrize("size", [PHONE, {"width": 1280, "height": 900}])
def test_changes_and_explanations_can_be_used_by_everybody(visit, boss, locale, size):
    process = ProcessFactory(name="nightly", cron="30 2 * * *")
    process.description = "wide " * 60
    process.save()
    pause([process], why="flood", by=boss)
    execution = ExecutionFactory(process=process)
    page = visit(boss, viewport=size, locale=locale, bypass_csp=True)
    why = f"{address('process_explain', process.pk)}?at=2026-11-20+02:30"

    for path in (address("process_history", process.pk), why):
        page.goto(path)
        assert violations(page) == [], path
    page.goto(address("execution_change", execution.pk))
    assert violations(page) == []


@pytest.mark.parametrize("locale", ["de", "fr", "ar", "en-GB"])
def test_language_without_a_translation_gets_english_alone(visit, boss, locale):
    ProcessFactory(cron="*/45 * * * *")
    page = visit(boss, "/admin/automation/process/", locale=locale)

    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1")).to_have_text("Select process to change")
