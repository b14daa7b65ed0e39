"""The text of an exception, whatever it is: an author's own class may fail to give one."""

from traceback import format_exception, format_exception_only
from types import TracebackType

from automation import process_function
from automation.database.transactions import LeftOpenError
from automation.engine.run.interruptions import TimeLimitExceeded
from automation.engine.run.result import ResultError
from automation.parameters import ParameterError

#: Errors of the engine, of which the sentence is enough, without the name of the class.
_OWN = TimeLimitExceeded, ResultError, ParameterError, LeftOpenError


def in_words(error: BaseException) -> str:
    """Return one sentence about an error, for people."""
    try:
        if isinstance(error, SystemExit):
            return f"The function ended its worker: exit({error.code!r})."
        if isinstance(error, _OWN):
            return str(error)
        # Not str(error): that is the author's code, and may raise.
        return "".join(format_exception_only(error)).strip()
    except BaseException:  # The author's code may raise anything here.
        return f"{type(error).__name__}, which cannot be shown."


def traceback_of(error: BaseException, *, below: str = process_function.__file__) -> str:
    try:
        return "".join(format_exception(type(error), error, inside(error, below)))
    except BaseException as why:  # Such as very many exceptions inside one another.
        return f"The traceback cannot be shown: {type(why).__name__}."


def inside(error: BaseException, below: str = process_function.__file__) -> TracebackType | None:
    """Return an error's traceback from the author's code on, without the frames of the engine.

    The frames down to the file `below` are left out.
    """
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != below:
        frames = frames.tb_next
    within = frames.tb_next if frames else None
    return within or error.__traceback__
