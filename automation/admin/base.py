"""Base classes of all admin pages: strict lists, messages, the frame of a page, answers of 404."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import SuspiciousOperation
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.admin.instant_columns import InstantColumns
from automation.admin.lists import StrictChangeList, refuse_nonsense, refuse_search
from automation.admin.waiting import WaitingAdmin

#: The sentence for a process that was deleted.
PROCESS_GONE = gettext_lazy("This process does not exist any more.")

Row = TypeVar("Row")


class ListAdmin(WaitingAdmin):
    """The base of every admin page, of the engine or a site: a strict list, and empty forms."""

    #: Lookups that links on other pages ask this list for, though it has no filter for them.
    linked_lookups: tuple[str, ...] = ()

    #: Fields of instants that are shown with seconds: those of runs and nodes.
    to_the_second: tuple[str, ...] = ()

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **options: Any) -> None:
        """Show the message as it is written: Django's page would begin it with a capital letter."""
        text = format_html('<span dir="auto">{}</span>', message)
        super().message_user(request, text, *args, **options)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StrictChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            refuse_nonsense(self, request)
            return super().changelist_view(request, extra_context)
        except SuspiciousOperation as error:
            return self._refused(request, str(error))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        InstantColumns(self).put_into_form(context["adminform"])
        for inline in context["inline_admin_formsets"]:
            InstantColumns(inline.opts).put_into_form(inline)
        return super().render_change_form(request, context, *args, **kwargs)

    def list_address(self, request: HttpRequest) -> str:
        """Return the address of the list with the filters and the page that the person had chosen."""
        opts = self.opts
        address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
        kept = request.GET.get("_changelist_filters", "")
        if request.path == address:
            kept = request.GET.urlencode()
        return f"{address}?{kept}" if kept else address

    def back_to_list(self, request: HttpRequest) -> HttpResponse:
        return redirect(self.list_address(request))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup in self.linked_lookups or super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        refuse_search(search_term)  # Here too: inputs that complete names search by themselves.
        return super().get_search_results(request, queryset, search_term)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Ignore the address: no link fills a form, and Django fails for what a field cannot hold."""
        return {}

    def _refused(self, request: HttpRequest, what: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("This list cannot show that"),
            "crumbs": [(capfirst(self.opts.verbose_name_plural), request.path)],
            "what": what,
            "address": request.path,
        }
        template = "admin/automation/refused_list.html"
        return TemplateResponse(request, template, context, status=400)


class EngineAdmin(ListAdmin):
    """The base of the engine's own pages: they share a stylesheet, a frame and an answer of 404."""

    #: The sentence where the row that an address names does not exist.
    gone: Any

    class Media:
        css = {"all": ["automation/admin.css"]}

    def address(self, route: str, view: Any, name: str) -> URLPattern:
        """An address besides Django's own, named after the model: `automation_process_run`."""
        its_name = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        pattern: URLPattern = path(route, self.admin_site.admin_view(view), name=its_name)
        return pattern

    def or_404(self, row: Row | None) -> Row:
        """Return the row; raise Http404 where there is none."""
        if row is None:
            raise Http404(str(self.gone))
        return row

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row that the address names; raise Http404 where there is none."""
        return self.or_404(self.get_object(request, object_id))

    def show(
        self, request: HttpRequest, template: str, title: str, *way: Any, **context: Any
    ) -> TemplateResponse:
        """Render a template that extends `automation/frame.html`.

        `way`: what leads to the page behind its list: rows, then what the page is about.
        """
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            "crumbs": self._crumbs(request, way),
        }
        return TemplateResponse(request, template, frame | context)

    def _crumbs(self, request: HttpRequest, way: Sequence[Any]) -> list[tuple[Any, str]]:
        """Return name and address of each step; people who may not look get no addresses."""
        opts, may_see = self.opts, self.has_view_permission(request)
        crumbs: list[tuple[Any, str]] = [
            (capfirst(opts.verbose_name_plural), self.list_address(request))
        ]
        for step in way:
            is_row = isinstance(step, self.model)
            page = f"admin:{opts.app_label}_{opts.model_name}_change"
            address = reverse(page, args=[step.pk]) if is_row else ""
            crumbs.append((step.title if is_row else step, address))
        return [(name, address if may_see else "") for name, address in crumbs]


class ReadOnlyAdmin(EngineAdmin):
    """A page of rows that the engine alone writes: people may look at them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
