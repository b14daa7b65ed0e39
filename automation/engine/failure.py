"""What is kept of an exception: a sentence and its traceback, as texts that a database takes."""

from traceback import format_exception, format_exception_only

from automation.engine.context import LeftOpenError, TimeLimitExceeded
from automation.engine.result import ResultError
from automation.engine.text import MAX_TEXT, storable
from automation.parameters import ParameterError


def in_words(error: BaseException) -> str:
    """The error in one paragraph: what the engine's own say, else with the exception's name."""
    if isinstance(error, SystemExit):
        return storable(f"The function ended its worker: exit({error.code!r}).", MAX_TEXT)
    if isinstance(error, TimeLimitExceeded | ResultError | ParameterError | LeftOpenError):
        return storable(str(error), MAX_TEXT)
    # Not str(error): that is the author's code, and may raise.
    return storable("".join(format_exception_only(error)).strip(), MAX_TEXT)


def traceback_of(error: BaseException, *, below: str) -> str:
    """From the code of the author on: the engine's own frames, down to the file `below`, tell nothing."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != below:
        frames = frames.tb_next
    inside = frames.tb_next if frames else None
    told = format_exception(type(error), error, inside or error.__traceback__)
    return storable("".join(told), MAX_TEXT)
