"""The engine beside what one would take instead, in one run on one PostgreSQL.

    .venv/bin/python .ci/with_postgresql.py .venv/bin/python benchmarks/engine.py

Each contender gets a database of its own, two workers and the same job, which writes down when it
began. Celery takes part where it, django-celery-results and redis-server are installed. `--rounds`
repeats all of it in turn; ratios of one round are what to trust, for other load on the machine moves
all of them.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2
from contenders import ALL, BEHFLOW, CELERY, PERSISTENT, PROJECT, Contender

#: Seconds for anything to happen.
PATIENCE = 300
#: Schedules that are due at the same instants, after one alone was measured.
TOGETHER = 10

Row = dict[str, Any]


def main() -> None:
    options = _options()
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}, load {os.getloadavg()[0]:.2f}")
        rows = [_bare_loop(options.runs)]
        with _redis() as redis:
            for contender in ALL:
                if contender is CELERY and not redis:
                    print("celery: left out; it, django-celery-results or redis-server is missing")
                elif not options.only or contender.name in options.only:
                    rows.append(_measure(contender, options, redis))
        _print(rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3000, help="for the throughput")
    parser.add_argument("--backlog", type=int, default=0, help="the same with so many more waiting")
    parser.add_argument("--starts", type=int, default=100, help="for the latency")
    parser.add_argument("--idle", type=int, default=60, help="seconds to wait and do nothing")
    parser.add_argument("--minutes", type=int, default=3, help="with schedules for each minute")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of contenders")
    return parser.parse_args()


def _measure(contender: Contender, options: argparse.Namespace, redis: str) -> Row:
    with _started(contender, options.runs, redis) as (seen, env, pid):
        row = {
            "name": contender.name,
            **_throughput(contender, options.runs, seen, env),
            **_latency(contender, options.starts, seen, env),
            **_idle(options.idle, pid),
            **_lateness(contender, 1, options.minutes, seen, env),
            **_lateness(contender, TOGETHER, options.minutes, seen, env),
        }
    if options.backlog:
        with _started(contender, options.runs + options.backlog, redis) as (seen, env, _pid):
            row["backlog/s"] = _throughput(contender, options.runs, seen, env)["runs/s"]
    return row


@contextmanager
def _started(
    contender: Contender, waiting: int, redis: str
) -> Iterator[tuple[Path, dict[str, str], int]]:
    """Its workers on a database of their own, with so much waiting: what they saw, and the pid."""
    with _database() as url, tempfile.TemporaryDirectory() as folder:
        seen = Path(folder) / "seen"
        env = {**os.environ, "DATABASE_URL": url, "SEEN": str(seen), "REDIS_URL": redis}
        env |= {"DJANGO_SETTINGS_MODULE": "settings", "CONTENDER": contender.name}
        env["PYTHONPATH"] = f"{PROJECT}{os.pathsep}{PROJECT.parent.parent}"
        migrate = [sys.executable, "-m", "django", "migrate", "-v0"]
        subprocess.run(migrate, env=env, cwd=PROJECT, check=True)  # noqa: S603
        contender.run(f"N = {waiting}\n{contender.enqueue_many}", env)
        worker = contender.start(env)
        try:
            yield seen, env, worker.pid
        finally:
            os.killpg(worker.pid, signal.SIGTERM)
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(worker.pid, signal.SIGKILL)


def _throughput(contender: Contender, runs: int, seen: Path, env: dict[str, str]) -> Row:
    """From the first start until all are recorded."""
    watch = f"""
import time
while True:
    {contender.done.replace("print(", "n = (")}
    if n >= {runs}: break
    time.sleep(0.02)
print(time.time())
"""
    ended = float(contender.run(watch, env))
    return {"runs/s": runs / (ended - _times(seen)[0])}


def _latency(contender: Contender, starts: int, seen: Path, env: dict[str, str]) -> Row:
    """From asking for a start to the first line of the job, one after the other."""
    before = len(_times(seen))
    code = f"""
import time
{contender.enqueue}
time.sleep(2)
for _ in range({starts}):
    print(time.time())
    {contender.enqueue}
    time.sleep(0.1)
"""
    asked = [float(line) for line in contender.run(code, env).split()]
    _wait_for(seen, before + starts + 1)
    began = sorted(_times(seen)[before + 1 :])
    late = sorted((start - at) * 1000 for at, start in zip(asked, began, strict=False))
    return {"start p50 ms": median(late), "start p99 ms": late[int(len(late) * 0.99) - 1]}


def _idle(seconds: int, pid: int) -> Row:
    """What it costs to wait."""
    family = _family(pid)
    row = {"MiB": sum(map(_memory, family)) / 2**20}
    if seconds:
        before = sum(map(_cpu, family))
        time.sleep(seconds)
        row["idle %"] = 100 * (sum(map(_cpu, family)) - before) / seconds
    return row


def _lateness(
    contender: Contender, together: int, minutes: int, seen: Path, env: dict[str, str]
) -> Row:
    """How late that starts of which so many are due each minute, at the same instant."""
    if not contender.each_minute or not minutes:
        return {}
    time.sleep(105 - time.time() % 60)  # No minute begins while it is set up.
    known = len(_times(seen))
    new = together if together == 1 else together - 1
    contender.run(f"SCHEDULES = {new}\n{contender.each_minute}", env)
    time.sleep(60 * minutes)
    late = [(at % 60) * 1000 for at in _times(seen)[known:]]
    return {f"{together} late p50 ms": median(late), f"{together} late max ms": max(late)}


def _bare_loop(runs: int) -> Row:
    """Claim and finish one row after the other, by SQL alone, on two connections in turn."""
    with _database() as url:
        one, two = psycopg2.connect(url), psycopg2.connect(url)
        with one, one.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE run (id bigserial PRIMARY KEY, status text, ended timestamptz)"
            )
            cursor.execute(
                "INSERT INTO run (status) SELECT 'p' FROM generate_series(1, %s)", [runs]
            )
            cursor.execute("CREATE INDEX ON run (id) WHERE status = 'p'")
        began = time.time()
        for number in range(runs):
            connection = (one, two)[number % 2]
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE run SET status = 'r' WHERE id = (SELECT id FROM run WHERE status = 'p' "
                    "ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
                )
                (pk,) = cursor.fetchone() or (0,)
            with connection, connection.cursor() as cursor:
                cursor.execute("UPDATE run SET status = 'c', ended = now() WHERE id = %s", [pk])
        took = time.time() - began
        one.close()
        two.close()
    return {"name": "bare SQL, one at a time", "runs/s": runs / took}


@contextmanager
def _database() -> Iterator[str]:
    url = os.environ["DATABASE_URL"].replace("postgres://", "postgresql://")
    name = f"bench_{uuid4().hex[:8]}"
    server = psycopg2.connect(url)
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    server.close()


@contextmanager
def _redis() -> Iterator[str]:
    """The address of a Redis of this benchmark's own; "" where Celery cannot take part."""
    needed = all(find_spec(name) for name in ("celery", "django_celery_results", "redis"))
    if not (needed and shutil.which("redis-server")):
        yield ""
        return
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = ["redis-server", "--port", str(port), "--dir", folder, "--appendonly", "yes"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
        time.sleep(1)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait()


def _times(seen: Path) -> list[float]:
    return [float(line) for line in seen.read_text().split()] if seen.exists() else []


def _wait_for(seen: Path, count: int) -> None:
    deadline = time.time() + PATIENCE
    while len(_times(seen)) < count:
        if time.time() > deadline:
            raise TimeoutError(f"{len(_times(seen))} of {count} starts after {PATIENCE} s")
        time.sleep(0.1)


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        found += map(int, children)
    return found


def _memory(pid: int) -> int:
    """Bytes, what is shared in proportion."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _cpu(pid: int) -> float:
    """Seconds of a core that it used."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _print(rows: list[Row]) -> None:
    columns = ["runs/s", "backlog/s", "start p50 ms", "start p99 ms"]
    columns += [f"{n} late {what} ms" for n in (1, TOGETHER) for what in ("p50", "max")]
    columns += ["idle %", "MiB"]
    best = {row["name"]: row["runs/s"] for row in rows}
    print(f"{'':28}" + "".join(f"{column:>14}" for column in columns))
    for row in rows:
        cells = (f"{row[c]:14.2f}" if c in row else f"{'–':>14}" for c in columns)
        print(f"{row['name']:28}" + "".join(cells))
    for other in (PERSISTENT.name, CELERY.name, "bare SQL, one at a time"):
        if other in best and BEHFLOW.name in best:
            print(f"behflow / {other}: {best[BEHFLOW.name] / best[other]:.2f} of its runs/s")


if __name__ == "__main__":
    main()
