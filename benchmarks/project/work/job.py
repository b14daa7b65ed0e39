"""The job of every contender: say when it began."""

import os
import time

_seen: int | None = None


def job() -> None:
    global _seen
    now = time.time()
    if _seen is None:
        _seen = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(_seen, f"{now:.6f}\n".encode())
