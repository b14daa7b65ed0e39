"""What a function calls sensitive is in nothing that is written of its run."""

import base64
import json
import logging
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from automation.engine.start.launch import launch
from automation.models import Execution, Kind, Trigger
from automation.parameters import MASK, Masker
from automation.testing import run
from automation.tests.factories import ProcessFactory
from automation.tests.post import mails_in
from conftest import wait_until

#: With what each kind of writing escapes.
CANARY = "cAn4ry/'\"\\é+k"


def forms_of(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe=""), encoded}


@given(st.text(min_size=4, max_size=20), st.text(max_size=5), st.text(max_size=5))
def test_secret_is_in_no_text_however_it_is_written(secret, before, after):
    for form in forms_of(secret):
        assert form in MASK or form not in Masker([secret]).text(f"{before} {form} {after}")


def test_secret_is_in_no_key_and_no_number_of_a_result():
    masker = Masker(["abcd", 4821])

    hidden = masker.json({"abcd": ["xabcdx", 4821, 48210, None, True]})

    assert hidden == {MASK: [f"x{MASK}x", MASK, 48210, None, True]}


def test_short_secrets_are_hidden_where_they_stand_alone():
    assert Masker(["ab"]).text("about ab, 'ab'") == f"about {MASK}, '{MASK}'"


def test_line_of_a_secret_of_several_lines_is_hidden_alone():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----"

    assert Masker([key]).text("  MIIEvQIBADANBg\n") == f"  {MASK}\n"


def test_without_secrets_nothing_is_changed():
    assert Masker().text("a") == "a"
    assert not Masker([None, "", True, {}])


@pytest.mark.django_db
def test_no_handler_sees_a_secret_and_afterwards_records_are_as_before(caplog):
    factory = logging.getLogRecordFactory()

    run("probes.tell_its_key", api_key=CANARY, fails=True)

    assert "Calling with" in caplog.text
    assert "no answer for" in caplog.text
    assert_hidden(caplog.text)
    assert logging.getLogRecordFactory() is factory


def assert_hidden(text: str) -> None:
    for form in forms_of(CANARY):
        assert form not in text


def dump() -> str:
    """Every row of every table, but the columns that keep parameters to run with."""
    found: list[str] = []
    for model in apps.get_models(include_auto_created=True):
        columns = [f.column for f in model._meta.concrete_fields if f.name != "parameters"]
        names = ", ".join(connection.ops.quote_name(str(column)) for column in columns)
        with connection.cursor() as cursor:
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT {names} FROM {table}")  # noqa: S608  # names of our own
            found += map(repr, cursor.fetchall())
    return "\n".join(found)


@pytest.mark.django_db(transaction=True)
def test_canary_is_in_no_face_and_no_table(qcluster, manage, tmp_path, admin_client):
    mails = tmp_path / "mails"
    mails.mkdir()
    process = ProcessFactory(function="probes.tell_its_key", parameters={"api_key": CANARY})
    runs = [
        launch(process, trigger=Trigger.MANUAL, waits=True, parameters={"fails": fails})
        for fails in (False, True)
    ]
    runs.append(launch(process, trigger=Trigger.MANUAL, kind=Kind.PREVIEW))
    cluster = qcluster(NOTIFY_EMAILS="sara@example.org", EMAIL_URL=f"filemail:///{mails}")
    ended = Execution.objects.filter(completed_at__isnull=False)
    wait_until(lambda: ended.count() == 3, why=cluster)
    wait_until(lambda: list(mails.iterdir()), why=cluster)
    cluster.stop()
    shown = [manage("run_process", process.name, *options) for options in ([], ["--json"])]
    failed = manage("run_process", process.name, "--set", "fails=true")

    assert [row.status for row in ended.order_by("pk")][:3] == ["completed", "failed", "completed"]
    told = cluster.text + "".join(one.stdout + one.stderr for one in [*shown, failed])
    told += mails_in(mails)
    for execution in runs:
        page = admin_client.get(f"/admin/automation/execution/{execution.pk}/change/")
        assert MASK in page.content.decode()
        told += page.content.decode()
    for name in ("execution", "process", "notice"):
        told += admin_client.get(f"/admin/automation/{name}/").content.decode()
    assert "no answer for" in told
    assert "still refused" in told
    assert_hidden(told)
    assert "no answer for" in dump()
    assert "Committed with" in dump()
    assert "still refused" in dump()
    assert_hidden(dump())
