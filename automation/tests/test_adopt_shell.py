"""The words of a shell line, beside what a real shell makes of it."""

import shutil
import subprocess

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from automation.adoption.shell import commands_of
from automation.adoption.shell_words import UnreadableLineError

#: Those of this machine: Debian's `sh` is dash, elsewhere it is bash.
SHELLS = [path for name in ("sh", "bash") if (path := shutil.which(name))]

_PIECES = [
    *"ab12#;&|<>()$`~*?[]{}=!%^:,'\"\\ \t\n\r\u2028\xa0é",
    *("'", '"', " ", "\\", "\\#", ' "a b" ', " 'a b' ", " #", " 2>", "$A", '"$A"', "\\\n", "''"),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return what a shell calls a function with, that a line begins with; None where it does not."""
    folder = tmp_path_factory.mktemp("shell")
    written = folder / "words"

    def run(shell, line):
        written.unlink(missing_ok=True)
        script = f'r() {{ printf "%s\\0" "$#" "$@" >{written}; }}\n{line}\nwait'
        inside = folder / "inside"
        inside.mkdir(exist_ok=True)
        # No program is found, so that nothing but the function can run.
        environment = {"PATH": "/nowhere", "LC_ALL": "C.UTF-8", "A": "x  y"}
        subprocess.run([shell, "-c", script], cwd=inside, env=environment, capture_output=True)
        if not written.exists():
            return None
        count, *words = written.read_bytes().decode().split("\0")[:-1]
        return words if int(count) else []

    return run


def read(line):
    [command] = commands_of(line, {"A": "x  y"})
    return command


@settings(max_examples=400)
@given(pieces=st.lists(st.sampled_from(_PIECES), max_size=14))
def test_what_is_read_is_what_a_shell_reads(told, pieces):
    line = "r " + "".join(pieces)
    try:
        commands = commands_of(line, {"A": "x  y"})
    except UnreadableLineError:
        return
    words = commands[0].words if len(commands) == 1 else ()
    assume(words and not commands[0].reads and not any(word.filled_in for word in words))

    for shell in SHELLS:
        made = told(shell, line)
        # A shell may refuse a redirection; it never hands on other words.
        assert made == [word.text for word in words[1:]] or (made is None and {*"<>"} & {*line})


@settings(max_examples=150)
@given(
    words=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
            st.integers(0, 2),
        ),
        max_size=4,
    )
)
def test_whatever_is_quoted_is_read_as_it_was(told, words):
    def quoted(text, way):
        if way == 0:
            return "'" + text.replace("'", "'\\''") + "'"
        if way == 1:
            return '"' + "".join(f"\\{char}" if char in '"\\$`' else char for char in text) + '"'
        return "".join("'\n'" if char == "\n" else f"\\{char}" for char in text) or "''"

    line = " ".join(["r", *(quoted(text, way) for text, way in words)])

    found = read(line)

    assert [word.text for word in found.words[1:]] == [text for text, _way in words]
    assert not any(word.filled_in for word in found.words)
    assert told(SHELLS[0], line) == [text for text, _way in words]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("r a # b", ["a"]),
        ("r a#b \\# '#'", ["a#b", "#", "#"]),
        ("r 1 > f", ["1"]),
        ("r 1> f", []),
        ("r 1 2>&1 3", ["1", "3"]),
        ("r --level 2 >> f", ["--level", "2"]),
        ("r a2>f", ["a2"]),
        ("r ';' \\; \"|\"", [";", ";", "|"]),
        ("r \"\" ''", ["", ""]),
        ('r "a\\n\\$b" a\\n', ["a\\n$b", "an"]),
        ("r $A \"$A\" '$A' ${A}b", ["x", "y", "x  y", "$A", "x", "yb"]),
        ("r a$ $ '$'", ["a$", "$", "$"]),
        ("r a &", ["a"]),
        ("(r a)", ["a"]),
        ("{ r a; } > f", ["a"]),
        ("r a=b =c {", ["a=b", "=c", "{"]),
    ],
)
def test_words_are_those_of_a_shell(told, line, words):
    assert [word.text for word in read(line).words[1:]] == words
    assert [told(shell, line) for shell in SHELLS] == [words] * len(SHELLS)


@pytest.mark.parametrize(
    "word",
    [
        *(
            "$B",
            '"$B"',
            "${B}",
            "${A:-b}",
            "$(b)",
            "\"$(b 'c')\"",
            "`b`",
            '"`b`"',
            "$1",
            "$((1+1))",
        ),
        *("*.py", "a?", "[ab]", "~", "~/a", "--a=~/b", "{a,b}", "{1..3}", '$(b $(c) ")")'),
    ],
)
def test_word_that_a_shell_fills_in_says_so(word):
    assert read(f"r {word} end").words[1].filled_in
    assert [one.text for one in read(f"r {word} end").words[2:]] == ["end"]


@pytest.mark.parametrize(
    "line",
    [
        *(
            "r 'a",
            'r "a',
            "r `a",
            "r $(a",
            "r ${a",
            "r a\\",
            "r a &&",
            "| r",
            "r ;; r",
            "r a )",
            "(r a",
        ),
        *(
            "()",
            "r (a)",
            "r a > ",
            "r <<E",
            "r <<<a",
            "r 10>f",
            "r $'a'",
            'r $"a"',
            "(r a) b",
            "& r",
        ),
        *("if r; then r; fi", "! r", "for a in b; do r; done", "r() { a; }", "{ r }"),
    ],
)
def test_what_is_no_plain_line_is_refused(line):
    with pytest.raises(UnreadableLineError):
        commands_of(line, {})


def test_commands_know_what_stands_before_them():
    found = commands_of("a && b || c | d; e & f\n(g; h)", {})

    assert [(one.words[0].text, one.after) for one in found] == [
        *(("a", ""), ("b", "&&"), ("c", "||"), ("d", "|"), ("e", ";"), ("f", "&")),
        *(("g", "\n"), ("h", ";")),
    ]


@pytest.mark.parametrize("line", ["r <f", "r a 0< f", "(r a; r b) <f", "r <&3"])
def test_command_knows_that_it_gets_an_input(line):
    assert all(command.reads for command in commands_of(line, {}))


@pytest.mark.parametrize("line", ["r </dev/null", "r <&-", "r 3<f"])
def test_nothing_is_no_input(line):
    assert not read(line).reads


def test_long_lines_are_read_quickly():
    for line in ("r " + "nohup " * 20_000, "r " + '"' * 20_001, "r " + "$(" * 5_000, "(" * 5_000):
        try:
            commands_of(line, {})
        except UnreadableLineError:
            continue
