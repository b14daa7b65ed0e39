"""The page that lists all rows that a run changed, for people who may see such rows."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from automation.admin.base import EngineAdmin
from automation.models import Execution
from automation.reports import changes

#: The lookup by which a list of change rows is asked for those of one execution.
OF_EXECUTION = "execution__id__exact"


class ExecutionChanges(EngineAdmin):
    """The page of an execution's change rows."""

    def _found(self, object_id: str) -> Execution | None:
        raise NotImplementedError

    def changes_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        execution = self._found(object_id)
        rows = changes.rows_of(execution) if execution else None
        if execution is None or rows is None:
            raise Http404(_("There is no such execution, or it declares no changes."))
        if not _may_see(request, rows.model):
            raise PermissionDenied
        page = Paginator(rows, changes.SHOWN).get_page(request.GET.get("p"))
        listed: Any = page.object_list
        shown = changes.as_rows(execution, listed, page.paginator.count)
        return self.show(
            request,
            "admin/automation/execution/changes.html",
            _("%(execution)s: %(rows)s") % {"execution": execution.title, "rows": shown.counted},
            *(execution, capfirst(shown.title)),
            changes=shown,
            page=page,
        )


def address_of_all(request: HttpRequest, execution: Execution) -> str:
    """Return the address of all change rows of an execution; "" where the person may see none.

    They are in the list of their model, where that has a page which is asked by execution; else on
    the page of this module.

    A preview's rows were rolled back: the first ones were kept, and are shown.
    """
    rows = None if execution.is_preview else changes.rows_of(execution)
    if rows is None or not _may_see(request, rows.model):
        return ""
    page = admin.site._registry.get(rows.model)
    if OF_EXECUTION in getattr(page, "linked_lookups", ()):
        opts: Any = rows.model._meta
        address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
        return f"{address}?{urlencode({OF_EXECUTION: execution.pk})}"
    return reverse("admin:automation_execution_changes", args=[execution.pk])


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    codename = get_permission_codename("view", model._meta)
    return request.user.has_perm(f"{model._meta.app_label}.{codename}")
