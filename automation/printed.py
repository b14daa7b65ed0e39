"""Reads, line by line, what Python code or a child process prints inside a block."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from threading import Event, Thread
from typing import IO

#: File descriptors.
STDOUT, STDERR = 1, 2

#: Seconds within which the reader notices the end of the block, where a child process that was left
#: behind still holds the other end of a pipe.
_LOOK = 0.1
#: Bytes that are read at once, as many as a pipe holds; and the longest line: a longer one is cut in
#: pieces.
_CHUNK, _LONGEST = 65_536, 65_536

OnLine = Callable[[int, str], None]


@contextmanager
def read_lines(on_line: OnLine) -> Iterator[None]:
    """Call `on_line` with STDOUT or STDERR and each line that is printed inside the block.

    A thread of its own calls it while the block goes on; at the end of the block all lines have
    been read. Logging handlers that write to the console still do.
    """
    reader = _Reader(on_line)
    with ExitStack() as stack:
        stack.callback(reader.finish)
        for number, name in ((STDOUT, "stdout"), (STDERR, "stderr")):
            stack.enter_context(_redirected(number, name, reader))
        reader.start()
        yield


@contextmanager
def _redirected(number: int, name: str, reader: "_Reader") -> Iterator[None]:
    """Send what is written to a file descriptor, and to its file in `sys`, to the reader."""
    with ExitStack() as stack:
        console = stack.enter_context(_kept(number))
        for handler in _handlers_on(number):
            stack.callback(handler.setStream, handler.stream)
            handler.setStream(console)
        read_end, write_end = os.pipe()
        reader.read_from(read_end, number)
        os.dup2(write_end, number)
        file = _text_file(write_end)
        stack.callback(_close, file)
        stack.callback(setattr, sys, name, getattr(sys, name))
        setattr(sys, name, file)
        yield


@contextmanager
def _kept(number: int) -> Iterator[IO[str]]:
    """Return a file for where a descriptor writes now; at the end it writes there again."""
    for file in (sys.stdout, sys.stderr):
        with suppress(Exception):  # It may be any object, and closed.
            file.flush()
    try:
        copy = os.dup(number)
    except OSError:  # The descriptor is closed.
        copy = os.open(os.devnull, os.O_WRONLY)
    console = _text_file(copy)
    try:
        yield console
    finally:
        os.dup2(copy, number)
        _close(console)


def _text_file(descriptor: int) -> IO[str]:
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace")


def _close(file: IO[str]) -> None:
    with suppress(OSError, ValueError):  # Its reader is gone, or it was closed before.
        file.close()


def _handlers_on(number: int) -> list["logging.StreamHandler[IO[str]]"]:
    known = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    loggers = [logger for logger in known if isinstance(logger, logging.Logger)]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    return [
        handler
        for handler in handlers
        if isinstance(handler, logging.StreamHandler) and _number_of(handler.stream) == number
    ]


def _number_of(stream: IO[str]) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


class _Reader:
    """A thread that reads lines from pipes."""

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._pipes = DefaultSelector()
        self._unfinished: dict[int, bytes] = {}
        self._is_over = Event()
        self._thread = Thread(target=self._read, name="what is printed", daemon=True)

    def read_from(self, pipe: int, number: int) -> None:
        os.set_blocking(pipe, False)
        self._unfinished[number] = b""
        self._pipes.register(pipe, EVENT_READ, number)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Read what is in the pipes; processes that still hold their other ends are not awaited."""
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join()
        for key in list(self._pipes.get_map().values()):
            self._close(key.fd)
        self._pipes.close()

    def _read(self) -> None:
        while self._pipes.get_map():
            # All that was printed before is in the pipes: they hold no more than is read at once.
            is_last = self._is_over.is_set()
            for key, _ in self._pipes.select(0 if is_last else _LOOK):
                self._take(key.fd, key.data)
            if is_last:
                return

    def _take(self, pipe: int, number: int) -> None:
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            self._close(pipe)
            return
        *lines, rest = (self._unfinished[number] + chunk).split(b"\n")
        if len(rest) > _LONGEST:
            lines, rest = [*lines, rest], b""
        self._unfinished[number] = rest
        for line in lines:
            self._give(number, line)

    def _close(self, pipe: int) -> None:
        number = self._pipes.unregister(pipe).data
        os.close(pipe)
        if self._unfinished[number]:
            self._give(number, self._unfinished[number])

    def _give(self, number: int, line: bytes) -> None:
        self._on_line(number, line.removesuffix(b"\r").decode(errors="backslashreplace"))
