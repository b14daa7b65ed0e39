"""What a test leaves in the database is gone before the next one begins."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import models

from automation.models import Process
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> list[list[tuple[object, ...]]]:
    tables: list[type[models.Model]] = [
        *(ContentType, Permission, Group, Group.permissions.through, Process)
    ]
    return [list(table._default_manager.order_by("pk").values_list()) for table in tables]


def empty() -> None:
    """Empty the database as after each test."""
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


def test_emptied_database_is_as_one_that_was_migrated():
    empty()
    migrated = rows()
    assert all(migrated[:4])
    ProcessFactory()
    Group.objects.first().permissions.clear()
    Permission.objects.first().delete()

    empty()

    assert rows() == migrated
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    assert rows() == migrated  # Nothing that an app would add.
