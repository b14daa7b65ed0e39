"""Rows for tests: each names only what the test is about."""

from datetime import timedelta
from uuid import uuid4

import factory
from django.contrib.auth.models import User
from django.utils import timezone
from django_q.models import OrmQ

from automation import registry
from automation.models import Execution, Node, Process, Status, Trigger, TriggerType
from automation.queue import messages


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n}")


class ProcessFactory(factory.django.DjangoModelFactory[Process]):
    """A process that is started by hand, unless it is given a cron rule."""

    class Meta:
        model = Process

    name = factory.Sequence(lambda n: f"process-{n}")
    function = "probes.greet"
    timezone = "Asia/Tehran"
    trigger_type = factory.LazyAttribute(
        lambda process: TriggerType.TIME_BASED if process.cron else TriggerType.MANUAL
    )
    cron = ""


class NodeFactory(factory.django.DjangoModelFactory[Node]):
    """A live one that knows no function."""

    class Meta:
        model = Node

    name = factory.Sequence(lambda n: f"host:{n}-abcd")
    host = "host"
    pid = factory.Sequence(lambda n: n + 1)
    cluster = "behflow"
    workers = 2
    # As a real one, which knows what this code has.
    functions = factory.LazyFunction(lambda: [f.key for f in registry.all_functions()])


def a_message_waits() -> OrmQ:
    """Put a message in line as a stock cluster does that fired a Schedule row."""
    return OrmQ.objects.create(key=messages.default_queue(), payload="", lock=timezone.now())


class ExecutionFactory(factory.django.DjangoModelFactory[Execution]):
    class Meta:
        model = Execution

    process = factory.SubFactory(ProcessFactory)
    process_name = factory.LazyAttribute(lambda e: e.process.name if e.process else "gone")
    process_label = factory.LazyAttribute(lambda e: e.process.label if e.process else "")
    function = factory.LazyAttribute(lambda e: e.process.function if e.process else "probes.gone")
    trigger = Trigger.MANUAL

    class Params:
        running = factory.Trait(
            status=Status.RUNNING,
            slot=0,
            token=factory.LazyFunction(uuid4),
            started_at=factory.LazyFunction(timezone.now),
            lease_until=factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=5)),
        )
        completed = factory.Trait(
            status=Status.COMPLETED,
            started_at=factory.LazyFunction(timezone.now),
            completed_at=factory.LazyFunction(timezone.now),
        )
