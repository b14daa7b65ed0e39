"""Change rows: what a run says it changed, to be shown and to be undone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Field, Model, QuerySet
from django.utils.formats import number_format
from django.utils.translation import pgettext

from automation import instants, registry
from automation.models import Execution
from automation.process_function import ProcessFunction
from automation.reports.masking import masker_of

#: Change rows of one run that are shown at most; how many there are is shown beside.
SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class ChangeRows:
    """The change rows of one run, or of a preview."""

    title: str
    total: int
    #: The name of one change row.
    singular: str
    fields: "list[Field[Any, Any]]"
    rows: list[dict[str, Any]]  # by the fields' column names

    @property
    def counted(self) -> str:
        """The number of rows with their name, such as "3 moves"."""
        names = self.singular if self.total == 1 else self.title
        told = pgettext("changes", "%(count)s %(names)s")
        return told % {"count": number_format(self.total), "names": names}

    @property
    def columns(self) -> list[str]:
        return [str(field.verbose_name) for field in self.fields]

    @property
    def cells(self) -> list[list[Any]]:
        return [[_shown(row.get(field.attname)) for field in self.fields] for row in self.rows]


def _shown(value: Any) -> Any:
    """An instant or a day as people read it, any other value as it is."""
    if isinstance(value, datetime):
        return instants.to_minute(value)
    return instants.day(value) if isinstance(value, date) else value


def rows_of(execution: Execution) -> QuerySet[Any] | None:
    """Return all rows that an execution wrote, as they were written; None where none are declared."""
    function = registry.find(execution.function)
    model = function.options.changes if function else None
    return None if model is None else rows_by(model, execution).order_by("pk")


def as_rows(execution: Execution, rows: "QuerySet[Any]", total: int) -> ChangeRows:
    """Return what is shown of some rows of an execution that wrote `total`; secrets are hidden."""
    masker = masker_of(execution)
    shown = [masker.json(_columns_of(row)) for row in rows]
    return _change_rows(rows.model, total, shown)


def written_by(execution: Execution, function: ProcessFunction | None = None) -> ChangeRows | None:
    """Return the change rows of an execution; None where its function declares none."""
    function = function or registry.find(execution.function)
    model = function.options.changes if function else None
    if model is None:
        return None
    rows = rows_by(model, execution).order_by("pk")
    return as_rows(execution, rows[:SHOWN], rows.count())


def of(execution: Execution) -> ChangeRows | None:
    """Return the change rows of an execution; of a preview those that were rolled back."""
    function = registry.find(execution.function)
    model = function.options.changes if function else None
    if model is None or not execution.is_preview:
        return written_by(execution, function)
    kept: Mapping[str, Any] = execution.previewed or {"total": 0, "rows": []}
    fields = _fields(model)
    shown = [
        {field.attname: _as_python(field, row.get(field.attname)) for field in fields}
        for row in kept["rows"]
    ]
    return _change_rows(model, kept["total"], shown)


def as_json(rows: ChangeRows | None) -> dict[str, Any] | None:
    """Return the rows as a preview keeps them and commands print them."""
    if rows is None:
        return None
    return {
        "total": rows.total,
        "rows": json.loads(json.dumps(rows.rows, default=_plain), parse_constant=str),
    }


def _plain(value: Any) -> str:
    # Not Django's encoder: it cuts microseconds off.
    return str(value.isoformat() if isinstance(value, date | time) else value)


def _as_python(field: "Field[Any, Any]", kept: Any) -> Any:
    """The value of a field; as it was kept where that is none any more: the model was changed."""
    try:
        return field.to_python(kept)
    except (ValidationError, ValueError, TypeError):
        return kept


def rows_by(model: type[Model], execution: Execution) -> QuerySet[Any]:
    """Return the rows of a declared model that an execution wrote."""
    # Where they were written: a replica does not have them yet.
    rows = model._default_manager.using(DEFAULT_DB_ALIAS)
    return rows.filter(execution_id=execution.pk)


def _columns_of(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in _fields(type(row))}


def _fields(model: type[Model]) -> "list[Field[Any, Any]]":
    fields = model._meta.concrete_fields
    return [field for field in fields if not field.primary_key and field.name != "execution"]


def _change_rows(model: type[Model], total: int, rows: list[dict[str, Any]]) -> ChangeRows:
    title, singular = str(model._meta.verbose_name_plural), str(model._meta.verbose_name)
    return ChangeRows(title=title, total=total, singular=singular, fields=_fields(model), rows=rows)
