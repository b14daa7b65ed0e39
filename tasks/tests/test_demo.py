import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from automation.tests.factories import UserFactory
from tasks import demo
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def test_demo_is_some_two_hundred_tasks_and_a_good_part_is_overdue():
    assert demo.load() == Task.objects.count() == 200

    overdue = Task.objects.overdue(timezone.localtime()).count()
    assert 60 <= overdue <= 140
    assert len(set(Task.objects.values_list("status", flat=True))) == 4
    assert len(set(Task.objects.values_list("priority", flat=True))) == 3
    assert demo.is_loaded()


def test_demo_people_cannot_log_in():
    demo.load()

    assert not any(user.has_usable_password() for user in get_user_model().objects.all())


def test_what_the_demo_made_is_no_stranger_and_anything_else_is():
    demo.load()
    assert demo.strangers() == ""

    UserFactory(), UserFactory(), TaskFactory()
    assert demo.strangers() == "2 users and 1 task"
