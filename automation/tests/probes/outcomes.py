"""Process functions that hand over what no database takes, or what nobody may see."""

import base64
import json
import logging
from functools import partial
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import Group
from django.db import transaction

from automation import Run, process

#: What a test lets `hand_over` do.
to_hand_over: list[Any] = []

TOO_LARGE = 2**63


class NoTextError(Exception):
    def __str__(self) -> str:
        raise SystemExit("no words")

    __repr__ = __str__


class NoText(str):
    def __str__(self) -> str:
        raise ValueError("no text")

    def encode(self, *_: Any, **__: Any) -> bytes:
        raise ValueError("no bytes")


def nested(depth: int) -> list:
    found: list = []
    for _ in range(depth):
        found = [found]
    return found


class NoName:
    """To be called after the commit."""

    def __getattribute__(self, name: str) -> Any:
        raise ValueError("no name")

    def __call__(self) -> None:
        raise group_of_groups(2_000)


def group_of_groups(depth: int) -> Exception:
    error: Exception = ValueError("inside")
    for _ in range(depth):
        error = ExceptionGroup("around", [error])
    return error


def _exit(code: object) -> None:
    raise SystemExit(code)


@process
def hand_over(run: Run, *, what: str = "") -> object:
    """Say something hostile: what a test put here, or what it names."""
    run.log.info("before")
    if not what:
        return to_hand_over[0](run)
    logger = logging.getLogger("probes.\0\ud800")
    ways: dict[str, Any] = {
        "large progress": lambda: run.progress(TOO_LARGE),
        "large total": lambda: run.progress(1, TOO_LARGE),
        "nan": lambda: run.progress(float("nan")),  # type: ignore[arg-type]
        "no number": lambda: run.progress("half"),  # type: ignore[arg-type]
        "own columns": lambda: setattr(run.execution, "progress_done", "half"),
        "own text": lambda: run.progress(1, 2, NoText("a")),
        "message": lambda: run.progress(1, 2, "\0\ud800" * 1_000),
        "log": lambda: logger.log(35, "\0 \ud800 %s", "\0" * 10_000),
        "log arguments": lambda: run.log.info("%d and %d", "one"),
        "level": lambda: run.log.handle(
            logging.makeLogRecord(
                {"levelno": 30, "levelname": None, "created": float("nan"), "msg": 3}
            )
        ),
        "deep": lambda: nested(950),
        "no text": lambda: (_ for _ in ()).throw(NoTextError()),
        "groups": lambda: (_ for _ in ()).throw(group_of_groups(2_000)),
        "exit": lambda: (_ for _ in ()).throw(SystemExit(NoText("x"))),
        "after the commit": lambda: transaction.on_commit(NoName()),
        "after the commit, exit": lambda: transaction.on_commit(partial(_exit, NoTextError())),
        "code of an exit": lambda: _exit(NoTextError()),
        "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    }
    return ways[what]()


def _tell_after_the_commit(key: str) -> None:
    logging.getLogger("probes.client").info("Committed with %s", key)
    raise ConnectionError(f"still refused {key}")


@process(sensitive={"api_key"}, preview=True)
def tell_its_key(run: Run, *, api_key: str = "", fails: bool = False) -> dict:
    """Put its key wherever a function can put something."""
    log = logging.getLogger("probes.client")
    run.log.info("Calling with %s", api_key)
    log.warning("GET /?key=%s, %r, %s", quote(api_key, safe=""), api_key, json.dumps(api_key))
    log.info("Authorization: %s", base64.b64encode(api_key.encode()).decode())
    run.progress(1, 2, f"{'calling ' * 22}with {api_key}")
    try:
        raise ConnectionError(f"refused {api_key}")
    except ConnectionError as error:
        log.exception("Lost %s", api_key)
        if fails:
            raise ValueError(f"no answer for {api_key}") from error
    Group.objects.create(name=f"called in run {run.execution_id}")
    transaction.on_commit(partial(_tell_after_the_commit, api_key))
    return {"key": api_key, api_key: [f"with {api_key}"], "length": len(api_key)}
