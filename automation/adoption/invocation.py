"""The arguments that a shell line gives to `manage.py`, whatever other programs stand around it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automation.adoption.found import NotAdoptableError
from automation.adoption.shell import Command, commands_of
from automation.adoption.shell_words import UnreadableLineError, Word
from automation.adoption.wrappers import WRAPPERS, behind, without_assignments

#: How deep shells within shells are read.
_DEEPEST = 5

_MANAGERS = {"manage.py", "django-admin", "django-admin.py"}
_MODULES = {"django", "manage"}
SHELLS = {"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"}
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?")
#: Options of every command of Django's, which say nothing of what it does.
_WITH_VALUE, _WITHOUT_VALUE = {"--settings", "--pythonpath"}, {"--no-color", "--force-color"}

#: Programs that only prepare the shell for the command that counts.
_PREPARATIONS = {"cd", ".", "source", "export", "set", "umask", "unset", "ulimit", "shopt"}
_NOTHING = {"true", ":", "exit"}
#: Finds what may change variables of the shell, so that values set in the crontab are not certain.
_SETS_VARIABLES = re.compile(
    r"(?:^|[\s;&|(])(?:\.|source|eval|export|read|set|unset|\w+=\S*)\s", re.A
)

#: A character that no crontab has; it stands for text that is not known.
_HOLE = "\ufdd0"

_PROGRAM = (
    "It runs a program; a process runs a registered function. Write a function with @process, or a "
    "management command and register that with command_process."
)
_SEVERAL = (
    "It runs more than one command. Write a management command that does all of it, and register "
    "that with command_process."
)


@dataclass(frozen=True)
class Invocation:
    """A management command as it is called.

    `words`: its name and arguments. `under`: the programs that run it.
    """

    words: tuple[str, ...]
    under: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        if not self.under:
            return []
        listed = ", ".join(self.under)
        return [
            f"It runs under {listed} there; a process has a time limit and overlaps of its own."
        ]


def invocation_in(line: str, variables: Mapping[str, str]) -> Invocation:
    """Return the management command that a shell line runs.

    Raises NotAdoptableError where the line runs anything else, or cannot be read.
    """
    return _in_script(line, {} if _SETS_VARIABLES.search(line) else variables, (), _DEEPEST)


def _in_script(
    line: str, variables: Mapping[str, str], under: tuple[str, ...], depth: int
) -> Invocation:
    try:
        commands = commands_of(line, variables)
    except UnreadableLineError as error:
        raise NotAdoptableError(f"A shell line like this is not read here: {error}.") from error
    if depth == 0:
        raise NotAdoptableError(_PROGRAM)
    command = _the_one(commands)
    if command.reads:
        raise NotAdoptableError(
            f"It reads {command.reads} as its input; a process has none. Let the command open it."
        )
    return _of_words(command.words, variables, under, depth)


def _the_one(commands: Sequence[Command]) -> Command:
    """Return the one command that does something; others prepare it, or do nothing after it."""
    counting = [place for place, one in enumerate(commands) if _head(one) not in _PREPARATIONS]
    counting = [place for place in counting if not _is_fallback(commands, place)]
    if len(counting) > 1 or any(one.after == "|" for one in commands):
        raise NotAdoptableError(_SEVERAL)
    if not counting:
        raise NotAdoptableError(_PROGRAM)
    [place] = counting
    if commands[place].after in {"||", "&"} or any(
        _head(one) == "exit" and one.after != "||" for one in commands[:place]
    ):
        raise NotAdoptableError(_SEVERAL)
    return commands[place]


def _head(command: Command) -> str:
    """Return the name of a command's program; "set" where it only sets variables."""
    words = without_assignments(command.words)
    return _program(words) if words else "set"


def _is_fallback(commands: Sequence[Command], place: int) -> bool:
    """Whether a command does nothing: `|| true`, `|| exit 1`, or `true` or `exit` at the end."""
    is_last = place > 0 and place == len(commands) - 1
    return _head(commands[place]) in _NOTHING and (commands[place].after == "||" or is_last)


def _of_words(
    words: Sequence[Word], variables: Mapping[str, str], under: tuple[str, ...], depth: int
) -> Invocation:
    words = without_assignments(words)
    while words and (wrapper := WRAPPERS.get(_program(words))) is not None:
        name, inner = _program(words), behind(wrapper, words[1:])
        if wrapper.limits:
            under = (*under, name)
        else:  # The wrapper may give another environment.
            variables = {}
        is_line = name == "flock" and inner and inner[0].text in {"-c", "--command"}
        words = [Word("sh"), *inner] if is_line else inner
    if not words:
        raise NotAdoptableError(_PROGRAM)
    if (script := _script_of(_program(words), words[1:])) is not None:
        return _in_script(_with_holes(script), variables, under, depth - 1)
    return Invocation(_given(_behind_manager(words)), under)


def _program(words: Sequence[Word]) -> str:
    return words[0].text.rpartition("/")[2]


def _behind_manager(words: Sequence[Word]) -> Sequence[Word]:
    """Return the arguments that Django gets; empty where the words run something else."""
    program, rest = _program(words), words[1:]
    if program in _MANAGERS:
        return rest
    if _PYTHON.fullmatch(program):
        return _behind_python(rest)
    # `$PYTHON manage.py`
    return rest[1:] if words[0].filled_in and _is_manager(rest) else ()


def _is_manager(words: Sequence[Word]) -> bool:
    return bool(words) and _program(words) in _MANAGERS


def _behind_python(words: Sequence[Word]) -> Sequence[Word]:
    place = 0
    while place < len(words) and words[place].text.startswith("-"):
        option = words[place].text
        place += 1
        letter = next((at for at, char in enumerate(option[1:], 1) if char in "mcWX"), 0)
        if option.startswith("--") or not letter:
            continue
        attached = option[letter + 1 :]
        if option[letter] in "WX":
            place += not attached
        elif option[letter] == "c":
            return ()
        else:
            module = attached or (words[place].text if place < len(words) else "")
            return words[place + (not attached) :] if module in _MODULES else ()
    return words[place + 1 :] if _is_manager(words[place:]) else ()


def _script_of(program: str, words: Sequence[Word]) -> Word | None:
    """Return the line that `sh -c`, `su -c` or the like is given; None for another program."""
    if program == "su":
        place = next((at for at, word in enumerate(words) if word.text in {"-c", "--command"}), -1)
        return words[place + 1] if 0 <= place < len(words) - 1 else None
    if program not in SHELLS:
        return None
    place, has_line = 0, False
    while place < len(words) and words[place].text[:1] in {"-", "+"}:
        option = words[place].text
        place += 1
        if option == "--":
            break
        if not option.startswith("--"):
            has_line = has_line or "c" in option
            place += "o" in option.lower()  # -o pipefail
    return words[place] if has_line and place < len(words) else None


def _with_holes(script: Word) -> str:
    """Return a script with a mark in place of what the outer shell fills in: that is not known."""
    text = script.text
    for begin, end in reversed(script.holes):
        text = text[:begin] + _HOLE + text[end:]
    return text


def _given(words: Sequence[Word]) -> tuple[str, ...]:
    """Return the name and arguments of a management command.

    Raises NotAdoptableError where a shell fills them in.
    """
    if not words:
        raise NotAdoptableError(_PROGRAM)
    for word in words:
        if word.filled_in or word.known or _HOLE in word.text:
            raise NotAdoptableError(_filled_in(word))
        if any("\ud800" <= char <= "\udfff" or char == "\0" for char in word.text):
            raise NotAdoptableError("An argument is not UTF-8: save the crontab as UTF-8 first.")
    return _without_common_options([word.text for word in words])


def _filled_in(word: Word) -> str:
    """Return a sentence about what a shell fills in, without values, which may be secrets."""
    part, _by, what = word.filled_in.partition(" by ")
    shown = f"In {word.text.replace(_HOLE, '…')!r} a" if not word.known else "A"
    return (
        f"{shown} shell replaces {part or word.known or '…'} by {what or 'its value'}; a process has "
        "no shell. Write the value there first, or let the command work it out."
    )


def _without_common_options(words: list[str]) -> tuple[str, ...]:
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            kept += [word, *rest]
        elif word in _WITH_VALUE and kept:
            next(rest, None)
        elif not (kept and (word in _WITHOUT_VALUE or word.partition("=")[0] in _WITH_VALUE)):
            kept.append(word)
    return tuple(kept)
