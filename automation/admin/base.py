"""What the address of a list may ask for: its filters, its own links, order, page and a search.

Django's lists take every lookup on every column of their model. Whoever may see a list could then
read what it does not show, letter by letter: a sensitive parameter, a token. Here every list offers
only what its page links to; whatever else an address asks for is refused with 400.
"""

import re
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import (
    IS_FACETS_VAR,
    IS_POPUP_VAR,
    TO_FIELD_VAR,
    IncorrectLookupParameters,
)
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from automation.admin.addresses import number_in
from automation.admin.waiting import WaitingAdmin

#: What an address may say besides filters.
_CONTROLS = {ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR, IS_FACETS_VAR, IS_POPUP_VAR, TO_FIELD_VAR}

#: Characters, and words, of a search: each word is looked for in several columns.
MAX_SEARCH, MAX_WORDS = 200, 10

_ORDER = re.compile(r"(-?[0-9]{1,3}(\.-?[0-9]{1,3})*)?")


class RefusedAddressError(SuspiciousOperation):
    """A list does not offer what its address asks for; the text says what that is."""


class StrictChangeList(ChangeList):
    """Filters by what its filters, its date hierarchy and its model admin's links say."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(request, *args, **kwargs)
        except (IncorrectLookupParameters, ValueError, OverflowError) as error:
            named = _("a value that its filter cannot read")
            raise RefusedAddressError(named) from error

    def get_filters(self, request: HttpRequest) -> Any:
        asked = self.get_filters_params()
        for name, values in asked.items():
            if len(values) > 1 or (name.endswith("id__exact") and not number_in(values[0])):
                raise RefusedAddressError(_assigned(name, values[0]))
        found = super().get_filters(request)
        specs, left = found[0], found[2]
        linked: Iterable[str] = getattr(self.model_admin, "linked_lookups", ())
        # What no filter took; the date hierarchy takes a year and gives back a range.
        for name in set(left) & set(asked) - set(linked):
            raise RefusedAddressError(_assigned(name, asked[name][0]))
        _refuse_unknown_choices(specs)
        return found

    def get_results(self, request: HttpRequest) -> None:
        """A page behind the last one is the last one: rows went since its address was made."""
        if self.page_num > 1:
            paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
            self.page_num = min(self.page_num, paginator.num_pages)
        super().get_results(request)
        if not self.show_full_result_count:
            # Nobody counted all: beside the search Django would give the pages' rows as the total.
            self.full_result_count = self.result_count

    @property
    def counted(self) -> str:
        """How many rows there are, for the foot of the list: the one total of the page."""
        total = getattr(self.paginator, "total", self.result_count)
        name = self.opts.verbose_name if total == 1 else self.opts.verbose_name_plural
        counted = pgettext("list", "%(count)s %(names)s") % {"count": grouped(total), "names": name}
        if getattr(self.paginator, "is_estimated", False):
            counted = _("about %(counted)s") % {"counted": counted}
        if times := getattr(self.paginator, "times", None):
            told = _("%(counted)s, that stand for %(times)s times")
            counted = told % {"counted": counted, "times": grouped(times)}
        if reach := getattr(self.paginator, "reach", None):
            told = _("%(counted)s; the newest %(reach)s have pages, filters reach the others")
            counted = told % {"counted": counted, "reach": grouped(reach)}
        return counted


def grouped(number: int) -> str:
    """A number with its thousands apart, as the viewer's language has them."""
    return number_format(number, force_grouping=True)


def _refuse_unknown_choices(specs: Iterable[Any]) -> None:
    """Django shows the whole list for a choice that is none."""
    for spec in specs:
        if not isinstance(spec, admin.SimpleListFilter) or spec.value() is None:
            continue
        if spec.value() not in {str(value) for value, __ in spec.lookup_choices}:
            raise RefusedAddressError(_assigned(spec.parameter_name or "", spec.value() or ""))


class ListAdmin(WaitingAdmin):
    """The base of every page of ours: its list is strict, and its forms start empty."""

    #: Lookups that links of ours ask a list for, though it has no filter for them.
    linked_lookups: tuple[str, ...] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StrictChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            self._refuse_nonsense(request)
            return super().changelist_view(request, extra_context)
        except SuspiciousOperation as error:
            return self._refused(request, str(error))

    def list_address(self, request: HttpRequest) -> str:
        """The list as the person left it: with its filters and its page."""
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
        """Nothing: no link of ours fills a form, and Django fails for what a field cannot hold."""
        return {}

    def _refuse_nonsense(self, request: HttpRequest) -> None:
        asked = request.GET
        for name, values in asked.lists():
            if any("\0" in text for text in (name, *values)):
                raise RefusedAddressError(_assigned(name, values[0] if values else ""))
        refuse_search(asked.get(SEARCH_VAR, ""))
        page, order = asked.get(PAGE_VAR, "1"), asked.get(ORDER_VAR, "")
        if not number_in(page):
            raise RefusedAddressError(_assigned(PAGE_VAR, page))
        if not _ORDER.fullmatch(order) or not self._has_columns(request, order):
            raise RefusedAddressError(_assigned(ORDER_VAR, order))
        if "e" in asked:  # Django's own mark of an address that it did not understand.
            raise RefusedAddressError(_assigned("e", asked["e"]))
        for number in request.POST.getlist(ACTION_CHECKBOX_NAME):
            self._refuse_no_number(number)

    def _has_columns(self, request: HttpRequest, order: str) -> bool:
        columns = len(self.get_list_display(request)) + 1  # The first may be the ticks.
        return all(abs(int(number)) < columns for number in order.split(".") if number)

    def _refuse_no_number(self, number: str) -> None:
        """What was ticked must be the number, or another key, that a row can have."""
        try:
            if "\0" in number:
                raise ValidationError("NUL")
            self.opts.pk.clean(number, None)
        except ValidationError as error:
            raise RefusedAddressError(_assigned(ACTION_CHECKBOX_NAME, number)) from error

    def _refused(self, request: HttpRequest, what: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("This list cannot show that"),
            "opts": self.opts,
            "what": what,
            "address": request.path,
        }
        template = "admin/automation/refused_list.html"
        return TemplateResponse(request, template, context, status=400)


def refuse_search(term: str) -> None:
    """Raise RefusedAddressError for what no database should be asked to look for."""
    if "\0" in term or len(term) > MAX_SEARCH or len(term.split()) > MAX_WORDS:
        told = _("a search for “%(term)s”: at most %(words)s words, of %(length)s characters")
        words = {"term": _short(term), "words": MAX_WORDS, "length": MAX_SEARCH}
        raise RefusedAddressError(told % words)


def _assigned(name: str, value: str) -> str:
    return f"{_short(name)}={_short(value)}"


def _short(text: str) -> str:
    shown = text.replace("\0", "␀")
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
