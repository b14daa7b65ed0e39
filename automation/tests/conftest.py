"""People for the tests of the admin."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from automation.tests.factories import UserFactory


@pytest.fixture
def person_with(client: Client) -> Callable[..., Client]:
    """Log somebody in who may do exactly this."""

    def log_in(*codenames: str) -> Client:
        person = UserFactory(username="sara", is_staff=True)
        permissions = Permission.objects.filter(codename__in=codenames)
        assert len(permissions) == len(codenames)
        person.user_permissions.set(permissions)
        client.force_login(person)
        return client

    return log_in


@pytest.fixture
def member_of(client: Client) -> Callable[[str], Client]:
    """Log somebody in who is in this group alone."""

    def log_in(group: str) -> Client:
        person = UserFactory(username="sara", is_staff=True)
        person.groups.add(Group.objects.get(name=group))
        client.force_login(person)
        return client

    return log_in
