"""The result of a function, as every database can store it."""

import json
import re
from typing import Any

#: Limits of a result: characters of JSON, and lists and objects inside one another.
MAX_RESULT, MAX_DEPTH = 1_000_000, 900

#: NUL in JSON text: an escape whose backslash is not itself escaped.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class ResultError(ValueError):
    """The function returned what cannot be stored as JSON."""


def as_json(result: Any) -> Any:
    """Return a result as plain JSON values.

    Raises ResultError for what JSON, or the JSON of a database, cannot hold.
    """
    try:
        text = json.dumps(result, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultError(f"The function returned what is not JSON: {error}.") from error
    if _NUL.search(text):
        raise ResultError("The function returned a text with a NUL character; JSON holds none.")
    if len(text) > MAX_RESULT:
        raise ResultError(
            f"The function returned {len(text):,} characters of JSON; a result has at most "
            f"{MAX_RESULT:,}. Return the numbers, and write the rest into rows of your own."
        )
    value = json.loads(text)
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_too_deep(value):
        raise ResultError(
            f"The function returned lists and objects more than {MAX_DEPTH} deep inside one another."
        )
    return value


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _depth in range(MAX_DEPTH):
        level = [part for one in level for part in _parts_of(one)]
    return any(isinstance(one, dict | list) for one in level)


def _parts_of(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
