"""The way from SQLite to PostgreSQL that the documents describe, walked."""

import json

import pytest

from behflow.tests.documents import Block, blocks, carry_out, copy_of_checkout

LIVED_WITH = """\
$ python manage.py migrate -v0
$ python manage.py shell -v0 -c "from tasks import demo; demo.load()"
$ python manage.py run_process reschedule_remaining_tasks --note "before the move"
$ python manage.py run_process reschedule_remaining_tasks --queue
$ python manage.py shell -v0 -c "from automation.models import Process; Process.objects.create(name='later', function='tasks.reschedule_remaining_tasks', cron='0 0 1 1 *')"
"""

#: Written to a file, and typed into a shell.
COUNT = """\
import json
from django.apps import apps
left_out = ('contenttypes', 'sessions', 'admin')
models = [m for m in apps.get_models(include_auto_created=True) if m._meta.app_label not in left_out]
print(json.dumps({m._meta.label: m.objects.count() for m in models}), file=open('counts.json', 'w'))
"""

GO_ON = """\
$ python manage.py run_process later --note "after the move"
$ python manage.py shell -v0 -c "from automation.entry import run_execution; run_execution(2)"
$ python manage.py undo_execution 1
"""


@pytest.mark.postgresql
def test_everything_goes_along(tmp_path, empty_database):
    folder = copy_of_checkout(tmp_path / "checkout")
    on_postgresql = {k: v for k, v in empty_database.items() if k != "DJANGO_SETTINGS_MODULE"}
    on_sqlite = {**on_postgresql, "DATABASE_URL": f"sqlite:///{tmp_path / 'old.sqlite3'}"}

    def do(text: str, environment) -> None:
        carry_out(Block("console", "", text), folder, environment)

    def counts(environment) -> dict[str, int]:
        (folder / "count.py").write_text(COUNT)
        do("$ python manage.py shell -v0 < count.py\n", environment)
        return dict(json.loads((folder / "counts.json").read_text()))

    do(LIVED_WITH, on_sqlite)
    environments = {"on SQLite": on_sqlite, "on PostgreSQL": on_postgresql}
    steps = [block for block in blocks("how-to/move-to-postgresql.md") if block.title]
    assert [step.title for step in steps] == list(environments)
    for step in steps:
        carry_out(step, folder, environments[step.title])

    before = counts(on_sqlite)
    assert counts(on_postgresql) == before
    assert before["automation.Execution"] == 2
    assert before["django_q.OrmQ"] == 1
    # New rows get numbers of their own, and old ones can be worked with.
    do(GO_ON, on_postgresql)
    assert counts(on_postgresql)["automation.Execution"] == 4
