"""Read settings from the environment; a wrong value stops the command with one sentence."""

from email.utils import parseaddr
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

import django
import environ
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

env = environ.Env()

#: Every variable that was read, with its default as `.env` would have it.
VARIABLES: dict[str, str] = {}

_FLAGS = {"on": True, "true": True, "1": True, "yes": True}
_FLAGS |= {"off": False, "false": False, "0": False, "no": False}
_DATABASES = {"sqlite", "postgres", "postgresql"}
#: Schemes of mail servers with their usual ports, and schemes of what stands in for a mail server.
_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
_MAIL_STAND_INS = {"consolemail", "filemail", "dummymail"}
#: Seconds that a mail server gets for each answer.
_MAIL_TIMEOUT = 10


def load(path: Path) -> None:
    """Take variables from the file `path` that the environment does not set; it may be missing."""
    if path.is_file():
        env.read_env(path)


def refuse(name: str, value: str, wanted: str) -> NoReturn:
    """Stop the command: Python prints the text of a SystemExit on stderr, and nothing else."""
    raise SystemExit(f"The setting {name} is {value!r}; it must be {wanted}.")


def text(name: str, default: str = "") -> str:
    VARIABLES[name] = default
    # Not env.str: it takes a value that begins with $ for the name of another variable.
    return str(env.ENVIRON.get(name, default)).strip()


def flag(name: str, default: str) -> bool:
    value = text(name, default)
    if value.lower() not in _FLAGS:
        refuse(name, value, "on or off")
    return _FLAGS[value.lower()]


def number(name: str, default: int, low: int, high: int) -> int:
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        refuse(name, value, f"a whole number from {low} to {high}")
    return int(value)


def optional_number(name: str, low: int, high: int) -> int | None:
    """Return a whole number within limits; None where the variable is empty."""
    value = text(name)
    if value and not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        refuse(name, value, f"empty, or a whole number from {low} to {high}")
    return int(value) if value else None


def words(name: str, default: str = "") -> list[str]:
    """Return a list that is separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = text(name, default)
    if value.upper() not in choices:
        refuse(name, value, "one of " + ", ".join(choices))
    return value.upper()


def secret(name: str) -> str:
    value = text(name)
    if not value:
        refuse(name, value, "a long random text; `make run` writes one into .env")
    return value


def zone(name: str, default: str) -> str:
    value = text(name, default)
    if value not in available_timezones():
        refuse(name, value, "a time zone of the IANA list, such as Asia/Tehran or Europe/Berlin")
    return ZoneInfo(value).key


def address(name: str, default: str) -> str:
    """Return an http(s) address without a trailing slash."""
    value = text(name, default).rstrip("/")
    if not _is_address(value):
        refuse(name, value, "an address such as https://behflow.example.org")
    return value


def addresses(name: str) -> list[str]:
    """Return a list of http(s) addresses that are separated by commas."""
    values = words(name)
    if not all(map(_is_address, values)):
        refuse(name, ",".join(values), "addresses such as https://example.org, by commas")
    return values


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def optional_address(name: str) -> str:
    """Return an http(s) address as it stands, or "" for none."""
    value = text(name)
    if value and not _is_address(value):
        refuse(name, _without_password(value), "empty, or an address such as https://example.org/x")
    return value


def email_addresses(name: str) -> list[str]:
    """Return a list of e-mail addresses that are separated by commas."""
    values = words(name)
    if not all(map(_is_email_address, values)):
        refuse(name, ",".join(values), "e-mail addresses such as sara@example.org, by commas")
    return values


def sender(name: str, default: str) -> str:
    """Return an e-mail address, with or without a name before it."""
    value = text(name, default)
    if not _is_email_address(parseaddr(value)[1]):
        wanted = "an e-mail address such as behflow@example.org or Behflow <behflow@example.org>"
        refuse(name, value, wanted)
    return value


def _is_email_address(value: str) -> bool:
    try:
        validate_email(value)
    except ValidationError:
        return False
    return True


def mail_server(name: str, default: str, base: Path) -> dict[str, Any]:
    """Return Django's settings of the mail server (EMAIL_…), from its URL.

    A folder for mails is absolute after three slashes; after two it is relative to `base`.
    """
    value = text(name, default)
    wanted = (
        "smtp+tls://USER:PASSWORD@HOST:PORT (STARTTLS), smtp+ssl://… (TLS), smtp://… (neither), "
        "filemail:///FOLDER or consolemail://"
    )
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in {*_MAIL_PORTS, *_MAIL_STAND_INS}:
        refuse(name, _without_password(value), wanted)
    try:
        config: dict[str, Any] = env.email_url_config(value)
    except Exception:  # The library raises whatever its parsing met.
        refuse(name, _without_password(value), wanted)
    folder = unquote(rest) if scheme == "filemail" else ""
    is_lacking = scheme in _MAIL_PORTS and not config["EMAIL_HOST"]
    if is_lacking or (scheme == "filemail" and not folder.strip("/")):
        refuse(name, _without_password(value), wanted)
    # The library takes the first folder for a host, and an absolute path for a relative one.
    root = "/" if folder.startswith("/") else ""
    config["EMAIL_FILE_PATH"] = str(base / (root + folder.strip("/"))) if folder else ""
    return _mail_settings(config["EMAIL_BACKEND"], _mail_options(scheme, config))


def _mail_options(scheme: str, config: dict[str, Any]) -> dict[str, Any]:
    """The options that the backend of a scheme knows; it refuses any other."""
    if scheme == "filemail":
        return {"file_path": config["EMAIL_FILE_PATH"]}
    if scheme not in _MAIL_PORTS:
        return {}
    return {
        "host": config["EMAIL_HOST"],
        "port": config["EMAIL_PORT"] or _MAIL_PORTS[scheme],
        "username": config["EMAIL_HOST_USER"] or "",
        "password": config["EMAIL_HOST_PASSWORD"] or "",
        "use_tls": config.get("EMAIL_USE_TLS", False),
        "use_ssl": config.get("EMAIL_USE_SSL", False),
        "timeout": _MAIL_TIMEOUT,
    }


def _mail_settings(backend: str, options: dict[str, Any]) -> dict[str, Any]:
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options}}}
    names = {"username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD"}
    older = {names.get(name, f"EMAIL_{name.upper()}"): value for name, value in options.items()}
    return {"EMAIL_BACKEND": backend, **older}


def database(name: str, default: str, base: Path) -> dict[str, Any]:
    """Return a Django database from its URL; a relative SQLite path is relative to `base`."""
    value = text(name, default)
    wanted = "sqlite:///FILE or postgres://USER:PASSWORD@HOST:PORT/NAME"
    scheme = value.partition("://")[0]
    if scheme not in _DATABASES or "://" not in value:
        refuse(name, _without_password(value), wanted)
    try:
        config: dict[str, Any] = env.db_url_config(value)
    except Exception:  # The library raises whatever its parsing met.
        refuse(name, _without_password(value), wanted)
    if not config.get("NAME") or config["NAME"] == ":memory:":  # no other process would see it
        refuse(name, _without_password(value), wanted)
    if scheme == "sqlite":
        config["NAME"] = base / str(config["NAME"])
    return config


def revision(checkout: Path) -> str:
    """Return the git revision of a checkout, read from its files; "" where there is none."""
    try:
        folder = checkout / ".git"
        if folder.is_file():  # A work tree of a repository elsewhere.
            folder = checkout / folder.read_text().removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:12]
        return _revision_of(folder, head.removeprefix("ref: "))[:12]
    except (OSError, ValueError):
        return ""


def _revision_of(folder: Path, ref: str) -> str:
    shared = folder / "commondir"
    home = folder / shared.read_text().strip() if shared.is_file() else folder
    if (home / ref).is_file():
        return (home / ref).read_text().strip()
    lines = (home / "packed-refs").read_text().splitlines()
    return next((line.split()[0] for line in lines if line.endswith(f" {ref}")), "")


def _without_password(url: str) -> str:
    """Return the URL without its password, for an error message."""
    head, at, tail = url.rpartition("@")
    scheme, colon, credentials = head.partition("://")
    if not at or ":" not in credentials:
        return url
    return f"{scheme}{colon}{credentials.partition(':')[0]}:***@{tail}"
