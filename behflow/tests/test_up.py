"""`manage.py up`, as a newcomer starts it: a real web server, real workers, an empty database."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest

from behflow.tests.test_supervisor import is_alive
from conftest import ROOT, Child, processes, wait_until

Start = Callable[..., Child]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up(empty_database: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    children: list[Child] = []

    def start(port: int, *options: str) -> Child:
        command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(port), *options]
        children.append(Child(command, empty_database, tmp_path / f"up-{len(children)}"))
        return children[-1]

    yield start
    for child in children:
        child.stop()


def descendants(pid: int) -> set[int]:
    parents = {row.pid: row.parent for row in processes()}
    found, newest = set[int](), {pid}
    while newest:
        newest = {child for child, parent in parents.items() if parent in newest} - found
        found |= newest
    return found


def whole_family(child: Child) -> set[int]:
    """gunicorn and its two workers; qcluster, its clock, its dispatcher and that one's workers."""
    wait_until(lambda: len(descendants(child.process.pid)) >= 8, seconds=60, why=child)
    return descendants(child.process.pid)


def stop(child: Child, number: int, code: int = 0) -> None:
    tree = whole_family(child)
    begun = time.monotonic()
    assert child.stop(number) == code, child.text
    assert time.monotonic() - begun < 20
    wait_until(lambda: not any(is_alive(pid) for pid in tree))


def log_in(port: int, password: str) -> str:
    """Return the admin's first page, as `admin` sees it."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    url = f"http://127.0.0.1:{port}/admin/login/?next=/admin/"
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', browser.open(url).read().decode())
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token[1]}
    return browser.open(url, urlencode(form).encode()).read().decode()


def test_first_start_shows_moved_tasks_and_a_second_repeats_nothing(up):
    port = free_port()
    first = up(port, "--demo")
    text = first.wait_for("Ctrl-C stops it", seconds=90)

    assert re.search(r'"tasks_found": (\d+), "tasks_rescheduled": \1,', text)
    last = text.splitlines()[-1]
    password = re.fullmatch(r"Log in as admin with the password (\S+) \(shown this once\)\.", last)
    assert password, text
    assert len(text.splitlines()) < 25, text
    assert "Tasks and processes" in log_in(port, password[1])
    with urlopen(f"http://127.0.0.1:{port}/static/admin/css/base.css") as style:
        assert style.status == 200
    stop(first, signal.SIGTERM)

    second = up(port, "--demo")
    text = second.wait_for("Ctrl-C stops it", seconds=60)

    assert "changepassword" in text
    assert "with the password" not in text
    assert "Demo data" not in text
    assert "tasks_found" not in text
    stop(second, signal.SIGINT)


def manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    env = {**environment, "DJANGO_SUPERUSER_PASSWORD": "pass"}
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return done.stdout


def test_demo_and_first_run_are_refused_on_somebody_s_database(up, empty_database):
    manage(empty_database, "migrate", "-v0")
    superuser = ("createsuperuser", "--noinput", "--username=boss", "--email=boss@example.org")
    manage(empty_database, *superuser)

    child = up(free_port(), "--demo")
    text = child.wait_for("Ctrl-C stops it", seconds=60)

    assert "No demo data and no first run: this database already holds 1 user" in text
    assert "with the password" not in text
    assert "tasks_found" not in text
    stop(child, signal.SIGTERM)
    assert '"last_status": null' in manage(empty_database, "list_processes", "--json")


def test_start_that_fails_half_way_leaves_no_process(up, empty_database):
    manage(empty_database, "migrate", "-v0")
    code = "from django.contrib.auth.models import User; User.objects.create_user('admin')"
    manage(empty_database, "shell", "-v0", "-c", code)

    child, tree = up(free_port()), set[int]()
    while child.process.poll() is None:
        tree |= descendants(child.process.pid)

    assert child.process.returncode == 1
    assert len(tree) >= 2
    assert "No active superuser is left, and 'admin' is taken" in child.text
    assert not any(is_alive(pid) for pid in tree)


def test_site_that_is_not_served_on_loopback_names_starts_all_the_same(up, empty_database):
    empty_database |= {"ALLOWED_HOSTS": "b.example.org", "SITE_URL": "https://b.example.org"}
    empty_database["HTTPS"] = "on"

    child = up(free_port())

    assert "with the password" in child.wait_for("Ctrl-C stops it", seconds=60)
    stop(child, signal.SIGTERM)


def test_end_of_the_workers_ends_the_web_server_too(up):
    child = up(free_port())
    child.wait_for("Ctrl-C stops it", seconds=60)
    tree = whole_family(child)
    (workers,) = [
        row.pid
        for row in processes()
        if row.parent == child.process.pid and " qcluster" in row.command
    ]

    os.kill(workers, signal.SIGKILL)

    assert child.process.wait(20) == 1
    assert "qcluster ended with code -9." in child.text
    wait_until(lambda: not any(is_alive(pid) for pid in tree), seconds=5)


def test_processes_are_listed_where_there_is_no_ps(monkeypatch):
    if not Path("/proc/self/stat").exists():
        pytest.skip("Without /proc there is ps.")
    monkeypatch.setenv("PATH", "/nowhere")

    (own,) = [row for row in processes() if row.pid == os.getpid()]

    assert (own.parent, own.state) == (os.getppid(), "R")
    assert sys.executable.rpartition("/")[2] in own.command


@pytest.mark.parametrize(
    ("port", "why"),
    [
        ("abc", "The port is 'abc'; it must be a whole number from 1 to 65535."),
        ("80 80", "The port is '80 80'; it must be a whole number"),
        ("0", "The port is '0'; it must be a whole number"),
        ("65536", "The port is '65536'; it must be a whole number"),
        ("", "The port is ''; it must be a whole number"),
    ],
)
def test_port_that_is_none_is_one_sentence(empty_database, port, why):
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", port]
    done = subprocess.run(command, env=empty_database, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith(f"CommandError: {why}")
    assert done.stderr.count("\n") == 1


def test_port_in_use_is_refused_before_anything_is_done(up):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        child = up(port)

        assert child.process.wait(30) == 1
        assert f"Port {port} cannot be used" in child.text
        assert "up to date" not in child.text


def test_database_that_does_not_answer_is_one_sentence(tmp_path, environment):
    environment["DATABASE_URL"] = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(free_port())]

    child = Child(command, environment, tmp_path / "up")

    assert child.process.wait(30) == 1
    assert "The database does not answer. Check DATABASE_URL: conn" in child.text
    assert "connection to server at" in child.text
    assert "Traceback" not in child.text
