"""Sessions as files on SQLite, so that logging in does not wait for a run."""

from pathlib import Path

from django.contrib.sessions.backends import file
from django.db import connection


class SessionStore(file.SessionStore):
    """Sessions in a folder beside the database that only this user can read."""

    @classmethod
    def _get_storage_path(cls) -> str:
        folder = Path(f"{connection.settings_dict['NAME']}.sessions")
        folder.mkdir(mode=0o700, exist_ok=True)
        return str(folder)
