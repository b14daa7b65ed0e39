"""Operation: one thing that may be done, the same for every page, command and interface."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, Self, TypeVar

from django.utils.translation import gettext as _

from automation.models import Execution
from automation.parameters import ParameterError
from automation.why_not import RefusedError, WhyNot

Subject = TypeVar("Subject")
Outcome = TypeVar("Outcome")

Level = Literal["success", "info", "warning", "error"]


@dataclass(frozen=True)
class Asker:
    """Who asks: a user of the site, or somebody at a command line, who may do everything."""

    name: str
    user: Any = None

    @classmethod
    def person(cls, user: Any) -> Self:
        """Return the asker for a user of the site, or for an anonymous one."""
        return cls(user.get_username(), user)

    def may(self, permission: str) -> bool:
        return self.user is None or bool(self.user.has_perm(permission))


class Said(NamedTuple):
    """A sentence for whoever asked.

    An execution among the values stands for its title, or for a link to it.
    """

    template: str
    values: tuple[Any, ...]
    level: Level = "success"

    @classmethod
    def plainly(cls, text: str, level: Level = "success") -> Self:
        return cls("{}", (text,), level)

    @property
    def text(self) -> str:
        shown = (one.title if isinstance(one, Execution) else one for one in self.values)
        return self.template.format(*shown)


@dataclass(frozen=True)
class Operation(Generic[Subject, Outcome]):
    """One thing that may be done to a process, to several, or to an execution."""

    name: str
    #: The permission that a user needs.
    permission: str
    #: Does it, for an asker and a subject; called by `do`.
    act: Callable[..., Outcome]
    #: Returns what to say about the outcome.
    say: Callable[[Outcome], list[Said]]
    #: Returns why it cannot be done to a subject now, whoever asks; None if it can.
    obstacle: Callable[[Subject], WhyNot | None] = field(default=lambda _subject: None)

    def is_permitted(self, who: Asker) -> bool:
        return who.may(self.permission)

    def require(self, who: Asker) -> None:
        """Raise RefusedError for an asker who may not do it at all."""
        if refusal := self._why_not_permitted(who):
            raise RefusedError(refusal)

    def why_not(self, who: Asker, subject: Subject) -> WhyNot | None:
        """Return why an asker cannot do it to a subject now; None if they can."""
        return self._why_not_permitted(who) or self.obstacle(subject)

    def do(self, who: Asker, subject: Subject, **options: Any) -> Outcome:
        """Do it; return the outcome.

        `options` are those of the operation. Raises RefusedError.
        """
        done: Outcome = self._done(self.act, who, subject, options)
        return done

    def _done(
        self, act: Callable[..., Any], who: Asker, subject: Subject, options: dict[str, Any]
    ) -> Any:
        self.require(who)
        try:
            return act(who, subject, **options)
        except ParameterError as error:
            raise RefusedError(WhyNot("parameters_refused", str(error))) from error

    def _why_not_permitted(self, who: Asker) -> WhyNot | None:
        if self.is_permitted(who):
            return None
        told = _("This needs the permission %(permission)s.")
        return WhyNot("not_permitted", told % {"permission": self.permission})
