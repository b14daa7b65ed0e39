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


def test_code_of_before_can_go_on_writing_rows_until_it_is_restarted():
    """Whatever column was added since may be left out of an INSERT."""
    loader = MigrationExecutor(connection).loader
    before, now = (
        loader.project_state(nodes).apps
        for nodes in ([("automation", "0006_ledger")], loader.graph.leaf_nodes("automation"))
    )

    required = {
        f"{model._meta.model_name}.{field.name}"
        for model in now.get_app_config("automation").get_models()
        if model._meta.model_name in before.all_models["automation"]
        for field in model._meta.local_concrete_fields
        if field.name not in _columns(before, model) and not (field.null or field.has_db_default())
    }

    assert required == set()


def _columns(apps, model) -> set[str]:
    known = apps.get_model("automation", model._meta.model_name)._meta
    return {field.name for field in known.local_concrete_fields}
