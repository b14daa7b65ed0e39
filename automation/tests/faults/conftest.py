"""Real nodes, to be killed, and a journal of what ran on them."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection

from automation.tests.faults.server import Server
from automation.tests.faults.truth import LONG, Journal
from automation.tests.faults.wire import Wire
from conftest import ROOT, Child, url_of, wait_until

#: Seconds; a node that is silent for so long has lost what it ran.
LEASE = 5


class Node(Child):
    """A qcluster whose parts can be told apart."""

    @property
    def parent(self) -> int:
        return self.process.pid

    @property
    def dispatcher(self) -> int:
        """The child that has children."""
        wait_until(lambda: any(map(self.children_of, self.parts)), LONG, self)
        return next(pid for pid in self.parts if self.children_of(pid))

    @property
    def clock(self) -> int:
        wait_until(lambda: len(self.parts) == 2, LONG, self)
        dispatcher = self.dispatcher
        return next(pid for pid in self.parts if pid != dispatcher)

    @property
    def workers(self) -> list[int]:
        """All of them, once there are as many as there should be."""
        wait_until(lambda: len(self.children_of(self.dispatcher)) >= 2, LONG, self)
        return self.children_of(self.dispatcher)

    @property
    def parts(self) -> list[int]:
        return self.children_of(self.parent)

    def signal_all(self, number: int) -> None:
        """To everything there is, the parent first; the first to go take others with them."""
        for pid in self.tree:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def start_node(
    transactional_db: None, environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[..., Node]]:
    """Start a qcluster on the database that the test is connected to; it is killed at the end."""
    nodes: list[Node] = []

    def start(*options: str, wait_for: str = "running.", **variables: str) -> Node:
        url = url_of(str(connection.settings_dict["NAME"]))
        env = {**environment, "DATABASE_URL": url, "TESTS_LEASE": str(LEASE), **variables}
        command = [sys.executable, str(ROOT / "manage.py"), "qcluster", *options]
        nodes.append(Node(command, env, tmp_path / f"node-{len(nodes)}.log"))
        nodes[-1].wait_for(wait_for, LONG)
        return nodes[-1]

    yield start
    for node in nodes:
        if node.process.poll() is None:
            node.signal_all(signal.SIGCONT)
        node.kill()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def server(transactional_db: None, shared_server: Server) -> Iterator[Server]:
    """A PostgreSQL server to be killed; the test is connected to a database of its own there."""
    with shared_server.connected():
        yield shared_server


@pytest.fixture
def wire(transactional_db: None) -> Iterator[Wire]:
    """What a node started with `DATABASE_URL=wire.url` has between itself and its server."""
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def node(start_node: Callable[..., Node]) -> Node:
    return start_node()
