"""Benchmarks are run by hand; here only that they run."""

import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.mark.postgresql
def test_benchmark_of_the_lists_runs(empty_database):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "admin_lists.py"), "--rows", "300"],
        env=empty_database,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "django-q2: Successful tasks" in done.stdout, done.stderr
