"""What a process function returns, as JSON that both databases hold."""

import json
import re
from typing import Any

#: Characters that the result of a run may take as JSON.
MAX_RESULT = 1_000_000

#: NUL in JSON text: an escape that is not itself escaped.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class ResultError(ValueError):
    """The function returned what cannot be stored as JSON."""


def as_json(result: Any) -> Any:
    """Raises ResultError for what JSON, or PostgreSQL's JSON, cannot hold."""
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
    return json.loads(text)
