"""Files that lie beside an SQLite database."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from django.db import connection


def folder() -> Path | None:
    """Return the folder for such files; None where the database is not a file."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(f"{name}.cancel")


def share_as_the_database(place: Path) -> None:
    """Give a path the access rights of the database file, also where root created the path.

    SQLite does so with its own files. A user who may not change the rights leaves them as they are.
    """
    with suppress(OSError):
        database = Path(str(connection.settings_dict["NAME"])).stat()
        mode = stat.S_IMODE(database.st_mode)
        if place.is_dir():
            mode |= (mode & 0o444) >> 2  # To read a folder is not enough to open what is in it.
        place.chmod(mode)
        os.chown(place, database.st_uid, database.st_gid)
