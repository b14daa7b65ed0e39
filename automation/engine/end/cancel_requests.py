"""Requests to cancel, as files beside an SQLite database.

An atomic run there is the only one that may write: a request for its end could not be stored in the
database before it has ended.
"""

import json
import os
from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from automation.database import beside
from automation.limits import MAX_PERSON
from automation.models import Execution


def ask(execution_id: int, *, by: int | None, by_name: str) -> bool:
    """Write a request for whoever runs the execution; False where that is not possible."""
    place = beside.folder()
    if place is None:
        return False
    if not place.exists():
        place.mkdir(mode=0o700, exist_ok=True)
        beside.share_as_the_database(place)
    request = {"by": by, "by_name": by_name, "at": timezone.now().isoformat()}
    unfinished = place / f"{execution_id}.{os.getpid()}"
    unfinished.write_text(json.dumps(request))
    beside.share_as_the_database(unfinished)
    unfinished.rename(place / f"{execution_id}.json")
    return True


def asked() -> list[int]:
    """Return the ids of the executions that somebody wants cancelled."""
    place = beside.folder()
    if place is None:
        return []
    try:
        names = os.listdir(place)
    except OSError:  # There is no such folder yet, or it belongs to another user.
        return []
    return sorted(int(n[:-5]) for n in names if n.endswith(".json") and n[:-5].isdigit())


def is_asked_for(execution: Execution) -> bool:
    return bool(_request_for(execution))


def who_asked(execution: Execution) -> dict[str, Any]:
    """Return the columns of an execution that say who asked for its end, and when.

    Empty where nobody did.
    """
    request = _request_for(execution)
    if not request:
        return {}
    person = get_user_model()._default_manager.filter(pk=request["by"]).first()
    return {
        "cancel_requested_at": request["at"],
        "cancel_requested_by": person and person.pk,
        "cancel_requested_by_name": str(request["by_name"])[:MAX_PERSON],
    }


def _request_for(execution: Execution) -> dict[str, Any]:
    """Return the request for an execution.

    One that is older than the execution was for another database that lay here before.
    """
    place = beside.folder()
    if place is None:
        return {}
    try:
        request = json.loads((place / f"{execution.pk}.json").read_text())
        request["at"] = parse_datetime(request["at"])
        is_meant = request["at"] >= execution.created_at
        return {"by": None, "by_name": "", **request} if is_meant else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def forget(execution_id: int) -> None:
    place = beside.folder()
    if place is not None:
        with suppress(OSError):
            (place / f"{execution_id}.json").unlink()
