"""A database router: the project's own may read from a replica, which the engine must not."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, router

#: Apps whose rows the engine reads and writes in its transactions.
_APPS = {"automation", "django_q"}


class EngineRouter:
    """Sends reads of the engine's tables where it writes: a replica may be behind."""

    def db_for_read(self, model: Any, **_hints: Any) -> str | None:
        return DEFAULT_DB_ALIAS if model._meta.app_label in _APPS else None

    db_for_write = db_for_read


def put_first() -> None:
    """Install the engine's router before those of the project."""
    if not any(isinstance(one, EngineRouter) for one in router.routers):
        router.routers.insert(0, EngineRouter())
