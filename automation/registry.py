"""Process functions: `@process` registers a function under a key, `get` and `find` return it.

Each installed app's `processes.py` is imported at start, so whatever it registers is known in every
command, web process and worker.
"""

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, overload

from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext as _

from automation.parameters import MASK
from automation.place import Place
from automation.process_function import Options, ProcessFunction

F = TypeVar("F", bound=Callable[..., Any])


class ProcessNotRegisteredError(LookupError):
    """No installed app registers a process function under this key."""

    def __init__(self, key: str) -> None:
        self.key = key
        close = difflib.get_close_matches(key, _functions, n=1)
        text = _("No process function is registered as %(key)r.") % {"key": key}
        hint = _("Did you mean %(name)s?") % {"name": close[0]} if close else ""
        super().__init__(f"{text} {hint}".rstrip())


_functions: dict[str, ProcessFunction] = {}


@overload
def process(function: F, /) -> F: ...
@overload
def process(
    *,
    default_cron: str | Callable[[], str] | None = None,
    atomic: bool = True,
    changes: type[Model] | None = None,
    preview: bool = False,
    undo: Callable[..., Any] | None = None,
    form: type[forms.Form] | None = None,
    sensitive: Collection[str] = (),
    aliases: Collection[str] = (),
) -> Callable[[F], F]: ...
def process(
    function: Callable[..., Any] | None = None,
    /,
    *,
    default_cron: str | Callable[[], str] | None = None,
    **options: Any,
) -> Any:
    """Register a function as a process function and return it unchanged.

    `default_cron`: a cron rule of five fields, or a callable that returns one; a process of the
        function's name is then created by `migrate`, and follows it while it sets no rule itself.
    `atomic`: the function's writes and the record of its success are one transaction. False is
        for long work that commits as it goes and is safe to repeat.
    `changes`: the model of the rows that a run writes to say what it changed; it has a foreign
        key `execution`.
    `preview`: whether a run may be tried in a transaction that is rolled back. By True the author
        promises that the function has no effect outside the database, except through
        `transaction.on_commit`.
    `undo`: `undo(run, changes)` takes back what a run did; `changes` is the queryset of that run's
        change rows. What it returns is the result of the undoing, which is a run of its own.
    `form`: a form class for the parameters, in place of one made from the annotations.
    `sensitive`: names of parameters whose values are shown to nobody.
    `aliases`: older keys of the function, under which processes may still be stored.

    The first line of the docstring is its description; a first positional parameter receives the
    `Run`; keyword-only parameters are its configuration.

    Raises ImproperlyConfigured, at import, for a function that could not be run.
    """
    said = Options(declared_cron=default_cron, **options)

    def decorate(function: F) -> F:
        register(function, said, Place.of(function))
        return function

    return decorate(function) if function is not None else decorate


def register(function: Callable[..., Any], options: Options, place: Place) -> None:
    """Register a function that is defined at a place.

    Raises ImproperlyConfigured where its key is taken, but by the same definition: its module may be
    run again, as `importlib.reload` and IPython's autoreload do.
    """
    entry = ProcessFunction.of(function, options, place)
    known = _functions.get(entry.key)
    if known and not place.is_run_again(known.place):
        raise ImproperlyConfigured(
            f"Two process functions are called {entry.key}: {known.place} and {place}. Rename one."
        )
    _functions[entry.key] = entry


def get(key: str) -> ProcessFunction:
    """Return the function of this key, or of which it is an alias.

    Raises ProcessNotRegisteredError, which names the nearest known key.
    """
    function = find(key)
    if function is None:
        raise ProcessNotRegisteredError(key)
    return function


def find(key: str) -> ProcessFunction | None:
    """Return the function of this key, or of which it is an alias; None where there is none."""
    if key in _functions:
        return _functions[key]
    return next((f for f in _functions.values() if key in f.options.aliases), None)


def is_taken_for_atomic(key: str) -> bool:
    """Whether a function is atomic; one that is not in this code may be."""
    function = find(key)
    return function is None or function.options.atomic


def masked(key: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored parameters of a function as a person may see them.

    Only the function knows which are sensitive: where it is gone, all are hidden.
    """
    function = find(key)
    if not isinstance(parameters, Mapping):  # Not validated; a page still shows the row.
        return {}
    return function.parameters.masked(parameters) if function else dict.fromkeys(parameters, MASK)


def clashes() -> list[str]:
    """Return a sentence for each alias that names more than one function."""
    return [
        f"{alias!r} is an alias of {function.key} and also leads to {other.key}."
        for function in all_functions()
        for alias in function.options.aliases
        for other in all_functions()
        if other.key == alias or (other.key > function.key and alias in other.options.aliases)
    ]


def all_functions() -> list[ProcessFunction]:
    """Return every registered function, in the order of their keys."""
    return [_functions[key] for key in sorted(_functions)]


def keys() -> list[str]:
    """Return every key that leads to a function, aliases among them."""
    return [key for function in all_functions() for key in function.keys]


def unregister(key: str) -> None:
    """Remove a function from the registry, as if its code had been deleted."""
    _functions.pop(key, None)


def discover() -> None:
    """Import `processes.py` of every installed app that has one."""
    autodiscover_modules("processes")
