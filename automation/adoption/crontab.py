"""A crontab, as crontab(5) describes it. At clock changes a process follows Debian's cron."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

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
from automation.adoption.invocation import SHELLS, Invocation, invocation_in
from automation.adoption.matching import by_command
from automation.adoption.rules import cron_rule
from automation.adoption.shell_words import BLANKS
from automation.schedule import ClockChange, CronRule, is_beyond_cron

_ASSIGNMENT = re.compile(r"""(["']?)(?P<name>[A-Za-z_]\w*)\1[ \t]*=[ \t]*(?P<value>.*)""", re.ASCII)
#: The form of a sixth field, of seconds or years: no command begins like this.
_FIELD = re.compile(r"[\d*?][\d*/,?-]*", re.ASCII)

_ENVIRONMENT = "It sets the environment of commands; a process has the one of its worker."
_ONE_RULE = (
    "Debian's cron and processes follow one rule, if the clock of cron's host is that of {}. Where "
    "clocks skip several times of one line, cron starts it once for each of them, at once after "
    "another; a process starts once."
)
_WINDOWS = "Its lines end as Windows ends them; cron would give each command the CR at its end."
_BEYOND_CRON = (
    "Debian's cron refuses this rule, for it has a step behind a number (5/15), L or #: what ran it is "
    "not known. A process reads 5/15 as 5-59/15."
)
_CRON_TZ = (
    "When it ran is not known: cronie heeds CRON_TZ, Debian's cron ignores it and follows the "
    "clock of its host."
)


@dataclass
class _Context:
    """What a line of a crontab depends on: its time zone, and what earlier lines have set."""

    timezone: str
    has_user: bool
    override: str = ""
    variables: dict[str, str] = field(default_factory=dict)


def read(text: str, timezone: str, *, has_user: bool = False) -> Reading:
    """Read a crontab whose times are of this zone; a CRON_TZ line sets another for what follows.

    `has_user`: its lines name a user before the command, as in /etc/crontab. In `text`, bytes that
    are no UTF-8 stand as surrogates, as `surrogateescape` makes them.
    """
    entries: list[Found] = []
    skipped: list[Skipped] = []
    context = _Context(timezone, has_user)
    for number, line in _lines(text):
        assignment = _ASSIGNMENT.fullmatch(line)
        if assignment is None:
            entries.append(_entry(number, line, context))
            continue
        name, value = assignment["name"], _unquoted(assignment["value"])
        if name == "CRON_TZ":
            context.override = value
        else:
            skipped.append(Skipped(number, f"{name}=…", _ENVIRONMENT))
        context.variables[name] = value
    remarks = [_ONE_RULE.format(timezone), *([_WINDOWS] if "\r\n" in text else [])]
    named = named_apart(entries, "crontab")
    return Reading("crontab", "Line", named, skipped, " ".join(remarks))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Split a crontab into lines as cron does: at line feeds alone, with blanks and tabs around."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        stripped = line.removesuffix("\r").strip(BLANKS)
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _unquoted(value: str) -> str:
    value = value.strip(BLANKS)
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def _entry(number: int, line: str, context: _Context) -> Found:
    rule, command = _split(line, context.has_user)
    invocation, problem = _try_invocation(command, context.variables)
    return found(
        number,
        line.encode(errors="surrogateescape").decode(errors="backslashreplace"),
        invocation.words[0] if invocation else "",
        times=partial(_times, rule, context.timezone, context.override),
        work=partial(_work, invocation, problem),
        notes=invocation.notes if invocation else [],
    )


def _split(line: str, has_user: bool) -> tuple[str, str]:
    """Return the rule and the command of a line.

    The rule has more than five fields where the line has more.
    """
    fields = 1 if line.startswith("@") else 5
    words = re.split(f"[{BLANKS}]+", line, maxsplit=fields)
    rest = words[fields] if len(words) > fields else ""
    if fields == 5 and _FIELD.fullmatch(_first(rest)[0]):
        extra, rest = _first(rest)
        words[fields - 1] += f" {extra}"
    if has_user:
        rest = _first(rest)[1]
    return " ".join(words[:fields]), rest


def _first(text: str) -> tuple[str, str]:
    """Return the first word of a text, and the rest."""
    word, *rest = re.split(f"[{BLANKS}]+", text, maxsplit=1)
    return word, rest[0] if rest else ""


def _times(rule: str, timezone: str, override: str) -> Times:
    ours = cron_rule(rule, override or timezone)
    if override:
        return Times(ours, None, (_CRON_TZ,))
    if is_beyond_cron(rule):
        return Times(ours, None, (_BEYOND_CRON,))
    return Times(ours, ours.after, at_once=partial(_starts_at_once, ours))


def _starts_at_once(rule: CronRule, change: ClockChange) -> int:
    """How often Debian's cron starts a line at once after clocks skipped times of it."""
    return sum(
        sum(1 for _ in line.wall_times_touched(change)) + line.is_due_at(change.wall_after)
        for line in rule.lines
        if line.catches_up(change)
    )


def _work(invocation: Invocation | None, problem: str) -> Work:
    if invocation is None:
        raise NotAdoptableError(problem)
    return by_command(invocation.words)


def _try_invocation(command: str, variables: Mapping[str, str]) -> tuple[Invocation | None, str]:
    try:
        return _invocation(command, variables), ""
    except NotAdoptableError as error:
        return None, str(error)


def _invocation(command: str, variables: Mapping[str, str]) -> Invocation:
    if not command:
        raise NotAdoptableError("It names no command.")
    shell = variables.get("SHELL", "/bin/sh")
    if PurePosixPath(shell).name not in SHELLS:
        raise NotAdoptableError(f"Its SHELL is {shell}, whose lines are not read here.")
    line, given = _without_percent(command, "%\\")
    if given:
        raise NotAdoptableError(
            "What stands behind its % is given to it as input; a process has none. A % that is "
            r"meant is written \% in a crontab."
        )
    invocation = invocation_in(line, variables)
    # Cronie and Debian's cron must read it alike; the latter takes `\\` for one backslash.
    if invocation != invocation_in(_without_percent(command, "%")[0], variables):
        raise NotAdoptableError(r"Crons differ about its \\: write it with single backslashes.")
    return invocation


def _without_percent(command: str, escaped: str) -> tuple[str, str]:
    """Return the line that the shell gets, and its input, which begins at a bare `%`.

    `escaped`: the characters before which cron takes a backslash away.
    """
    line: list[str] = []
    characters = iter(command)
    for char in characters:
        if char == "%":
            return "".join(line), "".join(characters)
        following = next(characters, "") if char == "\\" else ""
        line.append(following if following and following in escaped else char + following)
    return "".join(line), ""
