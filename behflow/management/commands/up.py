"""`manage.py up`: the whole of Behflow in one terminal."""

import json
import re
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from automation.models import Execution
from behflow.supervisor import Supervisor
from tasks import demo

ADMIN = "admin"
#: The name of the child that runs processes.
WORKERS = "qcluster"
MAIN_JOB = "reschedule_remaining_tasks"
#: Seconds that requests have at the end; less than the supervisor waits.
WEB_GRACE = 6
#: Seconds that the web server has to answer, and the workers have to run the main job once.
LONGEST_WAIT = 60


class Command(BaseCommand):
    help = "Migrate, then run the web server and the workers together until Ctrl-C or SIGTERM."
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", default="8000", help="Of the web server; by default 8000.")
        parser.add_argument(
            "--demo",
            action="store_true",
            help="Load demo data into an empty database and run the main job once.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        port = _port_of(str(options["port"]))
        _refuse_used_port(port)
        supervisor = Supervisor(self._say)
        supervisor.listen()
        self._migrate()
        first_run = options["demo"] and self._load_demo()
        if supervisor.is_stopping:
            return
        supervisor.start(_commands(port), with_work=[WORKERS])
        try:
            self._greet(supervisor, port, first_run)
        except BaseException:
            supervisor.stop()
            raise
        code = supervisor.watch()
        if code:
            raise SystemExit(code)

    def _greet(self, supervisor: Supervisor, port: int, first_run: bool) -> None:
        """Print what a person needs to begin, once the web server answers."""
        if not self._web_server_answers(supervisor, port):
            return
        if first_run:
            self._run_main_job(supervisor)
        login = self._create_first_user()
        self._say(f"Behflow is at http://127.0.0.1:{port}/ — Ctrl-C stops it.\n{login}")

    def _say(self, line: str) -> None:
        with suppress(OSError):  # The terminal may be gone; the children still have to be ended.
            self.stdout.write(line)
            self.stdout.flush()

    def _migrate(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        self._say("The database is up to date.")

    def _create_first_user(self) -> str:
        """Create a superuser where there is none; return how to log in."""
        users = get_user_model().objects
        if users.filter(is_superuser=True, is_active=True).exists():
            return "Log in as before; `.venv/bin/python manage.py changepassword NAME` sets a new password."
        if users.filter(username=ADMIN).exists():
            raise CommandError(
                f"No active superuser is left, and {ADMIN!r} is taken: run createsuperuser."
            )
        password = secrets.token_urlsafe(12)
        users.create_superuser(ADMIN, f"{ADMIN}@{demo.DOMAIN}", password)
        return f"Log in as {ADMIN} with the password {password} (shown this once)."

    def _load_demo(self) -> bool:
        """Load demo data into an empty database; return whether the first run is still to come."""
        if Execution.objects.exists() and demo.is_loaded():
            return False
        held = demo.strangers() or ("a history of runs" if Execution.objects.exists() else "")
        if held:
            self._say(
                f"No demo data and no first run: this database already holds {held}, and demo data "
                "is for an empty one."
            )
            return False
        if not demo.is_loaded():
            with transaction.atomic():
                count = demo.load()
            self._say(f"Demo data: {count} tasks.")
        return True

    def _web_server_answers(self, supervisor: Supervisor, port: int) -> bool:
        """Wait until the web server gives any answer; which one depends on the settings."""
        deadline = time.monotonic() + LONGEST_WAIT
        while not supervisor.is_stopping and time.monotonic() < deadline:
            try:
                server = HTTPConnection("127.0.0.1", port, timeout=1)
                server.request("GET", "/", headers={"Host": urlsplit(settings.SITE_URL).netloc})
                server.getresponse()
            except (HTTPException, OSError):
                time.sleep(0.2)
            else:
                return True
        if not supervisor.is_stopping:
            self._say(
                f"The web server has not answered for {LONGEST_WAIT} s; the lines above say why."
            )
        return False

    def _run_main_job(self, supervisor: Supervisor) -> None:
        """Have the workers run the main job, as the admin's button does, and print its result."""
        command = ["run_process", MAIN_JOB, "--queue", "--wait", str(LONGEST_WAIT), "--json"]
        with subprocess.Popen(_manage(command), stdout=subprocess.PIPE) as job:  # noqa: S603
            while job.poll() is None and not supervisor.is_stopping:
                time.sleep(0.1)
            if job.poll() is None:
                job.kill()
                return
            self._say(_first_run_in_words(job.stdout.read() if job.stdout else b""))


def _first_run_in_words(output: bytes) -> str:
    try:
        execution = json.loads(output)
    except ValueError:
        return f"{MAIN_JOB} could not be started; the lines above say why."
    if execution["status"] != "completed":
        return f"{MAIN_JOB}: {execution['status']}. {execution['error'] or execution['reason']}"
    result = execution["result"]
    # By their names: PostgreSQL does not keep the order of keys.
    names = ("success", "tasks_found", "tasks_rescheduled", "execution_time")
    shown = {name: result[name] for name in names}
    first = "".join(
        f"\n  {task['name']} ({task['owner']}): {task['old_due_at'][:16]} → {task['new_due_at'][:16]}"
        for task in result["task_details"][:3]
    )
    return f"{MAIN_JOB}: {json.dumps(shown)}, for example{first}"


def _manage(arguments: list[str]) -> list[str]:
    return [sys.executable, str(Path(settings.BASE_DIR, "manage.py")), *arguments]


def _commands(port: int) -> dict[str, list[str]]:
    gunicorn = ["gunicorn", "behflow.wsgi", "--bind", f"127.0.0.1:{port}"]
    gunicorn += ["--workers", "2", "--threads", "4", "--preload", "--no-control-socket"]
    gunicorn += ["--graceful-timeout", str(WEB_GRACE)]
    gunicorn += ["--log-level", "warning", "--chdir", str(settings.BASE_DIR)]
    return {
        "The web server": ["-m", *gunicorn],
        WORKERS: _manage(["qcluster"])[1:],
    }


def _port_of(text: str) -> int:
    port = int(text) if re.fullmatch(r"\d{1,5}", text) else 0
    if not 1 <= port <= 65_535:
        raise CommandError(f"The port is {text!r}; it must be a whole number from 1 to 65535.")
    return port


def _refuse_used_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). Choose another: PORT=8001 make run, "
                "or manage.py up --port 8001."
            ) from error
