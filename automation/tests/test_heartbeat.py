"""The heartbeat: requested while the node is healthy, and only then."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from automation.cluster import heartbeat
from automation.cluster.heartbeat import Heartbeat
from automation.engine.run import lease
from conftest import ROOT, Child, wait_until

# The monitor is a thread of the test; the forked child touches nothing of it.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


class Monitor(ThreadingHTTPServer):
    """An address on this machine that counts its requests."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ping/secret"


class _Handler(BaseHTTPRequestHandler):
    server: Monitor

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with Monitor() as server:
        yield server
        server.shutdown()


@pytest.fixture
def beat(settings, monitor) -> Iterator[Heartbeat]:
    settings.AUTOMATION = {**settings.AUTOMATION, "HEARTBEAT_URL": monitor.url}
    heart = Heartbeat()
    yield heart
    heart.stop()


def ask(heart: Heartbeat, *spoke_at: float | None) -> int:
    """Look, wait for the request if there is one; return whether there was."""
    heart.look(spoke_at)
    if heart.child is None:
        return 0
    wait_until(lambda: not heart.child.is_alive)
    heart.look([None])  # It takes note.
    return 1


def test_heartbeat_is_sent_once_a_minute_while_every_part_speaks(beat, monitor, monkeypatch):
    now = lease.now()

    assert ask(beat, now, now) == 1
    assert ask(beat, now, now) == 0
    monkeypatch.setattr(lease, "now", lambda: now + 61)
    assert ask(beat, now + 60, now + 60) == 1

    assert monitor.requests == ["/ping/secret"] * 2


@pytest.mark.parametrize("ago", [31, None], ids=["silent since", "never spoke"])
def test_heartbeat_is_not_sent_while_a_part_is_silent(beat, monitor, ago):
    now = lease.now()

    assert ask(beat, now, now - ago if ago else None) == 0

    assert monitor.requests == []


def test_dispatcher_of_a_long_lease_may_be_silent_for_longer(settings, monitor, beat):
    settings.AUTOMATION = {**settings.AUTOMATION, "LEASE": 600}

    length = lease.length()

    assert Heartbeat().recent == (240 if length else 30)


def test_failed_request_says_why_without_the_secret_address(monitor, caplog):
    monitor.status = 404

    with pytest.raises(SystemExit):
        heartbeat.request(monitor.url)
    with pytest.raises(SystemExit):
        heartbeat.request(monitor.url, is_quiet=True)

    (said,) = caplog.messages
    assert "The heartbeat cannot be sent" in said
    assert "404" in said
    assert "secret" not in said


def test_heartbeat_that_failed_goes_on_and_says_when_it_is_heard_again(
    beat, monitor, monkeypatch, caplog
):
    start = lease.now()
    caplog.set_level("INFO")
    failing = []
    for minute, status in enumerate([404, 500, 200, 200]):
        monitor.status = status
        at = start + 61 * minute
        monkeypatch.setattr(lease, "now", lambda at=at: at)
        ask(beat, at, at)
        failing.append(beat.is_failing)

    assert failing == [True, True, False, False]
    assert caplog.messages == ["The heartbeat is sent again."]


def test_address_that_never_answers_is_given_up_and_not_waited_for(settings, monkeypatch):
    monkeypatch.setattr(heartbeat, "TIME_LIMIT", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        settings.AUTOMATION = {**settings.AUTOMATION, "HEARTBEAT_URL": url}
        heart = Heartbeat()
        began = time.monotonic()

        heart.look([lease.now()])

        assert time.monotonic() - began < heartbeat.TIME_LIMIT
        assert ask(heart, lease.now()) == 1
        assert heart.is_failing


def test_nothing_is_requested_where_no_address_is_set(settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "HEARTBEAT_URL": ""}

    assert ask(Heartbeat(), lease.now()) == 0


# A real node, whose minute is half a second

QUICK = """
from django.conf import settings
from django.core.management import execute_from_command_line
settings.AUTOMATION["LEASE"] = 24
from automation.cluster import heartbeat
heartbeat.EVERY, heartbeat.RECENT = 0.5, 7
execute_from_command_line(["manage.py", "qcluster"])
"""


@pytest.fixture
def node(test_database, tmp_path: Path) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(**variables: str) -> Child:
        script = tmp_path / "quick.py"
        script.write_text(QUICK)
        environment = {**test_database, **variables, "PYTHONPATH": str(ROOT)}
        child = Child([sys.executable, str(script)], environment, tmp_path / "node.log")
        children.append(child)
        child.wait_for("running.")
        return child

    yield start
    for child in children:
        child.stop()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", [0, 1], ids=["dispatcher", "clock"])
def test_node_is_alive_until_its_dispatcher_or_its_clock_hangs(node, monitor, place):
    child = node(HEARTBEAT_URL=monitor.url)
    wait_until(lambda: len(monitor.requests) >= 3, why=child)
    part = child.children_of(child.process.pid)[place]

    os.kill(part, signal.SIGSTOP)
    wait_until(lambda: _is_quiet(monitor), seconds=30, why=child)
    with suppress(ProcessLookupError):  # On PostgreSQL a silent dispatcher is killed in the end.
        os.kill(part, signal.SIGCONT)

    heard = len(monitor.requests)
    wait_until(lambda: len(monitor.requests) > heard, seconds=30, why=child)
    assert child.stop() == 0
    assert child.tree == []


def _is_quiet(monitor: Monitor, seconds: float = 3) -> bool:
    heard = len(monitor.requests)
    time.sleep(seconds)
    return len(monitor.requests) == heard
