"""The wire between a node and PostgreSQL, which can be frozen and cut, or lead through a pooler."""

import os
import socket
import tempfile
import threading
from contextlib import suppress
from typing import Any

from django.db import connection


class _Pair:
    """One connection: the node's end and the server's."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.has_effect = False  # it is that of the run whose commit is waited for
        self.drops_replies = False

    def cut(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Wire:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="behflow-wire-")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder.name}/.s.PGSQL.5432")
        self._listener.listen(100)
        self._pairs: list[_Pair] = []
        self._open = threading.Event()
        self._open.set()
        self.swallows_notices = False
        #: "before" or "after" the server has the COMMIT of a run that wrote an effect.
        self.cuts_commit = ""
        self.cuts = 0
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, *call: Any) -> None:
        self._threads.append(threading.Thread(target=call[0], args=call[1:], daemon=True))
        self._threads[-1].start()

    @property
    def folder(self) -> str:
        return self._folder.name

    def open_to_all(self) -> None:
        """Let other users of this machine connect."""
        os.chmod(self.folder, 0o711)  # noqa: S103
        os.chmod(f"{self.folder}/.s.PGSQL.5432", 0o666)  # noqa: S103

    @property
    def url(self) -> str:
        name = connection.settings_dict["NAME"]
        user = connection.settings_dict["USER"]
        return f"postgres://{user}@/{name}?host={self._folder.name}"

    def freeze(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    def close(self) -> None:
        self.thaw()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            pair.cut()
        for thread in self._threads:
            thread.join(10)
        for pair in self._pairs:
            pair.client.close()
            pair.server.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                pair = _Pair(client, _to_the_server())
                self._pairs.append(pair)
                for pump in (self._carry_questions, self._carry_answers):
                    self._run(pump, pair)

    def _carry_questions(self, pair: _Pair) -> None:
        with suppress(OSError):
            while data := pair.client.recv(65_536):
                self._open.wait()
                pair.has_effect |= b"effect of" in data
                if pair.has_effect and self.cuts_commit and b"COMMIT" in data:
                    self.cuts += 1
                    how, self.cuts_commit = self.cuts_commit, ""
                    if how == "before":
                        break
                    pair.drops_replies = True
                pair.server.sendall(data)
        pair.cut()

    def _carry_answers(self, pair: _Pair) -> None:
        rest = b""
        with suppress(OSError):
            while data := pair.server.recv(65_536):
                self._open.wait()
                if pair.drops_replies:
                    break
                whole, rest = _whole_messages(rest + data)
                pair.client.sendall(b"".join(m for m in whole if not self._swallows(m)))
        pair.cut()

    def _swallows(self, message: bytes) -> bool:
        return self.swallows_notices and message[:1] == b"A"  # NotificationResponse


def _whole_messages(data: bytes) -> tuple[list[bytes], bytes]:
    """Yield whole messages of PostgreSQL's protocol: a letter, and a length that counts itself."""
    found = []
    while len(data) >= 5 and len(data) > (length := int.from_bytes(data[1:5], "big")):
        found.append(data[: length + 1])
        data = data[length + 1 :]
    return found, data


def _to_the_server() -> socket.socket:
    config = connection.settings_dict
    host = config["HOST"] or config.get("OPTIONS", {}).get("host") or "/var/run/postgresql"
    port = int(config["PORT"] or 5432)
    if not os.path.isabs(host):
        return socket.create_connection((host, port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server
