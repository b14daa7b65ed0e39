"""The place in the code at which a process function is defined."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where a function is defined: the code object and the line."""

    code: CodeType | None
    line: int

    @classmethod
    def of(cls, function: Callable[..., Any]) -> "Place":
        code = getattr(inspect.unwrap(function), "__code__", None)
        return cls(code, getattr(code, "co_firstlineno", 0))

    def __str__(self) -> str:
        return f"{self.code.co_filename}, line {self.line}" if self.code else "somewhere"

    def is_run_again(self, before: "Place") -> bool:
        """Whether these lines were compiled again; what a loop or a decorator defines is not."""
        if self.code is None or before.code is None or self.code is before.code:
            return False
        return (self.code.co_filename, self.line) == (before.code.co_filename, before.line)
