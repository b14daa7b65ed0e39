import math
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.apps import apps

from automation import checks, database
from automation.database import checks as database_checks
from automation.models import ConcurrencyGroup, Process
from automation.tests.factories import ProcessFactory
from conftest import ROOT


def ids(found) -> list[str]:
    return [message.id for message in found]


def test_site_s_own_settings_pass_every_check():
    assert checks.check_one_database() == []
    assert checks.check_time_zones_are_used() == []
    assert checks.check_app_order() == []
    assert database_checks.check_database_is_supported() == []


@pytest.mark.parametrize("cluster", [{}, {"orm": "other"}, {"redis": {}}])
def test_queue_outside_the_database_of_the_history_is_an_error(settings, cluster):
    settings.Q_CLUSTER = cluster

    assert ids(checks.check_one_database()) == ["automation.E001"]


def test_times_without_zones_are_an_error(settings):
    settings.USE_TZ = False

    assert ids(checks.check_time_zones_are_used()) == ["automation.E002"]


@pytest.mark.parametrize(("zone", "found"), [("Mars", ["automation.E013"]), ("Europe/Berlin", [])])
def test_default_zone_that_is_none_is_an_error(settings, zone, found):
    settings.AUTOMATION = {**settings.AUTOMATION, "TIME_ZONE": zone}

    assert ids(checks.check_default_time_zone()) == found


def test_wrong_order_of_apps_is_an_error(monkeypatch):
    configs = list(reversed(list(apps.get_app_configs())))
    monkeypatch.setattr(apps, "get_app_configs", lambda: configs)

    assert ids(checks.check_app_order()) == ["automation.E003"]


def test_another_kind_of_database_is_an_error(monkeypatch):
    monkeypatch.setattr(database, "connection", SimpleNamespace(vendor="mysql"))

    assert ids(database_checks.check_database_is_supported()) == ["automation.E004"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTIFY_EMAILS", "sara@example.org"),
        ("NOTIFY_EMAILS", ["sara"]),
        ("NOTIFY_EMAILS", None),
        ("SITE_URL", "example.org"),
        ("HEARTBEAT_URL", "file:///etc/passwd"),
        ("HEARTBEAT_URL", 5),
    ],
)
def test_notices_that_could_reach_nobody_are_errors(settings, name, value):
    settings.AUTOMATION = {**settings.AUTOMATION, name: value}

    (error,) = checks.check_notices()

    assert error.id == "automation.E010"
    assert error.msg == f"AUTOMATION[{name!r}] is {value!r}."


def test_notices_that_can_be_sent_are_fine(settings):
    settings.AUTOMATION = {
        "NOTIFY_EMAILS": ("sara@example.org",),
        "SITE_URL": "http://127.0.0.1:8000",
        "HEARTBEAT_URL": "",
    }

    assert checks.check_notices() == []


@pytest.mark.parametrize(
    ("key", "check", "number", "wrong"),
    [
        ("LEASE", checks.check_lease, "automation.E007", [2.9, 0, -1, None, "60", True, 86_401]),
        (
            "STOP_GRACE",
            checks.check_stop_grace,
            "automation.E008",
            [-1, True, "30", 86_401, math.inf],
        ),
        (
            "DEFAULT_TIME_LIMIT",
            checks.check_default_time_limit,
            "automation.E009",
            [0, -5, 1.5, None, 30 * 86_400 + 1],
        ),
    ],
)
def test_numbers_of_the_engine_that_cannot_be_are_errors(settings, key, check, number, wrong):
    assert check() == []
    for value in wrong:
        settings.AUTOMATION = {key: value}
        assert ids(check()) == [number], value


def about_processes() -> list:
    return checks.check_processes(databases=["default"])


@pytest.mark.django_db
def test_processes_that_fit_are_warned_of_by_nothing():
    group = ConcurrencyGroup.objects.create(name="service", max_concurrency=2)
    ProcessFactory(concurrency_group=group, max_concurrency=2, max_retries=3, time_limit=15)

    assert about_processes() == []


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [{"retry_max_delay": 59}, {"retry_delay": 0}])
def test_retries_that_contradict_themselves_are_warned_of(fields):
    process = ProcessFactory(max_retries=1, **fields)

    assert ids(about_processes()) == ["automation.W001"]
    assert str(about_processes()[0]).startswith(f"{process}: ")
    Process.objects.update(max_retries=0)
    assert about_processes() == []


@pytest.mark.django_db
def test_process_that_may_run_more_often_than_its_group_is_warned_of():
    group = ConcurrencyGroup.objects.create(name="service", max_concurrency=2)
    ProcessFactory(concurrency_group=group, max_concurrency=3)

    assert ids(about_processes()) == ["automation.W002"]


@pytest.mark.django_db
def test_time_limit_that_outlasts_a_message_is_warned_of(settings):
    ProcessFactory(function="probes.commit_then_raise", time_limit=1_000)

    assert ids(about_processes()) == ["automation.W003"]
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "retry": 1_061}
    assert about_processes() == []
    settings.Q_CLUSTER = {"redis": {}}  # An error of its own.
    assert about_processes() == []


@pytest.mark.sqlite
@pytest.mark.django_db
def test_long_atomic_run_is_warned_of_on_sqlite():
    ProcessFactory(function="probes.greet", time_limit=16)
    ProcessFactory(function="probes.commit_then_raise", time_limit=16)
    ProcessFactory(function="probes.greet")

    assert ids(about_processes()) == ["automation.W004"]


def test_processes_are_looked_at_only_where_the_database_may_be():
    assert checks.check_processes() == []
    assert checks.check_processes(databases=["other"]) == []


def test_database_without_tables_breaks_no_check(empty_database):
    command = [sys.executable, str(ROOT / "manage.py"), "check", "--database", "default"]

    done = subprocess.run(command, env=empty_database, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
