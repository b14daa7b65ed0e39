"""Files beside an SQLite database: whoever may use that may use them."""

import os
from pathlib import Path

import pytest
from django.db import connection

from automation.database import terminal_locks
from automation.engine.end import cancel_requests

pytestmark = pytest.mark.sqlite

#: Of somebody else, where the test may give it away.
OTHER = 65_534


@pytest.fixture
def database(tmp_path: Path, monkeypatch) -> Path:
    path = tmp_path / "shared.sqlite3"
    path.touch()
    path.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(path, OTHER, OTHER)
    monkeypatch.setitem(connection.settings_dict, "NAME", str(path))
    return path


def rights(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mode & 0o777, found.st_uid, found.st_gid


def test_request_to_cancel_is_as_open_as_the_database(database):
    mask = os.umask(0o077)
    try:
        cancel_requests.ask(7, by=None, by_name="root")
    finally:
        os.umask(mask)

    mode, *owners = rights(database)
    folder = database.with_name(f"{database.name}.cancel")
    assert rights(folder / "7.json") == (mode, *owners)
    assert rights(folder) == (0o775, *owners)


def test_lock_of_terminals_is_as_open_as_the_database(database):
    terminal_locks.hold(7)
    terminal_locks.let_go(7)

    assert rights(database.with_name(f"{database.name}.terminals.lock")) == rights(database)


def test_folder_that_cannot_be_read_has_no_requests(database):
    """As one of another user."""
    database.with_name(f"{database.name}.cancel").touch()

    assert cancel_requests.asked() == []
