"""What two versions of a process differ in."""

import json
from typing import Any

from django.utils.translation import gettext as _

from automation import registry
from automation.models.process import Process

_NOT_SHOWN = {
    *("id", "created_at", "updated_at"),
    *("former_rule", "rule_from", "history_begins_at", "proven_until"),
}


def changes_between(old: Any, new: Any) -> list[tuple[str, str, str]]:
    """Return label, old value and new value of each field in which two versions differ.

    Either is a Process or a row of its history; `old` may be None. Sensitive parameters are hidden,
    also where they are what differs.
    """
    return [
        (str(field.verbose_name), _shown(old, field.name), _shown(new, field.name))
        for field in Process._meta.concrete_fields
        if field.name not in _NOT_SHOWN
        and (old is None or getattr(old, field.name) != getattr(new, field.name))
    ]


def _shown(version: Any, name: str) -> str:
    if version is None:
        return ""
    value = getattr(version, name)
    if name == "parameters":
        return json.dumps(registry.masked(version.function, value), ensure_ascii=False)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    display = getattr(version, f"get_{name}_display", None)
    return str(display() if display else "" if value is None else value)
