"""The words and operators of a line of the Bourne shell, read without running anything.

A word that a shell would fill in (variables, output of commands, file names) keeps its text and
says so. No library is used: `shlex` cannot tell a quoted `;` from a bare one, nor `2>` from `2 >`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: What separates words; a shell splits at no other white space.
BLANKS = " \t"

_OPERATOR = re.compile(r"&&|\|\||;;|<<-?|>>|<&|>&|<>|>\||[;&|()<>\n]")
_VARIABLE = re.compile(
    r"\$(?:(?P<name>[A-Za-z_]\w*|[0-9@*#?$!-])|\{(?P<braced>[A-Za-z_]\w*)\})", re.A
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=", re.A)

#: What a shell, or some shells, make of a character in a word without quotes.
_SPECIAL = {
    **dict.fromkeys("*?[", "file names"),
    "{": "several words, as some shells do",
}
_ESCAPABLE_IN_QUOTES = '$`"\\\n'


class UnreadableLineError(ValueError):
    """A line cannot be read without running it; the text says why."""


@dataclass(frozen=True)
class Word:
    """A word of a shell line.

    `filled_in`: what a shell replaces in it first, and by what; "" for a literal word.
    `holes`: where in the text all that a shell replaces stands, as pairs of begin and end.
    `known`: the first variable whose value was put in.
    `bare`: how many of the first characters stand without quotes; -1 where the text is empty.
    """

    text: str
    filled_in: str = ""
    holes: tuple[tuple[int, int], ...] = ()
    known: str = ""
    bare: int = 0

    @property
    def is_bare(self) -> bool:
        return self.bare == len(self.text) and not self.filled_in

    @property
    def is_assignment(self) -> bool:
        found = _ASSIGNMENT.match(self.text)
        return bool(found and found.end() <= self.bare)


@dataclass
class Tokens:
    """The words and operators of a line; a redirection has its number, as `2>`."""

    line: str
    variables: Mapping[str, str]
    position: int = 0

    def __iter__(self) -> Iterator[Word | str]:
        is_target = False  # of a redirection
        while self._skip_blanks():
            operator = _OPERATOR.match(self.line, self.position)
            if operator:
                self.position = operator.end()
                yield operator[0]
                is_target = operator[0][0] in "<>"
                continue
            words = _WordReader(self).read()
            if is_target and len(words) != 1:
                raise UnreadableLineError("shells differ about several words behind a redirection")
            number = words[0].text if len(words) == 1 and words[0].is_bare else ""
            operator = _OPERATOR.match(self.line, self.position)
            if operator and operator[0][0] in "<>" and number.isascii() and number.isdigit():
                if len(number) > 1:
                    raise UnreadableLineError(f"shells differ about {number}{operator[0]}")
                self.position = operator.end()
                yield number + operator[0]
                is_target = True
            else:
                yield from words
                is_target = False

    def _skip_blanks(self) -> bool:
        """Move to the next word or operator; False where there is none."""
        while self.position < len(self.line):
            if self.line[self.position] in BLANKS:
                self.position += 1
            elif self.line[self.position] == "#":
                end = self.line.find("\n", self.position)
                self.position = len(self.line) if end < 0 else end
            else:
                return True
        return False


@dataclass
class _WordReader:
    """Reads one word; a variable that holds blanks makes several of it."""

    tokens: Tokens
    words: list[Word] = field(default_factory=list)
    text: str = ""
    filled_in: str = ""
    holes: list[tuple[int, int]] = field(default_factory=list)
    known: str = ""
    bare: int = 0
    is_bare: bool = True
    is_there: bool = False

    @property
    def _line(self) -> str:
        return self.tokens.line

    def read(self) -> list[Word]:
        line = self._line
        while self.tokens.position < len(line):
            char = line[self.tokens.position]
            if char in BLANKS or _OPERATOR.match(line, self.tokens.position):
                break
            self._read_part(char)
        self._finish()
        return self.words

    def _read_part(self, char: str) -> None:
        if char == "'":
            self._add(self._until_quote(), quoted=True)
        elif char == '"':
            self.tokens.position += 1
            self._read_quoted()
        elif char == "\\":
            self._add(self._escaped(), quoted=True)
        elif char in "$`":
            self._expand(quoted=False)
        else:
            self._read_bare(char)

    def _read_bare(self, char: str) -> None:
        if char in _SPECIAL:
            self._read_special(char)
        elif char == "~" and (not self.text or self.text[-1] in "=:"):
            self._mark(char, "a home directory")
        self._add(char, quoted=False)
        self.tokens.position += 1

    def _read_special(self, char: str) -> None:
        # `{` alone is a word that opens a group, and `[` one that tests.
        behind = self._line[self.tokens.position + 1 : self.tokens.position + 2]
        if not (char in "{[" and not self.is_there and behind in {"", "\n", *BLANKS}):
            self._mark(char, _SPECIAL[char])

    def _mark(self, part: str, by: str) -> None:
        """Note that a shell replaces the part of the word that is added next."""
        self.filled_in = self.filled_in or f"{part} by {by}"
        self.holes.append((len(self.text), len(self.text) + len(part)))

    def _add(self, text: str, *, quoted: bool) -> None:
        self.is_bare = self.is_bare and not quoted
        self.bare += len(text) if self.is_bare else 0
        self.text += text
        self.is_there = True

    def _finish(self) -> None:
        if self.is_there:
            bare = self.bare if self.text else -1
            holes = tuple(self.holes)
            self.words.append(Word(self.text, self.filled_in, holes, self.known, bare))
        self.text, self.filled_in, self.holes, self.known, self.bare = "", "", [], "", 0
        self.is_bare, self.is_there = True, False

    def _until_quote(self) -> str:
        begin = self.tokens.position + 1
        end = self._line.find("'", begin)
        if end < 0:
            raise UnreadableLineError("No closing quotation")
        self.tokens.position = end + 1
        return self._line[begin:end]

    def _escaped(self) -> str:
        char = self._line[self.tokens.position + 1 : self.tokens.position + 2]
        if char in {"", "\n"}:
            raise UnreadableLineError("it goes on behind a backslash")
        self.tokens.position += 2
        return char

    def _read_quoted(self) -> None:
        """Read what stands between double quotes; the opening one has been read."""
        self._add("", quoted=True)
        while (char := self._line[self.tokens.position : self.tokens.position + 1]) != '"':
            if not char:
                raise UnreadableLineError("No closing quotation")
            behind = self._line[self.tokens.position + 1 : self.tokens.position + 2]
            if char == "\\" and behind and behind in _ESCAPABLE_IN_QUOTES:
                self._add(self._escaped(), quoted=True)
            elif char in "$`":
                self._expand(quoted=True)
            else:
                self._add(char, quoted=True)
                self.tokens.position += 1
        self.tokens.position += 1

    def _expand(self, *, quoted: bool) -> None:
        """Read a part that begins with `$` or a backquote."""
        begin = self.tokens.position
        variable = _VARIABLE.match(self._line, begin)
        if variable is not None:
            self.tokens.position = variable.end()
            self._put(variable, quoted=quoted)
            return
        end = _end_of_expansion(self._line, begin, quoted=quoted)
        self.tokens.position = end
        part = self._line[begin:end]
        if part != "$":
            self._mark(part, "what it gives")
        elif self.known and not quoted:  # Bash does not split the word at blanks of the value then.
            raise UnreadableLineError("shells differ about a $ beside a variable")
        self._add(part, quoted=True)

    def _put(self, variable: re.Match[str], *, quoted: bool) -> None:
        value = self.tokens.variables.get(variable["name"] or variable["braced"])
        if value is None:
            self._mark(variable[0], "its value")
            self._add(variable[0], quoted=True)
        elif quoted:
            self._put_known(variable[0], value)
        else:
            self._split(variable[0], value)

    def _put_known(self, variable: str, value: str) -> None:
        self.known = self.known or variable
        self.holes.append((len(self.text), len(self.text) + len(value)))
        self._add(value, quoted=True)

    def _split(self, variable: str, value: str) -> None:
        if "$" in self.text:
            raise UnreadableLineError("shells differ about a $ beside a variable")
        first, *others = re.split(r"[ \t\n]+", value)
        for number, part in enumerate([first, *others]):
            if number:
                self._finish()
            if any(char in "*?[" for char in part):
                self.filled_in = self.filled_in or f"{variable} by file names"
            if part:
                self._put_known(variable, part)


def _end_of_expansion(line: str, begin: int, *, quoted: bool) -> int:
    """Return where the part that begins at `begin` with `$` or a backquote ends.

    A `$` may stand for itself.
    """
    behind = line[begin + 1 : begin + 2]
    if line[begin] == "`":
        return _end_of_backquotes(line, begin)
    if behind in {"(", "{"}:
        return _end_of_brackets(line, begin + 1, quoted=quoted)
    if behind in {"'", '"'} and not quoted:
        raise UnreadableLineError(f"shells differ about ${behind}")
    return begin + 1


def _end_of_backquotes(line: str, begin: int) -> int:
    end = begin + 1
    while end < len(line) and line[end] != "`":
        end += 2 if line[end] == "\\" else 1
    if end >= len(line):
        raise UnreadableLineError("a backquote is not closed")
    return end + 1


_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*"|[(){}]|[^\\'"(){}]+""", re.DOTALL)


def _end_of_brackets(line: str, begin: int, *, quoted: bool) -> int:
    """Return where the bracket that opens at `begin` is closed."""
    expected: list[str] = []
    for part in _QUOTED.finditer(line, begin):
        is_bare = part[0][0] not in "'\""
        if is_bare and re.search(r"<<|(?:^|\s)(?:#|case\s)", part[0]):
            break
        if quoted and line[begin] == "{" and part[0][0] == "'":  # As in "${x:-it's}".
            break
        if part[0] in {"(", "{"}:
            expected.append(")" if part[0] == "(" else "}")
        elif part[0] in {")", "}"}:
            if expected.pop() != part[0]:
                break
            if not expected:
                return part.end()
    raise UnreadableLineError(f"where {line[begin - 1 : begin + 1]} ends cannot be told")
