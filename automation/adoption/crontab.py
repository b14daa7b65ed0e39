"""A crontab, as crontab(5) has it: Debian cron's rule at clock changes is ours."""

import re
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from automation.adoption import matching
from automation.adoption.found import (
    Found,
    NotAdoptableError,
    Reading,
    Skipped,
    Times,
    Work,
    found,
    named_apart,
)
from automation.adoption.rules import cron_rule

_ASSIGNMENT = re.compile(r"""(["']?)(?P<name>[A-Za-z_]\w*)\1\s*=\s*(?P<value>.*)""")
#: No command begins like this: it is a field more, of seconds or years.
_FIELD = re.compile(r"[\d*?][\d*/,?-]*")

_REDIRECTIONS = {">", ">>", ">|", "<", ">&", "<&", "&>", "&>>"}
_OPERATORS = set("();<>|&")
#: What prepares the shell for the command that counts.
_PREPARATIONS = {"cd", ".", "source", "export", "set", "umask"}
#: Options of every command, which say nothing of what it does.
_OF_DJANGO = re.compile(r"--(settings|pythonpath)=.*|--(no|force)-color")

_ENVIRONMENT = "It sets the environment of commands; a process has the one of its worker."
_ONE_RULE = (
    "Debian's cron and Behflow follow one rule, also when clocks change: the times are the same, "
    "if the clock of cron's host is that of {}."
)
_CRON_TZ = (
    "When it ran is not known: cronie heeds CRON_TZ, Debian's cron ignores it and follows the "
    "clock of its host."
)


def read(text: str, timezone: str, *, has_user: bool = False) -> Reading:
    """Read a crontab whose times are of this zone; CRON_TZ lines set another for what follows.

    `has_user`: its lines name a user before the command, as those of /etc/crontab.
    """
    entries: list[Found] = []
    skipped: list[Skipped] = []
    override = ""
    for number, line in _lines(text):
        assignment = _ASSIGNMENT.fullmatch(line)
        if assignment is None:
            entries.append(_entry(number, line, timezone, override, has_user))
        elif assignment["name"] == "CRON_TZ":
            override = assignment["value"].strip("\"' ")
        else:
            skipped.append(Skipped(number, f"{assignment['name']}=…", _ENVIRONMENT))
    return Reading(
        "crontab", "Line", named_apart(entries, "crontab"), skipped, _ONE_RULE.format(timezone)
    )


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _entry(number: int, line: str, timezone: str, override: str, has_user: bool) -> Found:
    rule, command = _split(line, has_user)
    return found(
        number,
        line,
        _name_of(command),
        times=partial(_times, rule, timezone, override),
        work=partial(_work, command),
    )


def _split(line: str, has_user: bool) -> tuple[str, str]:
    """The rule, and the command; the rule is of more than five fields where the line is."""
    fields = 1 if line.startswith("@") else 5
    words = line.split(maxsplit=fields)
    rest = words[fields] if len(words) > fields else ""
    if fields == 5 and _FIELD.fullmatch(rest.partition(" ")[0]):
        extra, _space, rest = rest.partition(" ")
        words[fields - 1] += f" {extra}"
    if has_user:
        rest = "".join(rest.split(maxsplit=1)[1:])
    return " ".join(words[:fields]), rest


def _times(rule: str, timezone: str, override: str) -> Times:
    ours = cron_rule(rule, override or timezone)
    return Times(ours, None, (_CRON_TZ,)) if override else Times(ours, ours.after)


def _work(command: str) -> Work:
    return matching.by_command(_words_after_manage(command))


def _name_of(command: str) -> str:
    try:
        return _words_after_manage(command)[0]
    except NotAdoptableError:
        return ""


def _words_after_manage(command: str) -> list[str]:
    """What `manage.py` is given. Raises NotAdoptableError where that is not all that runs."""
    if not command:
        raise NotAdoptableError("It names no command.")
    try:
        commands = list(_simple_commands(command))
    except ValueError as error:
        raise NotAdoptableError(f"A shell cannot read it: {error}.") from error
    counting = [words for words in commands if words[0] not in _PREPARATIONS]
    if len(counting) > 1:
        raise NotAdoptableError(
            "It runs more than one command. Write a management command that does all of it, and "
            "register that with command_process."
        )
    for words in counting:
        programs = [PurePosixPath(word).name for word in words]
        position = next((i for i, name in enumerate(programs) if name in _MANAGERS), None)
        given = words[position + 1 :] if position is not None else []
        if given:
            return [word for word in given if not _OF_DJANGO.fullmatch(word)]
    raise NotAdoptableError(
        "It runs a program; a process runs a registered function. Write a function with @process, "
        "or a management command and register that with command_process."
    )


_MANAGERS = {"manage.py", "django-admin"}


def _simple_commands(command: str) -> Iterator[list[str]]:
    """The words of each command in a shell line, without its redirections."""
    reader = shlex.shlex(command.replace(r"\%", "%"), posix=True, punctuation_chars=True)
    reader.whitespace_split, reader.commenters = True, ""
    words: list[str] = []
    for token in reader:
        if token in _REDIRECTIONS:
            if words and words[-1] in {"1", "2"}:  # 2>
                words.pop()
            reader.get_token()
        elif set(token) <= _OPERATORS:
            if words:
                yield words
            words = []
        else:
            words.append(token)
    if words:
        yield words
