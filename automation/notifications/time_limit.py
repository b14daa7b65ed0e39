"""A time limit for a block that waits on the network."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def at_most(seconds: int, what: str) -> Iterator[None]:
    """Raise TimeoutError inside the block after so many seconds; for the main thread only.

    The time limits of sockets begin anew with each answer: a server that sends a byte now and then
    would never end.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"{what} did not answer within {seconds} s.")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
