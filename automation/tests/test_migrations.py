"""Migrations that are undone while the tables have rows."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from automation.models import Notice, NoticeEvent
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def go_back():
    """Undo the migrations of the engine down to one; the test's end does them again."""
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes("automation")

    yield lambda name: MigrationExecutor(connection).migrate([("automation", name)])

    MigrationExecutor(connection).migrate(newest)


@pytest.mark.parametrize(
    ("event", "before"),
    [
        (NoticeEvent.AFTER_COMMIT, "0015_after_commit"),
        (NoticeEvent.BROKEN, "0012_sentences_to_codes"),
    ],
)
def test_notices_that_the_former_code_does_not_know_are_forgotten_with_it(go_back, event, before):
    process = ProcessFactory()
    columns = {"process": process, "process_name": process.name}
    notice = Notice.objects.create(event=event, **columns)
    recovery = Notice.objects.create(event=NoticeEvent.RECOVERED, recovers=notice, **columns)

    go_back(before)

    with connection.cursor() as cursor:
        cursor.execute("SELECT id, recovers_id FROM automation_notice")
        assert cursor.fetchall() == [(recovery.pk, None)]
