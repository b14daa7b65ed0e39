"""Messages that a child process sends through its pipe, read without waiting for the rest."""

import os
import pickle
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

#: Bytes of a length, of the longest message, and of one read.
_HEAD, _LONGEST, _CHUNK = 4, 64 * 2**20, 2**16
#: Bytes after which the other children get their turn.
_MOST = 2**20


class UnreadableError(ValueError):
    """What arrived is no message of a child."""


class Inbox:
    """The messages that arrive through a pipe of `multiprocessing`.

    A message begins with its length. The pipe's own way to read waits for as many bytes as that
    says, whoever wrote it.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._data = pipe, bytearray()

    def messages(self) -> Iterator[Any]:
        """Yield the messages that have arrived completely.

        Raises UnreadableError; OSError and EOFError at the end of the pipe.
        """
        taken = 0
        while taken < _MOST and self._pipe.poll():
            read = os.read(self._pipe.fileno(), _CHUNK)
            if not read:
                raise EOFError
            taken += len(read)
            self._data += read
            yield from self._whole()

    def _whole(self) -> Iterator[Any]:
        while len(self._data) >= _HEAD:
            length = int.from_bytes(self._data[:_HEAD], "big", signed=True)
            if not 0 < length <= _LONGEST:
                raise UnreadableError(f"a message of {length} bytes")
            end = _HEAD + length
            if len(self._data) < end:
                return
            message = bytes(self._data[_HEAD:end])
            del self._data[:end]
            try:
                yield pickle.loads(message)  # noqa: S301  # what our own child sent
            except Exception as error:
                raise UnreadableError(repr(error)) from error
