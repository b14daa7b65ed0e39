"""A real PgBouncer between a node and the server of the tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from django.db import connection

from automation.tests.faults.wire import Wire
from conftest import wait_until

#: Where Debian has it, which is not on everybody's path.
_PROGRAM = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")


class Pooler:
    """A PgBouncer with the settings of a fresh installation, but for where it listens."""

    def __init__(self, mode: str, wire: Wire) -> None:
        """Connect it through a wire: its user may not enter the server's folder."""
        if _PROGRAM is None:
            pytest.skip("There is no pgbouncer here.")
        self._folder = tempfile.TemporaryDirectory(prefix="behflow-pool-")
        folder, user = Path(self._folder.name), connection.settings_dict["USER"]
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={wire.folder} user={user}\n[pgbouncer]\nauth_type = any\npool_mode = {mode}\n"
            f"unix_socket_dir = {folder}\nlisten_addr =\nlisten_port = 5432\n"
        )
        command = [_PROGRAM, "-q", str(folder / "pgbouncer.ini")]
        if os.geteuid() == 0:  # It refuses to run as root.
            shutil.chown(folder, "nobody")
            wire.open_to_all()
            command += ["-u", pwd.getpwnam("nobody").pw_name]
        self._process = subprocess.Popen(command)
        wait_until((folder / ".s.PGSQL.5432").exists)

    @property
    def url(self) -> str:
        config = connection.settings_dict
        return f"postgres://{config['USER']}@/{config['NAME']}?host={self._folder.name}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
