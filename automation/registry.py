"""Process functions: `@process` registers a function under a key, `get` and `find` return it.

Each installed app's `processes.py` is imported at start, so whatever it registers is known in every
command, web process and worker.
"""

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from django import forms
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext as _

from automation.parameters import MASK, FormParameters, Parameters, UnsupportedParameterError
from automation.place import Place
from automation.schedule import ScheduleError

F = TypeVar("F", bound=Callable[..., Any])


class ProcessNotRegisteredError(LookupError):
    """No installed app registers a process function under this key."""

    def __init__(self, key: str) -> None:
        self.key = key
        close = difflib.get_close_matches(key, _functions, n=1)
        text = _("No process function is registered as %(key)r.") % {"key": key}
        hint = _("Did you mean %(name)s?") % {"name": close[0]} if close else ""
        super().__init__(f"{text} {hint}".rstrip())


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `@process`; the docstring of `process` explains each."""

    declared_cron: str | Callable[[], str] | None = field(default=None, repr=False)
    atomic: bool = True
    changes: type[Model] | None = None
    preview: bool = False
    undo: Callable[..., Any] | None = None
    form: type[forms.Form] | None = None
    sensitive: Collection[str] = ()
    aliases: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class ProcessFunction:
    """A registered function with the options of its decorator."""

    key: str
    function: Callable[..., Any]
    description: str
    parameters: Parameters
    takes_run: bool
    options: Options
    place: Place

    @property
    def keys(self) -> tuple[str, ...]:
        """All the keys that lead to it: its own, and its aliases."""
        return self.key, *self.options.aliases

    @property
    def name(self) -> str:
        return self.key.partition(".")[2]

    @property
    def description_shown(self) -> str:
        """The function's description in the active language, where a catalogue has it."""
        return _(self.description) if self.description else ""

    @property
    def default_cron(self) -> str:
        """The cron rule that its process follows while the process sets none; "" for none.

        Raises ScheduleError where the function's author computes it and that fails.
        """
        declared = self.options.declared_cron
        try:
            rule = (declared() if callable(declared) else declared) or ""
            if not isinstance(rule, str):
                raise TypeError(f"{rule!r} is no text")
            return rule
        except Exception as error:  # An error of one function must not reach the other processes.
            text = _("The default rule of %(function)s cannot be computed: %(error)r.")
            raise ScheduleError("cron", text % {"function": self.key, "error": error}) from error

    def call(self, run: object, parameters: dict[str, Any]) -> Any:
        """Call the function with a `Run`; `parameters` are as `Parameters.load` gives them."""
        return self.function(*([run] if self.takes_run else []), **parameters)


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
    entry = _describe(function, options, place)
    known = _functions.get(entry.key)
    if known and not place.is_run_again(known.place):
        raise ImproperlyConfigured(
            f"Two process functions are called {entry.key}: {known.place} and {place}. Rename one."
        )
    _functions[entry.key] = entry


def _describe(function: Callable[..., Any], options: Options, place: Place) -> ProcessFunction:
    where = f"{function.__module__}.{function.__qualname__}"
    if inspect.iscoroutinefunction(function):
        raise ImproperlyConfigured(
            f"{where} is async; a process function runs in a worker of its own and in one "
            "database transaction, which async code cannot share. Make it a plain function."
        )
    try:
        positional, keyword = _split_signature(function, where)
        if options.form is not None:
            parameters: Parameters = FormParameters(options.form, keyword, options.sensitive)
        else:
            parameters = Parameters(keyword, options.sensitive)
    except (UnsupportedParameterError, NameError) as error:  # NameError: in an annotation
        raise ImproperlyConfigured(f"{where}: {error}") from error
    if contradiction := _contradiction(options, parameters):
        raise ImproperlyConfigured(f"{where}: {contradiction}")
    return ProcessFunction(
        key=_key(function, where),
        function=function,
        description=(inspect.getdoc(function) or "").partition("\n")[0],
        parameters=parameters,
        takes_run=bool(positional),
        options=options,
        place=place,
    )


def _contradiction(options: Options, parameters: Parameters) -> str:
    """Return a sentence about options that contradict one another; "" where none do."""
    if options.preview and not options.atomic:
        return "preview=True needs atomic=True: what is committed as it goes is not rolled back."
    if options.undo and not options.changes:
        return "undo= needs changes=: the rows that say what a run changed."
    if options.changes and "execution" not in {f.name for f in options.changes._meta.get_fields()}:
        return f"changes={options.changes.__name__} has no foreign key named 'execution'."
    for name in ("sensitive", "aliases"):
        if isinstance(text := getattr(options, name), str):
            return f'{name}= is the text "{text}"; it takes several: {name}={{"{text}"}}.'
    unknown = [name for name in options.sensitive if name not in parameters]
    if unknown:
        return f"sensitive= names {unknown[0]!r}, which is no parameter."
    needed = [parameter.name for parameter in parameters if parameter.required]
    if options.declared_cron is not None and needed:
        return f"with default_cron= it runs by itself, so {needed[0]!r} needs a default."
    return ""


def _split_signature(
    function: Callable[..., Any], where: str
) -> tuple[list[inspect.Parameter], list[inspect.Parameter]]:
    signature = inspect.signature(function, eval_str=True)
    keyword = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    positional = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    if len(positional) > 1 or any(p.kind in {p.VAR_POSITIONAL, p.VAR_KEYWORD} for p in positional):
        raise ImproperlyConfigured(
            f"{where}: a process function takes the run first, if it wants it, and everything "
            "else by keyword: def function(run: Run, *, limit: int = 10)."
        )
    return positional, keyword


def _key(function: Callable[..., Any], where: str) -> str:
    app = apps.get_containing_app_config(function.__module__)
    if app is None:
        raise ImproperlyConfigured(f"{where} is in no installed app; add its app first.")
    return f"{app.label}.{function.__name__}"


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
    """All the keys that lead to a function, aliases among them."""
    return [key for function in all_functions() for key in function.keys]


def unregister(key: str) -> None:
    """Remove a function from the registry, as if its code had been deleted."""
    _functions.pop(key, None)


def discover() -> None:
    """Import `processes.py` of every installed app that has one."""
    autodiscover_modules("processes")
