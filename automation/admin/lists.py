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
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from automation.admin.addresses import number_in
from automation.admin.instant_columns import InstantColumns

#: Names that the address of a list may have besides its filters.
_CONTROLS = {ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR, IS_FACETS_VAR, IS_POPUP_VAR, TO_FIELD_VAR}

#: Characters, and words, of a search: each word is looked for in several columns.
MAX_SEARCH, MAX_WORDS = 200, 10

_ORDER = re.compile(r"(-?[0-9]{1,3}(\.-?[0-9]{1,3})*)?")


class RefusedAddressError(SuspiciousOperation):
    """The address of a list asks for something that the list does not offer; the text names it."""


class StrictChangeList(ChangeList):
    """A list that takes only the lookups of its filters, its date hierarchy and its linked lookups."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(request, *args, **kwargs)
        except (IncorrectLookupParameters, ValueError, OverflowError) as error:
            named = _("a value that its filter cannot read")
            raise RefusedAddressError(named) from error
        columns = InstantColumns(self.model_admin)
        self.list_display = columns.put_into(self.list_display)
        self.list_display_links = columns.put_into(self.list_display_links)
        self.sortable_by = columns.put_into(self.sortable_by)

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
        """Show the last page for a number beyond it: rows were deleted since the address was made."""
        if self.page_num > 1:
            paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
            self.page_num = min(self.page_num, paginator.num_pages)
        super().get_results(request)
        if not self.show_full_result_count:
            # Nobody counted all: beside the search Django would give the pages' rows as the total.
            self.full_result_count = self.result_count

    @property
    def counted(self) -> str:
        """The number of rows in words, for the foot of the list: the only total on the page."""
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
    """Return a number with its thousands separated, as in the viewer's language."""
    return number_format(number, force_grouping=True)


def _refuse_unknown_choices(specs: Iterable[Any]) -> None:
    """Raise RefusedAddressError for an unknown choice: Django would show the whole list."""
    for spec in specs:
        if not isinstance(spec, admin.SimpleListFilter) or spec.value() is None:
            continue
        if spec.value() not in {str(value) for value, __ in spec.lookup_choices}:
            raise RefusedAddressError(_assigned(spec.parameter_name or "", spec.value() or ""))


def refuse_nonsense(page: admin.ModelAdmin, request: HttpRequest) -> None:
    """Raise RefusedAddressError for what no link of a list asks for."""
    asked = request.GET
    for name, values in asked.lists():
        if any("\0" in text for text in (name, *values)):
            raise RefusedAddressError(_assigned(name, values[0] if values else ""))
    refuse_search(asked.get(SEARCH_VAR, ""))
    number, order = asked.get(PAGE_VAR, "1"), asked.get(ORDER_VAR, "")
    if not number_in(number):
        raise RefusedAddressError(_assigned(PAGE_VAR, number))
    if not _ORDER.fullmatch(order) or not _has_columns(page, request, order):
        raise RefusedAddressError(_assigned(ORDER_VAR, order))
    if "e" in asked:  # Django's own mark of an address that it did not understand.
        raise RefusedAddressError(_assigned("e", asked["e"]))
    for ticked in request.POST.getlist(ACTION_CHECKBOX_NAME):
        _refuse_no_number(page, ticked)


def _has_columns(page: admin.ModelAdmin, request: HttpRequest, order: str) -> bool:
    columns = len(page.get_list_display(request)) + 1  # The first may be the ticks.
    return all(abs(int(number)) < columns for number in order.split(".") if number)


def _refuse_no_number(page: admin.ModelAdmin, number: str) -> None:
    """Raise RefusedAddressError for a ticked value that cannot be the key of a row."""
    try:
        if "\0" in number:
            raise ValidationError("NUL")
        page.opts.pk.clean(number, None)
    except ValidationError as error:
        raise RefusedAddressError(_assigned(ACTION_CHECKBOX_NAME, number)) from error


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
