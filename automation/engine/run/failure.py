"""What an exception says, whatever it is: an author's own may fail at saying anything."""

from traceback import format_exception, format_exception_only
from types import TracebackType

from automation import registry
from automation.engine.run.interruptions import LeftOpenError, TimeLimitExceeded
from automation.engine.run.result import ResultError
from automation.parameters import ParameterError

#: Of these the sentence alone is told: it is the engine's own.
_OWN = TimeLimitExceeded, ResultError, ParameterError, LeftOpenError


def in_words(error: BaseException) -> str:
    """One sentence for a person."""
    try:
        if isinstance(error, SystemExit):
            return f"The function ended its worker: exit({error.code!r})."
        if isinstance(error, _OWN):
            return str(error)
        # Not str(error): that is the author's code, and may raise.
        return "".join(format_exception_only(error)).strip()
    except BaseException:  # Whatever its code raises when it is asked.
        return f"{type(error).__name__}, which cannot be shown."


def traceback_of(error: BaseException, *, below: str = registry.__file__) -> str:
    try:
        return "".join(format_exception(type(error), error, inside(error, below)))
    except BaseException as why:  # Exceptions inside exceptions inside exceptions, for one.
        return f"The traceback cannot be shown: {type(why).__name__}."


def inside(error: BaseException, below: str = registry.__file__) -> TracebackType | None:
    """Its traceback from the author's code on: the engine's own, down to a file, tells nothing."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != below:
        frames = frames.tb_next
    within = frames.tb_next if frames else None
    return within or error.__traceback__
