"""The commands of a line of the Bourne shell, read without running anything.

A program of the shell itself (`if`, `for`, functions, here-documents) is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from automation.adoption.shell_words import Tokens, UnreadableLineError, Word

_RESERVED = {
    *("!", "if", "then", "elif", "else", "fi", "for", "select", "while", "until", "do", "done"),
    *("case", "esac", "function", "[[", "]]", "coproc"),
}


@dataclass(frozen=True)
class Command:
    """A simple command.

    `after`: the operator before it. `reads`: a file that it gets as input.
    """

    words: tuple[Word, ...]
    after: str = ""
    reads: str = ""


def commands_of(line: str, variables: Mapping[str, str]) -> list[Command]:
    """Read a line; `variables` are those whose values are known. Raises UnreadableLineError."""
    reader = _Commands()
    tokens = iter(Tokens(line, variables))
    for token in tokens:
        if isinstance(token, Word):
            reader.add(token)
        elif "<" in token or ">" in token:
            reader.redirect(token, next(tokens, None))
        else:
            reader.operate(token)
    return reader.finished()


class _Commands:
    """Gathers words into commands."""

    def __init__(self) -> None:
        self.found: list[Command] = []
        self.open: list[str] = []
        self.after = ""
        self._begin()

    def _begin(self) -> None:
        self.words: list[Word] = []
        self.reads, self.is_redirected, self.is_closed, self.is_ended = "", False, False, False

    @property
    def _is_empty(self) -> bool:
        return not (self.words or self.is_redirected or self.is_closed)

    def add(self, word: Word) -> None:
        if self.is_closed:
            raise UnreadableLineError(f"{word.text!r} follows a closing bracket")
        if word.is_bare and not self.words:
            if word.text in {"{", "}"}:
                self.operate(word.text)
                return
            if word.text in _RESERVED:
                raise UnreadableLineError(f"`{word.text}` makes it a program of the shell")
        self.words.append(word)

    def redirect(self, operator: str, target: "Word | str | None") -> None:
        kind = operator.lstrip("0123456789")
        if kind.startswith("<<"):
            raise UnreadableLineError("it has a here-document")
        if not isinstance(target, Word):
            raise UnreadableLineError(f"nothing follows {operator!r}")
        self.is_redirected = True
        descriptor = operator.removesuffix(kind) or ("0" if kind[0] == "<" else "1")
        closes = kind == "<&" and target.text == "-"
        if int(descriptor) == 0 and not closes and target.text != "/dev/null":
            self.reads = target.text

    def operate(self, operator: str) -> None:
        if operator in {"(", "{"}:
            if not self._is_empty:
                raise UnreadableLineError(f"{operator!r} inside a command")
            self.open.append(operator)
            self.is_ended = False
        elif operator in {")", "}"}:
            self._close(operator)
        elif operator == ";;":
            raise UnreadableLineError("`;;` outside of `case`")
        elif not self._is_empty:
            self._end()
            self.after, self.is_ended = operator, operator in {";", "&", "\n"}
        elif operator != "\n":
            raise UnreadableLineError(f"nothing stands before {operator!r}")

    def _close(self, operator: str) -> None:
        if not self.open or self.open.pop() + operator not in {"()", "{}"}:
            raise UnreadableLineError(f"{operator!r} closes nothing")
        if self._is_empty and not self.is_ended:
            raise UnreadableLineError(f"nothing stands before {operator!r}")
        self._end()
        self.is_closed = True

    def _end(self) -> None:
        if self.words:
            self.found.append(Command(tuple(self.words), self.after, self.reads))
        elif (
            self.reads and self.is_closed
        ):  # The input of a group: each of its commands may read it.
            self.found = [replace(one, reads=one.reads or self.reads) for one in self.found]
        self._begin()

    def finished(self) -> list[Command]:
        if self.open:
            raise UnreadableLineError(f"{self.open[-1]!r} is not closed")
        if self._is_empty and self.after in {"&&", "||", "|"}:
            raise UnreadableLineError(f"nothing follows {self.after!r}")
        self._end()
        return self.found
