"""Requests to cancel, in files beside an SQLite database.

An atomic run there is the only one that may write: who wants it cancelled could not say so in the
database before it has ended.
"""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from automation.models import Execution


def folder() -> Path | None:
    """None where there is no file beside which they could be."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(f"{name}.cancel")


def share_as_the_database(place: Path) -> None:
    """Let whoever may use the database use what lies beside it, though root may have made that.

    As SQLite does with its own files. Whoever may not do so leaves it as it is.
    """
    with suppress(OSError):
        database = Path(str(connection.settings_dict["NAME"])).stat()
        mode = stat.S_IMODE(database.st_mode)
        if place.is_dir():
            mode |= (mode & 0o444) >> 2  # To read a folder is not enough to open what is in it.
        place.chmod(mode)
        os.chown(place, database.st_uid, database.st_gid)


def ask(execution_id: int, *, by: int | None, by_name: str) -> bool:
    """Write a request down, for whoever runs the execution; False where that is not possible."""
    place = folder()
    if place is None:
        return False
    if not place.exists():
        place.mkdir(mode=0o700, exist_ok=True)
        share_as_the_database(place)
    request = {"by": by, "by_name": by_name, "at": timezone.now().isoformat()}
    unfinished = place / f"{execution_id}.{os.getpid()}"
    unfinished.write_text(json.dumps(request))
    share_as_the_database(unfinished)
    unfinished.rename(place / f"{execution_id}.json")
    return True


def asked() -> list[int]:
    """The executions that somebody wants cancelled."""
    place = folder()
    if place is None:
        return []
    try:
        names = os.listdir(place)
    except OSError:  # Nobody asked yet, or it is somebody else's.
        return []
    return sorted(int(n[:-5]) for n in names if n.endswith(".json") and n[:-5].isdigit())


def is_asked_for(execution: Execution) -> bool:
    return bool(_request_for(execution))


def who_asked(execution: Execution) -> dict[str, Any]:
    """The columns of an execution that say who asked, and when; none where nobody did."""
    request = _request_for(execution)
    if not request:
        return {}
    person = get_user_model()._default_manager.filter(pk=request["by"]).first()
    return {
        "cancel_requested_at": request["at"],
        "cancel_requested_by": person and person.pk,
        "cancel_requested_by_name": str(request["by_name"])[:200],
    }


def _request_for(execution: Execution) -> dict[str, Any]:
    """One that is older than the execution was for another database, in this one's place before."""
    place = folder()
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
    place = folder()
    if place is not None:
        with suppress(OSError):
            (place / f"{execution_id}.json").unlink()
