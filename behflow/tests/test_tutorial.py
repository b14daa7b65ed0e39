"""What the documents tell a person to do, done as it is written, in a copy of the checkout."""

import pytest

from behflow.tests.documents import Block, blocks, carry_out, copy_of_checkout

#: What `make run` has done before a person reads the tutorial.
AFTER_A_START = """\
$ python manage.py migrate -v0
$ python manage.py shell -v0 -c "from tasks import demo; demo.load()"
$ python manage.py run_process reschedule_remaining_tasks
"""


@pytest.fixture
def environment_of_a_person(empty_database):
    """Behflow's own settings, as somebody at a terminal has them."""
    return {k: v for k, v in empty_database.items() if k != "DJANGO_SETTINGS_MODULE"}


@pytest.mark.parametrize("page", ["tutorial.md", "how-to/test-a-process.md"])
def test_page_works_as_it_is_written(page, tmp_path, environment_of_a_person):
    folder = copy_of_checkout(tmp_path / "checkout")
    steps = list(blocks(page))
    assert {"python", "console"} <= {step.language for step in steps}

    for step in (Block("console", "", AFTER_A_START), *steps):
        carry_out(step, folder, environment_of_a_person)
