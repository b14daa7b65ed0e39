"""Programs that run another program, named by their arguments, and how to find it there."""

from collections.abc import Sequence
from dataclasses import dataclass

from automation.adoption.shell_words import Word


@dataclass(frozen=True)
class Wrapper:
    """How the command line of a program that runs another program is built.

    `values`: its options that take a value, single letters and whole names. `operands`: how many
    words stand between the options and the command. `subcommand`: the word that must come before
    those options, and `values_before`: options with a value before that word. `sets`: assignments
    may stand before the command. `limits`: it limits the command, as a process does itself.
    """

    values: frozenset[str] = frozenset()
    operands: int = 0
    subcommand: str = ""
    values_before: frozenset[str] = frozenset()
    sets: bool = False
    limits: bool = False


def _wrapper(values: str = "", before: str = "", **options: object) -> Wrapper:
    given = {"values": frozenset(values.split()), "values_before": frozenset(before.split())}
    return Wrapper(**given, **options)  # type: ignore[arg-type]


_LOCK = "E w timeout wait conflict-exit-code"
_IN_CONTAINER = "e u w env env-file user workdir detach-keys index name v volume p publish l label"
_OF_DOCKER = "c H l config context host log-level f p file project-name profile env-file ansi"
_OF_DOCKER += " project-directory parallel progress"
_OF_UV = "p w python with extra group env-file package directory project"

WRAPPERS = {
    "nohup": _wrapper(),
    "chronic": _wrapper(),
    "cronic": _wrapper(),
    "command": _wrapper(),
    "unbuffer": _wrapper(),
    "run-one": _wrapper(limits=True),
    "exec": _wrapper("a"),
    "setsid": _wrapper(),
    "time": _wrapper("f o format output"),
    "stdbuf": _wrapper("i o e input output error"),
    "nice": _wrapper("n adjustment", limits=True),
    "ionice": _wrapper("c n class classdata", limits=True),
    "chrt": _wrapper("T P D", operands=1, limits=True),
    "taskset": _wrapper(operands=1, limits=True),
    "timeout": _wrapper("k s kill-after signal", operands=1, limits=True),
    "flock": _wrapper(_LOCK, operands=1, limits=True),
    "setlock": _wrapper(operands=1, limits=True),
    "env": _wrapper("u C unset chdir", sets=True),
    "sudo": _wrapper("u g h p C r t T U D R user group host prompt chdir chroot", sets=True),
    "doas": _wrapper("u C"),
    "runuser": _wrapper("u g G user group supp-group"),
    "systemd-cat": _wrapper("t p identifier priority stderr-priority"),
    "uv": _wrapper(_OF_UV, "directory project", subcommand="run"),
    "poetry": _wrapper("", "C P directory project", subcommand="run"),
    "pipenv": _wrapper("", subcommand="run"),
    "pdm": _wrapper("", "p project", subcommand="run"),
    "docker": _wrapper(_IN_CONTAINER, _OF_DOCKER, operands=1, subcommand="exec"),
    "podman": _wrapper(_IN_CONTAINER, _OF_DOCKER, operands=1, subcommand="exec"),
    "docker-compose": _wrapper(_IN_CONTAINER, _OF_DOCKER, operands=1, subcommand="exec"),
}


def behind(wrapper: Wrapper, words: Sequence[Word]) -> Sequence[Word]:
    """Return the words of the command that the wrapper runs.

    `words` are those behind the wrapper's own name.
    """
    if wrapper.subcommand:
        words = behind_options(words, wrapper.values_before)
        if [word.text for word in words[:1]] == ["compose"]:
            words = behind_options(words[1:], wrapper.values_before)
        if [word.text for word in words[:1]] not in ([wrapper.subcommand], ["run"]):
            return ()
        words = words[1:]
    words = behind_options(words, wrapper.values)[wrapper.operands :]
    if wrapper.sets:
        words = without_assignments(words)
    return words


def behind_options(words: Sequence[Word], values: frozenset[str]) -> Sequence[Word]:
    """Return the words without leading options and the values of those that take one."""
    position = 0
    while position < len(words) and words[position].text.startswith("-"):
        option = words[position].text
        position += 1
        if option == "--":
            break
        position += _takes_the_next(option, values)
    return words[position:]


def _takes_the_next(option: str, values: frozenset[str]) -> bool:
    if option.startswith("--"):
        return option[2:] in values
    letters = option[1:]
    first = next((place for place, letter in enumerate(letters) if letter in values), None)
    return first is not None and first == len(letters) - 1


def without_assignments(words: Sequence[Word]) -> Sequence[Word]:
    position = 0
    while position < len(words) and words[position].is_assignment:
        position += 1
    return words[position:]
