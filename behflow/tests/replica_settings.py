"""A site whose router sends what is read to a replica: another session of the same database."""

from behflow.tests.settings import *  # noqa: F403
from behflow.tests.settings import DATABASES


class ReadFromReplica:
    def db_for_read(self, model: object, **hints: object) -> str:
        return "replica"

    def db_for_write(self, model: object, **hints: object) -> str:
        return "default"

    def allow_relation(self, *_objects: object, **hints: object) -> bool:
        return True


DATABASES = {**DATABASES, "replica": {**DATABASES["default"]}}
DATABASE_ROUTERS = ["behflow.tests.replica_settings.ReadFromReplica"]
