"""Why something that was asked for cannot be done: a code for programs, a sentence for people."""

from typing import NamedTuple


class WhyNot(NamedTuple):
    """Why something cannot be done."""

    #: Stable: a program may decide by it.
    code: str
    #: One or two sentences, in the language of whoever asks.
    text: str


class RefusedError(ValueError):
    """A refusal: `why` has its code and its sentence, which is also the error's text."""

    def __init__(self, why: WhyNot) -> None:
        super().__init__(why.text)
        self.why = why
