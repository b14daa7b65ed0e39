"""The site's settings, with an app whose processes end in every way there is."""

import os

from behflow.settings import *  # noqa: F403
from behflow.settings import AUTOMATION, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "automation.tests.probes"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# The tests of faults wait for leases to end.
AUTOMATION = {**AUTOMATION, "LEASE": float(os.environ.get("TESTS_LEASE", "60"))}
if "TESTS_WORKER_MAX_RUNS" in os.environ:
    AUTOMATION["WORKER_MAX_RUNS"] = int(os.environ["TESTS_WORKER_MAX_RUNS"])
