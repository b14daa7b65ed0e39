"""People for the tests of the admin; and statements as a node has them."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client

from automation.database.plans import plans
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


@pytest.fixture
def kept_plans() -> Iterator[None]:
    """Statements are prepared, as in the sessions of clock and dispatcher."""
    plans.keep(on=True)
    yield
    plans.keep(on=False)


@pytest.fixture(
    params=["composed", "prepared"] if connection.vendor == "postgresql" else ["composed"]
)
def statements(request: pytest.FixtureRequest) -> None:
    """Run a test with composed statements, and again, on PostgreSQL, with prepared ones."""
    if request.param == "prepared":
        request.getfixturevalue("kept_plans")
