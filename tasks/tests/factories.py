"""Tasks for tests: each names only what the test is about."""

import factory

from tasks.models import Task


class TaskFactory(factory.django.DjangoModelFactory[Task]):
    class Meta:
        model = Task

    name = factory.Sequence(lambda n: f"task {n}")
