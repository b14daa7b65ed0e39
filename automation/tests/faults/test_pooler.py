"""A node behind PgBouncer, which lends sessions: for as long as a client stays, or a transaction."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from automation.models import Status
from automation.tests.faults.pooler import Pooler
from automation.tests.faults.truth import LONG, assert_all_is_well, wait_for
from automation.tests.faults.wire import Wire
from conftest import ROOT, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def behind(wire: Wire) -> Iterator[Callable[[str], Pooler]]:
    """Start a pooler of a mode."""
    started: list[Pooler] = []

    def start(mode: str) -> Pooler:
        started.append(Pooler(mode, wire))
        return started[-1]

    yield start
    for pooler in started:
        pooler.close()


def limits_that_others_see(pooler: Pooler, clients: int = 12) -> set[str]:
    """The limit for statements in the sessions of the pool, which so many clients have at once."""
    seen, held = set(), []
    driver: Any = connection
    for _ in range(clients):
        held.append(driver.Database.connect(pooler.url))
        with held[-1].cursor() as cursor:  # A transaction, so that each has a session of its own.
            cursor.execute("SELECT current_setting('statement_timeout')")
            seen.add(cursor.fetchone()[0])
    for one in held:
        one.close()
    return seen


def what_check_says(pooler: Pooler, environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "check", "--database", "default"],
        env={**environment, "DATABASE_URL": pooler.url},
        capture_output=True,
        text=True,
        check=True,
    ).stderr


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_node_behind_a_pooler_works_and_tells_no_other_client_a_limit(
    mode, behind, start_node, journal, environment
):
    pooler = behind(mode)
    sleeping = ("sleep_in_the_database", "sleep_in_the_database_not_atomic")
    late = [journal.launch_of(journal.foreign(name, 1)) for name in sleeping]
    node = start_node(DATABASE_URL=pooler.url)

    for execution in late:
        assert wait_for(execution, Status.TIMED_OUT, why=node).reason == ""
    for _ in range(4):
        wait_for(journal.launch(time_limit=7), Status.COMPLETED, why=node)
    assert limits_that_others_see(pooler) == {"0"}
    hears_nothing = mode == "transaction"
    if hears_nothing:
        wait_until(lambda: "LISTEN hears nothing" in node.text, LONG, node)
    assert ("LISTEN hears nothing" in node.text) == hears_nothing
    assert ("automation.W006" in what_check_says(pooler, environment)) == hears_nothing
    assert_all_is_well(journal, node)
    records = re.split(r"^(?=\d{4}-\d\d-\d\d )", node.text, flags=re.MULTILINE)
    failures = [record for record in records if "Traceback" in record]
    assert all("sleep_in_the_database" in record for record in failures), node
