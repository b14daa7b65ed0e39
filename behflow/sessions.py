"""Sessions on SQLite: files, so that nobody waits for a run to log in."""

from pathlib import Path

from django.contrib.sessions.backends import file
from django.db import connection


class SessionStore(file.SessionStore):
    """In a folder beside the database, for nobody else to read."""

    @classmethod
    def _get_storage_path(cls) -> str:
        folder = Path(f"{connection.settings_dict['NAME']}.sessions")
        folder.mkdir(mode=0o700, exist_ok=True)
        return str(folder)
