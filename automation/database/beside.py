"""Files beside an SQLite database."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from django.db import connection


def folder() -> Path | None:
    """None where there is no file beside which they could be."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(f"{name}.cancel")


def share_as_the_database(place: Path) -> None:
    """Let whoever may use the database use what lies beside it, though root may have made that.

    As SQLite does with its own files. Whoever may not do so leaves it as it is.
    """
    with suppress(OSError):
        database = Path(str(connection.settings_dict["NAME"])).stat()
        mode = stat.S_IMODE(database.st_mode)
        if place.is_dir():
            mode |= (mode & 0o444) >> 2  # To read a folder is not enough to open what is in it.
        place.chmod(mode)
        os.chown(place, database.st_uid, database.st_gid)
