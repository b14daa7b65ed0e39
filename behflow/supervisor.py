"""Run several commands as one: the end of one, or a signal to us, ends all."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType

#: Seconds that a child has to end by itself before its whole session is killed; a child with work
#: has them only after a second signal.
GRACE = 9
_LOOK = 0.1

_STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Starts children in sessions of their own: only this process gets a Ctrl-C."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._with_work: set[str] = set()
        self._signals = 0

    def listen(self) -> None:
        """Note stopping signals from now on; `watch` acts on them."""
        for number in _STOPPING_SIGNALS:
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    @property
    def is_stopping(self) -> bool:
        return self._signals > 0 or self._dead() is not None

    def start(
        self, commands: Mapping[str, Sequence[str]], *, with_work: Iterable[str] = ()
    ) -> None:
        """Start a child for each command.

        `with_work`: the names of children that a stop lets end in their own time.
        """
        self._with_work = set(with_work)
        for name, command in commands.items():
            self._children[name] = subprocess.Popen(  # noqa: S603  # our own commands
                [sys.executable, *command], start_new_session=True, stdin=subprocess.DEVNULL
            )

    def watch(self) -> int:
        """Wait for a signal (return 0) or for a child's death (return 1), then end everything."""
        while not self.is_stopping:
            time.sleep(_LOOK)
        dead = self._dead()
        if dead:
            self._say(f"{dead} ended with code {self._children[dead].returncode}.")
        self.stop()
        return 1 if dead else 0

    def stop(self) -> None:
        """Ask each child's main process to end; after the grace, kill what is left of its session.

        A child with work may end in its own time, until a second signal.
        """
        before = max(self._signals, 1)
        self._say("Stopping: what runs may end. Ctrl-C again ends it at once.")
        self._ask_to_end()
        hurried_at = time.monotonic() + GRACE
        while self._living and self._signals <= before:
            if time.monotonic() >= hurried_at:
                self._kill(self._living - self._with_work)
            time.sleep(_LOOK)
        self._ask_to_end()
        deadline = time.monotonic() + GRACE
        while self._living and time.monotonic() < deadline:
            time.sleep(_LOOK)
        self._kill(self._children)  # Including what is left of their sessions.
        self._say("Stopped.")

    @property
    def _living(self) -> set[str]:
        return {name for name, child in self._children.items() if child.poll() is None}

    def _ask_to_end(self) -> None:
        for name in self._living:
            self._children[name].terminate()

    def _kill(self, names: Iterable[str]) -> None:
        for name in names:
            _kill_session(self._children[name])

    def _dead(self) -> str | None:
        names = (name for name, child in self._children.items() if child.poll() is not None)
        return next(names, None)


def _kill_session(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's session, whether or not the child itself still lives."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    child.wait()
