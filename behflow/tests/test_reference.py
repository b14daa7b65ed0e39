"""The reference leaves nothing out: whoever adds a name hears what page lacks it."""

import dataclasses
import inspect
import json
import re
from contextlib import suppress
from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import BaseCommand

import automation
from automation import conf, operations
from automation import limits as most
from automation.database import text
from automation.engine.run import log, result
from automation.engine.start import launch
from automation.limits import MAX_CONCURRENCY, MAX_PROGRESS_MESSAGE, MAX_TIME_LIMIT
from automation.models import naming
from automation.parameters import signature
from automation.parameters.fields import FIELDS
from automation.process_function import Options
from automation.reports import changes, missed
from automation.run import Run
from behflow import environment
from behflow.tests.documents import DOCS, tables
from conftest import ROOT

COMMANDS = sorted(name for name, app in get_commands().items() if app in {"automation", "behflow"})


def page(name: str) -> str:
    return (DOCS / name).read_text()


def rows(name: str, heading: str = "") -> dict[str, list[str]]:
    """The rows of a page's tables (below a heading) by what stands in code in their first cell."""
    return {
        key: cells
        for table in tables(name, heading)
        for first, *cells in table
        for key in re.findall(r"`([^`]+)`", first)
    }


@pytest.mark.parametrize("name", ["settings", "process", "checks"])
def test_no_table_has_a_row_twice(name):
    for table in tables(f"reference/{name}.md"):
        first = [cells[0] for cells in table]
        assert sorted(set(first)) == sorted(first)


def section(name: str, command: str) -> str:
    """The part of a page below the heading that begins with this word."""
    (found,) = re.findall(rf"^## `{command}\b.*?(?=^## |\Z)", page(name), re.M | re.S)
    return found


def test_every_variable_of_the_environment_is_explained_with_its_default():
    described = rows("reference/settings.md", "Of the Behflow site")

    for name, default in environment.VARIABLES.items():
        assert name in described, name
        shown = described[name][0].strip("`")
        expected = {"SECRET_KEY": "none: needed"}
        assert shown == expected.get(name, default or "empty"), name


def test_every_key_of_the_engine_s_setting_is_explained_with_its_default():
    described = rows("reference/settings.md", "Of the engine")

    for name, default in conf.DEFAULTS.items():
        shown = "empty" if default == "" else f"`{default}`"
        assert described[name][0] == shown, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_explained_with_its_options(name):
    described = section("reference/commands.md", name)
    command = load_command_class(get_commands()[name], name)
    usual = {action.dest for action in BaseCommand().create_parser("manage.py", "x")._actions}

    for action in command.create_parser("manage.py", name)._actions:
        if action.dest not in usual:
            shown = action.option_strings[-1] if action.option_strings else action.dest.upper()
            assert shown in described, f"{name} {shown}"
    assert f"`{name}" in (ROOT / "README.md").read_text()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("list_processes", []),
        ("run_process", ["reschedule_remaining_tasks", "--preview"]),
        ("preview_schedule", ["--cron", "7:30"]),
        ("explain", ["reschedule_remaining_tasks"]),
        (
            "backfill",
            ["reschedule_remaining_tasks", "--from", "2026-01-01", "--to", "2026-01-02"],
        ),
        ("audit_schedule", ["reschedule_remaining_tasks"]),
        ("safe_to_deploy", []),
    ],
)
def test_json_of_a_command_has_the_keys_that_are_explained(name, arguments):
    out = StringIO()
    with suppress(SystemExit):  # Some exit with what they found.
        call_command(name, *arguments, "--json", stdout=out)
    printed = json.loads(out.getvalue())
    keys = set(printed[0] if isinstance(printed, list) else printed)

    first = re.findall(r"^\| (`\w+`.*?) \|", section("reference/commands.md", name), re.M)
    table = re.findall(r"`(\w+)`", " ".join(first))
    assert set(table or ["at", "local", "hold"]) == keys
    assert all(f"`{key}`" in section("reference/commands.md", name) for key in keys)


def test_json_of_adopt_has_the_keys_that_are_explained(tmp_path):
    (tmp_path / "crontab").write_text("A=b\n30 2 * * * true\n")
    out = StringIO()
    options = {"timezone": "Europe/Berlin", "json": True}
    with pytest.raises(SystemExit):
        call_command("adopt", "crontab", str(tmp_path / "crontab"), **options, stdout=out)
    printed = json.loads(out.getvalue())
    described = section("reference/commands.md", "adopt")

    assert set(printed["found"][0]) == set(re.findall(r"^\| `(\w+)` \|", described, re.M))
    for part in (printed, printed["skipped"][0], printed["found"][0]["clock_changes"][0]):
        assert all(f"`{key}`" in described for key in part)


def test_every_system_check_is_explained():
    files = ("automation/checks.py", "automation/database/checks.py")
    code = "".join((ROOT / file).read_text() for file in files)
    raised = set(re.findall(r'id="(automation\.\w+)"', code))

    assert raised
    assert raised == {key for key in rows("reference/checks.md") if key.startswith("automation.")}


@pytest.mark.django_db
def test_every_permission_is_explained():
    described = page("reference/permissions.md")
    ours = Permission.objects.filter(content_type__app_label__in=["automation", "tasks"])

    for permission in ours.exclude(content_type__model="historicalprocess"):
        assert f"`{permission.content_type.app_label}.{permission.codename}`" in described


@pytest.mark.django_db
def test_every_group_is_explained_with_what_it_may():
    described = page("reference/permissions.md")
    lines = dict(re.findall(r"^\| (Automation \w+) \| (.*) \|$", described, re.M))
    known: set[str] = set()

    for name in ("Automation viewer", "Automation operator", "Automation manager"):
        known |= set(re.findall(r"`(\w+)`", lines[name]))
        stored = Group.objects.get(name=name).permissions.values_list("codename", flat=True)
        assert known == set(stored), name
    assert len(lines) == Group.objects.filter(name__startswith="Automation").count()


def test_every_operation_is_explained_with_its_permission_and_codes():
    described = rows("reference/permissions.md", "Operations")
    sources = "".join(path.read_text() for path in (ROOT / "automation").rglob("*.py"))
    codes = set(re.findall(r'WhyNot\(\s*"(\w+)"', sources))

    permissions = {name: cells[0].strip("`") for name, cells in described.items()}
    assert permissions == {one.name: one.permission for one in operations.OPERATIONS.values()}
    told = set(re.findall(r"`(\w+)`", "".join(cells[1] for cells in described.values())))
    assert told | {"not_permitted"} == codes


def test_every_option_of_process_is_explained():
    described = rows("reference/process.md")
    options = {field.name for field in dataclasses.fields(Options)}

    assert options - {"declared_cron"} | {"default_cron"} <= set(described)
    command = inspect.signature(automation.command_process).parameters.values()
    for parameter in command:
        if parameter.kind is parameter.KEYWORD_ONLY:
            assert f"`{parameter.name}`" in section("reference/process.md", "command_process")


def test_every_type_of_a_parameter_is_explained():
    described = page("reference/process.md")

    for kind in FIELDS:
        name = kind.__name__ if isinstance(kind, type) and kind is not list[str] else str(kind)
        assert f"`{name}`" in described, name


def test_everything_public_is_explained():
    described = page("reference/process.md")

    for name in automation.__all__:
        assert f"`{name}`" in described, name
    engine_s_own = {"on_progress", "is_interrupted"}
    names = {name for name in dir(Run) if name[0] != "_"} | set(Run.__dataclass_fields__)
    for name in names - engine_s_own:
        assert f"`run.{name}" in described, name


def test_stated_limits_are_those_of_the_code():
    limits = dict(
        re.findall(r"^\| ([a-z ]+) \| ([\d,]+.*?) \|", page("reference/process.md"), re.M)
    )

    assert limits == {
        "result": f"{result.MAX_RESULT:,} characters of JSON",
        "parameters": f"{signature.MAX_LENGTH:,} characters of JSON",
        "log": f"{log.MAX_LINES:,} lines of {log.MAX_LINE_LENGTH:,} characters",
        "error and traceback": f"{text.MAX_TEXT:,} characters each",
        "depth of a result": f"{result.MAX_DEPTH} lists and objects",
        "progress message": f"{MAX_PROGRESS_MESSAGE} characters",
        "note": f"{launch.MAX_NOTE:,} characters",
        "change rows shown": f"{changes.SHOWN}",
        "time limit": f"{MAX_TIME_LIMIT // 86_400} days",
        "runs at once": f"{MAX_CONCURRENCY:,}",
        "retries": f"{most.MAX_RETRIES}",
        "first and longest delay of retries": f"{most.MAX_RETRY_DELAY // 86_400} days",
        "delay factor": f"{most.MAX_BACKOFF}",
        "priority": f"{most.MAX_PRIORITY}, and at least -{most.MAX_PRIORITY}",
        "name and label of a process": f"{naming.MAX_LABEL} characters each; a name is of ASCII letters, "
        "digits, `-` and `_`, a label of any",
    }
    assert naming.MAX_NAME == naming.MAX_LABEL


def test_stated_limits_of_a_backfill_are_those_of_the_code():
    described = section("reference/commands.md", "backfill")

    assert f"more than {operations.MOST:,};" in described
    assert f"more than {missed.LIMIT:,} times" in described


def test_every_page_is_reached_and_every_link_leads_somewhere():
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    linked = set(re.findall(r"\]\(([^)#]+\.md)", page("index.md")))

    assert pages - {"index.md"} == linked
    for path in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
