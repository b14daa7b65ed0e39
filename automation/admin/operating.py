"""How pages and actions call operations, and show what came of them."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from automation import operations
from automation.admin.base import EngineAdmin
from automation.models import Execution, Status
from automation.operations import Asker, Operation, Said


def asker(request: HttpRequest) -> Asker:
    return Asker.person(request.user)


def may(request: HttpRequest, operation: Operation[Any, Any]) -> bool:
    return operation.is_permitted(asker(request))


def can(request: HttpRequest, operation: Operation[Any, Any], subject: Any) -> bool:
    """Whether the person may do it, and the state of the subject allows it."""
    return operation.why_not(asker(request), subject) is None


def require(request: HttpRequest, operation: Operation[Any, Any]) -> None:
    """Raise PermissionDenied for a person who may not do it at all."""
    if not may(request, operation):
        raise PermissionDenied


def may_see_executions(request: HttpRequest) -> bool:
    return request.user.has_perm("automation.view_execution")


class Operating(EngineAdmin):
    """A page whose actions are operations: Django asks for each by the name of a permission."""

    def has_run_permission(self, request: HttpRequest) -> bool:
        return may(request, operations.RUN)

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return may(request, operations.PAUSE)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return may(request, operations.CANCEL)

    def say(self, request: HttpRequest, said: Iterable[Said]) -> None:
        """Show messages on top of the next page; executions are links for who may see them."""
        for one in said:
            shown = (_shown(request, value) for value in one.values)
            self.message_user(request, format_html(one.template, *shown), one.level)

    def say_of_start(
        self, request: HttpRequest, operation: Operation[Any, Execution], execution: Execution
    ) -> None:
        """Show what came of a start, unless its own page comes next, which says so itself."""
        if execution.status == Status.SKIPPED or not may_see_executions(request):
            self.say(request, operation.say(execution))


def _shown(request: HttpRequest, value: Any) -> Any:
    if not isinstance(value, Execution):
        return value
    if not may_see_executions(request):
        return value.title
    address = reverse("admin:automation_execution_change", args=[value.pk])
    return SafeString(format_html('<a href="{}">{}</a>', address, value.title))
