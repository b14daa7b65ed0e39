"""Instants in lists and read-only fields, which Django would write in a format of its own."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db import models
from django.utils.safestring import SafeString

from automation import instants


class InstantColumn:
    """A column that shows a field of instants, in a list or a form."""

    do_not_call_in_templates = True

    def __init__(self, field: Any, page: "admin.options.BaseModelAdmin[Any]") -> None:
        self.__name__ = self.admin_order_field = field.name
        self.short_description = field.verbose_name
        self._empty = page.get_empty_value_display()
        is_of_runs = field.name in getattr(page, "to_the_second", ())
        self._write = instants.to_second if is_of_runs else instants.to_minute

    def __str__(self) -> str:
        return str(self.__name__)

    def __call__(self, row: Any) -> SafeString:
        at = getattr(row, self.__name__)
        if at is None:
            return self._empty
        return instants.element(at, self._write(at, getattr(row, "zone", None)))


class InstantColumns(dict[str, InstantColumn]):
    """The columns for all instants of a page's model, by the names of their fields."""

    def __init__(self, page: "admin.options.BaseModelAdmin[Any]") -> None:
        fields = page.model._meta.get_fields()
        super().__init__(
            (field.name, InstantColumn(field, page))
            for field in fields
            if isinstance(field, models.DateTimeField)
        )

    def put_into(self, names: Any, only: Iterable[Any] | None = None) -> Any:
        """Return names of columns, nested or not, with these columns in place of those of instants.

        `only`: the read-only ones; None for all.
        """
        if isinstance(names, list | tuple):
            return [self.put_into(name, only) for name in names]
        is_shown = isinstance(names, str) and (only is None or names in only)
        return self.get(names, names) if is_shown else names

    def put_into_form(self, form: Any) -> None:
        """Put these columns into the fieldsets and read-only fields of a form or an inline."""
        only = form.readonly_fields
        form.fieldsets = [
            (name, {**options, "fields": self.put_into(options["fields"], only)})
            for name, options in form.fieldsets
        ]
        form.readonly_fields = self.put_into(list(only))
