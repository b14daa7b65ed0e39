"""Where the engine reads: a project's router may send what it reads to a replica."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, router

#: The apps whose rows are read and written in the transactions of the engine.
_APPS = {"automation", "django_q"}


class EngineRouter:
    """The engine reads where it writes: a replica does not know yet what a transaction has written."""

    def db_for_read(self, model: Any, **_hints: Any) -> str | None:
        return DEFAULT_DB_ALIAS if model._meta.app_label in _APPS else None

    db_for_write = db_for_read


def put_first() -> None:
    """Ask this router before those of the project."""
    if not any(isinstance(one, EngineRouter) for one in router.routers):
        router.routers.insert(0, EngineRouter())
