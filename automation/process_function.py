"""ProcessFunction: a function as it was registered, with what its decorator says of it."""

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Self

from django import forms
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.translation import gettext as _

from automation.parameters import FormParameters, Parameters, UnsupportedParameterError
from automation.place import Place
from automation.schedule import ScheduleError


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

    @classmethod
    def of(cls, function: Callable[..., Any], options: Options, place: Place) -> Self:
        """Describe a function; raise ImproperlyConfigured for one that could not be run."""
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
        return cls(
            key=_key(function, where),
            function=function,
            description=(inspect.getdoc(function) or "").partition("\n")[0],
            parameters=parameters,
            takes_run=bool(positional),
            options=options,
            place=place,
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that leads to this function: its own, and its aliases."""
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
