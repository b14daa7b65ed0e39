"""The rest of the engine asks `automation.database` what the database does, and knows no driver."""

import re
from pathlib import Path

import pytest

import automation
from automation import database
from automation.database import driver

PACKAGE = Path(automation.__file__).parent
KNOWN_THERE = re.compile(
    r"\.vendor\b|psycopg|pgcode|sqlstate|mogrify|transaction_status|connection\.connection"
    r"|atomic_blocks|savepoint_ids|settings_dict\[\"OPTIONS\"\]"
)


def test_nothing_outside_knows_which_database_or_driver_it_is():
    asking = {
        str(file.relative_to(PACKAGE)): KNOWN_THERE.findall(file.read_text())
        for file in PACKAGE.rglob("*.py")
        if not {"tests", "migrations"} & set(file.relative_to(PACKAGE).parts)
    }

    inside = {name: found for name, found in asking.items() if name.startswith("database/")}
    assert sum(map(len, inside.values())) > 20
    assert {name: found for name, found in asking.items() if found and name not in inside} == {}


@pytest.mark.postgresql
def test_postgresql_has_many_writers_and_sequences():
    assert (database.is_supported(), database.named()) == (True, "postgresql")
    assert not database.one_writer()
    assert not database.one_host()
    assert not database.in_memory()
    assert database.has_sequences()
    assert re.fullmatch(r"psycopg2? [23]\.\d+\.\d+", driver.named())


@pytest.mark.sqlite
def test_sqlite_has_one_writer_on_one_host():
    assert (database.is_supported(), database.named()) == (True, "sqlite")
    assert database.one_writer()
    assert database.one_host()
    assert not database.in_memory()  # The tests have a file.
    assert not database.has_sequences()
    assert re.fullmatch(r"SQLite 3\.\d+\.\d+", driver.named())
