"""Persian: whole, as new as the source, and all that a Persian page says."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from itertools import chain
from pathlib import Path

import polib
import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from automation import registry
from automation.models import Execution, Process, Status
from automation.testing import preview, run
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory
from behflow.middleware import DatabaseBusyMiddleware
from conftest import ROOT
from tasks.models import Task
from tasks.tests.factories import TaskFactory

MAIN_JOB = "reschedule_remaining_tasks"

CATALOGUES = sorted(ROOT.glob("*/locale/fa/LC_MESSAGES/django.po"))

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}")

#: Shorter English may stand on a page for another reason: a key of a result, a level of the log.
TELLING = 12

each_catalogue = pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-5])


# The catalogues


def test_each_app_has_its_catalogue():
    assert [path.parts[-5] for path in CATALOGUES] == ["automation", "behflow", "tasks"]


@each_catalogue
def test_every_text_is_translated(path):
    catalogue = polib.pofile(str(path))

    assert not [entry.msgid for entry in catalogue if not entry.translated()]
    assert not [entry.msgid for entry in catalogue if entry.fuzzy]
    assert not [entry.msgid for entry in catalogue.obsolete_entries()]


@each_catalogue
def test_translation_keeps_the_placeholders(path):
    for entry in polib.pofile(str(path)):
        wanted = sorted(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            assert sorted(PLACEHOLDER.findall(text)) == wanted, entry.msgid


@each_catalogue
def test_compiled_catalogue_says_what_the_written_one_says(path):
    written, compiled = polib.pofile(str(path)), polib.mofile(str(path.with_suffix(".mo")))

    assert _words(compiled) == _words(written)


def test_text_that_two_apps_have_is_translated_alike():
    """Django makes one catalogue of all: the words of the first app would win."""
    known: dict[tuple[str, ...], str] = {}
    for entry in chain.from_iterable(polib.pofile(str(path)) for path in CATALOGUES):
        assert known.setdefault(_key(entry), entry.msgstr) == entry.msgstr, entry.msgid


def test_catalogues_know_every_text_of_the_source(environment, tmp_path):
    if shutil.which("xgettext") is None:
        pytest.skip("no xgettext here (Debian: apt install gettext)")
    copy = tmp_path / "source"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.sqlite3*"))
    command = ["makemessages", "--locale", "fa", "--no-location", "--no-obsolete"]

    subprocess.run(
        [sys.executable, "manage.py", *command], cwd=copy, env=environment, check=True, timeout=60
    )

    for path in CATALOGUES:
        fresh = polib.pofile(str(copy / path.relative_to(ROOT)))
        known = {_key(entry) for entry in polib.pofile(str(path))}
        assert known == {_key(entry) for entry in fresh}, "make messages brings it up to date"


def test_no_text_stands_where_makemessages_does_not_look():
    """It reads no f-strings."""
    known = {entry.msgid for path in CATALOGUES for entry in polib.pofile(str(path))}
    modules = [path for app in CATALOGUES for path in app.parents[3].rglob("*.py")]
    sources = [path for path in modules if "tests" not in path.relative_to(ROOT).parts]

    assert not [f"{path}: {text}" for path in sources for text in _marked(path) - known]


def _marked(path: Path) -> set[str]:
    """What a module gives to gettext, under its usual name."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    marks = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
    first = [
        call.args[0]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in marks and call.args
    ]
    return {text.value for text in first if isinstance(text, ast.Constant)}


def test_description_of_the_main_job_is_translated():
    with translation.override("fa"):
        assert registry.get(f"tasks.{MAIN_JOB}").description_shown.startswith("کارهای ناتمام")


def _key(entry: polib.POEntry | polib.MOEntry) -> tuple[str, ...]:
    return (entry.msgctxt or "", entry.msgid, entry.msgid_plural or "")


def _words(catalogue: polib.POFile | polib.MOFile) -> dict[tuple[str, ...], object]:
    return {_key(entry): entry.msgstr_plural or entry.msgstr for entry in catalogue}


# The pages


@pytest.fixture
def persian() -> Iterator[None]:
    """What a page activates ends with the test."""
    with translation.override("fa"):
        yield


def _newest(**fields: object) -> int:
    return Execution.objects.filter(**fields).latest("pk").pk


PAGES: dict[str, Callable[[], tuple[str, list[object]]]] = {
    "start": lambda: ("index", []),
    "process list": lambda: ("automation_process_changelist", []),
    "process add form": lambda: ("automation_process_add", []),
    "process form": lambda: ("automation_process_change", [_main_job().pk]),
    "process run form": lambda: ("automation_process_run", [_main_job().pk]),
    "process history": lambda: ("automation_process_history", [_main_job().pk]),
    "execution list": lambda: ("automation_execution_changelist", []),
    "completed": lambda: (
        "automation_execution_change",
        [_newest(process=_main_job(), kind="run")],
    ),
    "preview": lambda: ("automation_execution_change", [_newest(kind="preview")]),
    "failed": lambda: ("automation_execution_change", [_newest(status=Status.FAILED)]),
    "running": lambda: ("automation_execution_change", [_newest(status=Status.RUNNING)]),
    "skipped": lambda: ("automation_execution_change", [_newest(status=Status.SKIPPED)]),
    "undo": lambda: ("automation_execution_undo", [_newest(process=_main_job(), kind="run")]),
    "task list": lambda: ("tasks_task_changelist", []),
    "task add form": lambda: ("tasks_task_add", []),
    "task form": lambda: ("tasks_task_change", [Task.objects.get().pk]),
}


def _main_job() -> Process:
    return Process.objects.get(name=MAIN_JOB)


@pytest.fixture
def something_of_everything(db: None) -> None:
    TaskFactory(name="گزارش", due_at="2026-01-01T08:00:00Z")
    preview(MAIN_JOB)
    run(MAIN_JOB)
    run("probes.write_then_raise")
    busy = ProcessFactory(function="probes.talk", cron="*/5 * * * *", is_enabled=False)
    ahead = ExecutionFactory(process=busy, running=True)
    ExecutionFactory(
        process=busy,
        status=Status.SKIPPED,
        reason="still_running",
        reason_data={"execution": ahead.pk},
        completed_at=ahead.started_at,
    )
    process = _main_job()
    process.cron = "0 8 * * *"
    process.save()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.usefixtures("something_of_everything", "persian")
def test_page_says_nothing_of_ours_in_english(name: str, admin_client: Client):
    view, arguments = PAGES[name]()

    response = admin_client.get(
        reverse(f"admin:{view}", args=arguments), headers={"accept-language": "fa"}
    )

    assert response.status_code == 200
    assert re.search(r'<html lang="fa" dir="rtl"', response.text)
    said = _said_by(response.text)
    assert not [english for english in _english() if english in said]


def test_page_of_a_busy_database_needs_none_to_speak_persian(persian):
    busy = DatabaseBusyMiddleware(lambda request: HttpResponse())

    response = busy.process_exception(RequestFactory().get("/"), OperationalError("away"))

    assert '<html lang="fa" dir="rtl"' in response.text
    assert "پایگاه داده مشغول است" in response.text


@pytest.mark.sqlite
@pytest.mark.django_db
def test_page_of_a_busy_database_names_in_persian_who_writes(persian):
    process = _main_job()
    ExecutionFactory(process=process, function=process.function, running=True)
    busy = DatabaseBusyMiddleware(lambda request: HttpResponse())
    request = RequestFactory().get("/")
    request.user = UserFactory(is_superuser=True)

    response = busy.process_exception(request, OperationalError("locked"))

    assert f"اجرای {MAIN_JOB}" in response.text
    assert not [english for english in _english() if english in _said_by(response.text)]


def _english() -> set[str]:
    """What the catalogues translate, without what is filled in."""
    entries = chain.from_iterable(polib.pofile(str(path)) for path in CATALOGUES)
    texts = chain.from_iterable((entry.msgid, entry.msgid_plural) for entry in entries)
    parts = chain.from_iterable(re.split(rf"{PLACEHOLDER.pattern}|<[^>]*>", text) for text in texts)
    said = {part.strip() for part in parts if len(part.strip()) > TELLING}
    # Its process was made with this as its own description, which anybody may change.
    return said - {registry.get(f"tasks.{MAIN_JOB}").description}


def _said_by(html: str) -> str:
    """What a person reads or hears: text and labels, without code and what somebody typed."""
    html = re.sub(r"<(script|style|code|pre|textarea)\b.*?</\1>", " ", html, flags=re.DOTALL)
    labels = re.findall(r'\b(?:aria-label|title|placeholder|value)="([^"]*)"', html)
    return unescape(" ".join([re.sub(r"<[^>]*>", " ", html), *labels]))
