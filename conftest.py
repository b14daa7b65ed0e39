"""What every test can use: the right database, real commands and a real qcluster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import hypothesis
import pytest
from django.conf import settings
from django.db import connection

from automation.database import driver

ROOT = Path(__file__).parent

pytest_plugins = ["automation.testing"]

# How fast this machine makes examples, or tries one, says nothing of the code.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

Manage = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the other database; its own run has it."""
    other = "sqlite" if connection.vendor == "postgresql" else "postgresql"
    left_out = [item for item in items if item.get_closest_marker(other)]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_report_header() -> str:
    return f"database: {connection.vendor}, by {driver.named()}"


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("CI"):
        terminalreporter.write_line("In CI a skipped test is a failure.", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def url_of(name: str) -> str:
    """The DATABASE_URL of another database on the server of the tests, or of an SQLite file."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    config = connection.settings_dict
    login = config["USER"] + (f":{config['PASSWORD']}" if config["PASSWORD"] else "")
    host, options = config["HOST"], config.get("OPTIONS", {})
    port = f":{config['PORT']}" if config["PORT"] else ""
    query = f"?host={options['host']}" if "host" in options else ""
    return f"postgres://{login}@{host}{port}/{name}{query}"


@pytest.fixture
def environment() -> dict[str, str]:
    """For child processes: the defaults of every setting, whatever this machine's `.env` says."""
    # Coverage is measured in them too.
    names = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_CONFIG")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    example = (ROOT / ".env.example").read_text()
    pairs = (line.split("=", 1) for line in example.splitlines() if line[:1].isalpha())
    return {
        **kept,
        **dict(pairs),
        "SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "behflow.tests.settings",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def test_database(transactional_db: None, environment: dict[str, str]) -> dict[str, str]:
    """An environment whose DATABASE_URL is the database of this very test."""
    return {**environment, "DATABASE_URL": url_of(str(connection.settings_dict["NAME"]))}


@pytest.fixture
def empty_database(
    environment: dict[str, str],
    tmp_path: Path,
    django_db_blocker: pytest.FixtureRequest,
    django_db_setup: None,
) -> Iterator[dict[str, str]]:
    """An environment whose DATABASE_URL is a database with nothing in it, not even tables."""
    if connection.vendor == "sqlite":
        yield {**environment, "DATABASE_URL": url_of(str(tmp_path / "empty.sqlite3"))}
        return
    name = f"empty_{uuid4().hex[:12]}"
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        yield {**environment, "DATABASE_URL": url_of(name)}
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def manage(test_database: dict[str, str]) -> Manage:
    """Run a management command in a process of its own, on the database of the test."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(
            command, env=test_database, capture_output=True, text=True, timeout=60, check=False
        )

    return run


class Child:
    """A command in the background whose output can be waited for."""

    def __init__(self, command: list[str], env: dict[str, str], output: Path) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                command, env=env, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_for(self, text: str, seconds: float = 30) -> str:
        wait_until(lambda: text in self.text or self.process.poll() is not None, seconds, self)
        assert text in self.text, self.text
        return self.text

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def tree(self) -> list[int]:
        """The ids of the process and of all that it has started, directly or not, and that lives."""
        parents = parents_of_the_living()
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return [pid for pid in found if pid in parents]

    def children_of(self, pid: int) -> list[int]:
        return sorted(child for child, parent in parents_of_the_living().items() if parent == pid)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill what is left of it and of its session."""
        left = self.tree
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def __str__(self) -> str:
        return self.text


class Row(NamedTuple):
    """What the system says of a process; `state` is Z of a zombie."""

    pid: int
    parent: int
    state: str
    command: str


def processes() -> list[Row]:
    """Every process. A small Linux has no `ps`, another system no /proc."""
    folder = Path("/proc")
    if (folder / "self" / "stat").exists():
        found = [_row_of(entry) for entry in folder.iterdir() if entry.name.isdigit()]
        return [row for row in found if row]
    listed = subprocess.check_output(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], text=True, errors="replace"
    )
    rows = [line.split(maxsplit=3) for line in listed.splitlines()]
    return [
        Row(int(pid), int(parent), state[0], *rest) for pid, parent, state, *rest in rows if rest
    ]


def _row_of(folder: Path) -> Row | None:
    """None of a process that is gone."""
    try:
        # Its name stands in brackets, and may hold some itself.
        state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (OSError, ValueError):
        return None
    return Row(int(folder.name), int(parent), state, command)


def parents_of_the_living() -> dict[int, int]:
    """The parent of each process that is no zombie."""
    return {row.pid: row.parent for row in processes() if row.state != "Z"}


def wait_until(condition: Callable[[], object], seconds: float = 30, why: object = "") -> None:
    """Return as soon as the condition holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain. {why}"
        time.sleep(0.05)


@pytest.fixture
def qcluster(test_database: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Start a real qcluster on the database of the test; it is stopped at the end.

    Takes options of the command, and variables of its environment.
    """
    children: list[Child] = []

    def start(*options: str, wait_for: str = "running.", **variables: str) -> Child:
        command = [sys.executable, str(ROOT / "manage.py"), "qcluster", *options]
        output = tmp_path / f"qcluster-{len(children)}.log"
        children.append(Child(command, {**test_database, **variables}, output))
        children[-1].wait_for(wait_for)
        return children[-1]

    yield start
    for child in children:
        child.stop()
