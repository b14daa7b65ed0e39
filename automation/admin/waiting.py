"""Pages that wait a second at most for a row that a run has locked, and then say what is locked."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any

from django.contrib import admin
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from automation import operations
from automation.database import locks, transactions
from automation.operations import Asker
from automation.reports.writer import likely_holders, what_is_locked

#: Seconds that a page waits on PostgreSQL for a row that something else has locked, and after which
#: it may be asked for again.
WAIT, AGAIN = 1, 10


class WaitingAdmin(admin.ModelAdmin):
    """A base whose pages, forms and actions answer within seconds, whatever a run has locked."""

    @property
    def urls(self) -> list[Any]:
        patterns = self.get_urls()
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = self._answering_soon(pattern.callback)
        return patterns

    def _answering_soon(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                with locks.waiting_for_rows_at_most(WAIT), _undone(request):
                    return view(request, *args, **kwargs)
            except OperationalError as error:
                if not locks.is_locked_row(error):
                    raise
                return self._locked_page(request, error)

        return answer

    def _locked_page(self, request: HttpRequest, error: OperationalError) -> HttpResponse:
        sees_executions = request.user.has_perm("automation.view_execution")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Locked by something that goes on"),
            "crumbs": [(capfirst(self.opts.verbose_name_plural), "")],
            "told": what_is_locked(error),
            "holders": likely_holders() if sees_executions else [],
            "sees_executions": sees_executions,
            "may_cancel": operations.CANCEL.is_permitted(Asker.person(request.user)),
            "address": request.get_full_path() if request.method == "GET" else request.path,
        }
        page = TemplateResponse(request, "admin/automation/locked.html", context, status=503)
        page["Retry-After"] = str(AGAIN)
        return page


def _undone(request: HttpRequest) -> AbstractContextManager[object]:
    """Use a savepoint inside a transaction of the request: after a failure the page reads on in it."""
    return transactions.failing_alone() if request.method == "POST" else nullcontext()
