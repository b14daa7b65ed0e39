"""The engine, installed as the document says, in a new project with a user model of its own."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from behflow.tests.documents import DOCS, blocks
from conftest import ROOT, Child, wait_until

Run = Callable[..., str]

#: Besides what the document says.
SETTINGS = """
import environ

INSTALLED_APPS += ["people", "shop"]
AUTH_USER_MODEL = "people.Person"
ALLOWED_HOSTS = ["testserver"]
DATABASES = {"default": environ.Env().db("DATABASE_URL")}
"""

PEOPLE = """
from django.contrib.auth.models import AbstractUser

class Person(AbstractUser):
    nickname = None
"""

LOOK = """
from django.test import Client
from people.models import Person

client = Client()
client.force_login(Person.objects.get(username="boss"))
for page in ("process/", "process/1/change/", "execution/", "execution/1/change/"):
    response = client.get(f"/admin/automation/{page}")
    print(page, response.status_code, "count_people" in response.text)
print(client.post("/admin/automation/process/1/run/").status_code)
"""

#: Work of the project's own, beside a process that waits for a worker and one that is due.
OWN_WORK = """
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

async_task("math.sqrt", 4)
Schedule.objects.create(name="own", func="math.sqrt", args="9", next_run=timezone.now())
Schedule.objects.filter(name="process:1").update(next_run=timezone.now())
"""

#: django-q2's own scheduler, once; and what it has.
SCHEDULE = """
from django.contrib.auth.models import Group, Permission
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler

print(sorted(Schedule.objects.values_list("name", flat=True)))
print(Permission.objects.filter(content_type__app_label="automation").count(), Group.objects.count())
scheduler()
print(sorted(message.func() for message in OrmQ.objects.all()))
"""

RESULTS = """
from django_q.models import Task

print(sorted((task.func, task.success, task.result) for task in Task.objects.all()))
"""

#: The settings of the project without the engine.
WITHOUT = """
from site_of_others.settings import *

INSTALLED_APPS.remove("automation")
del AUTOMATION
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder into which pip installed the engine from this checkout."""
    folder = tmp_path / "installed"
    offline = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "-q", *offline, "--target", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, timeout=120)
    return folder


@pytest.fixture
def project(
    tmp_path: Path, installed: Path, empty_database: dict[str, str]
) -> tuple[Path, dict[str, str], Run]:
    folder = tmp_path / "project"
    folder.mkdir()
    environment = {**empty_database, "DJANGO_SETTINGS_MODULE": "site_of_others.settings"}
    environment["PYTHONPATH"] = str(installed)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(
        "-m",
        "django",
        "startproject",
        "site_of_others",
        ".",
        "--settings=django.conf.global_settings",
    )
    for app in ("people", "shop"):
        (folder / app / "migrations").mkdir(parents=True)
        (folder / app / "__init__.py").touch()
        (folder / app / "migrations" / "__init__.py").touch()
    (folder / "people" / "models.py").write_text(PEOPLE)
    written = {block.title: block.text for block in blocks("how-to/add-to-your-project.md")}
    (folder / "shop" / "processes.py").write_text(written["shop/processes.py"])
    with (folder / "site_of_others" / "settings.py").open("a") as settings:
        settings.write(written["settings.py"] + SETTINGS)
    run("manage.py", "makemigrations", "people")
    return folder, environment, run


def test_engine_works_in_a_project_that_knows_nothing_of_behflow(project, tmp_path):
    folder, environment, run = project
    # What was made from the engine's own migrations must not differ from its models here.
    run("manage.py", "makemigrations", "--check", "--dry-run", "automation")
    run("manage.py", "check", "--fail-level", "WARNING")
    run("manage.py", "migrate", "-v0")
    run(
        "manage.py",
        "shell",
        "-v0",
        "-c",
        "from people.models import Person; "
        "Person.objects.create_superuser('boss', 'boss@example.org', 'pass')",
    )

    listed = run("manage.py", "list_processes")
    assert "count_people" in listed
    assert "At 03:00" in listed

    command = [sys.executable, str(folder / "manage.py"), "qcluster"]
    cluster = Child(command, environment, tmp_path / "qcluster.log")
    try:
        cluster.wait_for("running.")
        done = run("manage.py", "run_process", "count_people", "--queue", "--wait", "30", "--json")
    finally:
        assert cluster.stop() == 0
    assert '"people": 1' in done

    assert run("manage.py", "shell", "-v0", "-c", LOOK).splitlines() == [
        "process/ 200 True",
        "process/1/change/ 200 True",
        "execution/ 200 True",
        "execution/1/change/ 200 True",
        "302",
    ]
    take_out(folder, environment, run)


def take_out(folder: Path, environment: dict[str, str], run: Run) -> None:
    """Remove the engine as the document says; django-q2 is left, with the project's own work."""
    run("manage.py", "run_process", "count_people", "--queue")
    run("manage.py", "shell", "-v0", "-c", OWN_WORK)
    text = (DOCS / "how-to" / "remove.md").read_text()
    commands = re.findall(r"^ +(?:\$ )?python (manage\.py .*)$", text, re.M)
    undo = commands.index("manage.py migrate automation zero")
    run(*shlex.split(commands[undo]))

    (folder / "site_of_others" / "without.py").write_text(WITHOUT)
    environment["DJANGO_SETTINGS_MODULE"] = "site_of_others.without"
    for command in commands[undo + 1 :]:
        run(*shlex.split(command))
    assert run("manage.py", "shell", "-v0", "-c", SCHEDULE).splitlines() == [
        "['own']",
        "0 0",
        "['math.sqrt', 'math.sqrt']",
    ]
    done = str([("math.sqrt", True, result) for result in (2.0, 3.0)])
    command = [sys.executable, str(folder / "manage.py"), "qcluster"]
    stock = Child(command, environment, folder / "stock.log")
    try:
        wait_until(
            lambda: run("manage.py", "shell", "-v0", "-c", RESULTS).strip() == done,
            seconds=90,
            why=stock,
        )
    finally:
        stock.kill()

    environment["DJANGO_SETTINGS_MODULE"] = "site_of_others.settings"
    run("manage.py", "migrate", "-v0")
    assert "count_people" in run("manage.py", "list_processes")
