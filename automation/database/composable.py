"""Refuses what a compiled statement would freeze or lose, at the time it is composed."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, time
from typing import Any

from django.db import connection, models
from django.db.models.query import ModelIterable, ValuesListIterable

#: The beginning of a date or a time as text: SQLite gets them so.
_AS_TEXT = re.compile(r"\d{4}-\d\d-\d\d([ T]|$)|\d\d:\d\d(:\d\d|$)")
_SECOND = "let a second statement fetch those rows"
_WITHOUT = "find the rows by other means, such as a subquery in filter()"


class StatementError(ValueError):
    """A statement cannot be compiled; the text says which, why, and what to do instead."""


def refuse_dates(statement: str, values: Iterable[object]) -> None:
    """Refuse a constant date or time in the statement; a constant length of time may be there."""
    for value in values:
        is_text = isinstance(value, str) and _AS_TEXT.match(value)
        if is_text or isinstance(value, date | time):
            raise StatementError(
                f"{statement} is composed once, and would have {value} in it for good: "
                "give that as a Placeholder, or let the database say Now()."
            )


def refuse_lost(statement: str, rows: "models.QuerySet[Any]") -> None:
    """Refuse a queryset that does more than its SQL says, which alone is kept."""
    _refuse(statement, _lost(rows))


def refuse_lost_in_change(statement: str, rows: "models.QuerySet[Any]") -> None:
    """Refuse a queryset of which an UPDATE or DELETE would ignore a part."""
    _refuse(statement, _lost(rows))
    _refuse(statement, _lost_in_change(rows.query))


def refuse_parents(statement: str, query: Any) -> None:
    """Refuse an UPDATE that also changes the table of a parent model."""
    if query.related_updates:
        _refuse(statement, [("the columns of the parent model", "update that model by itself")])


def _refuse(statement: str, lost: Iterable[tuple[str, str]]) -> None:
    for what, instead in lost:
        raise StatementError(f"{statement} would lose {what} in silence: {instead}.")


def _lost(rows: Any) -> Iterator[tuple[str, str]]:
    """Yield what would be lost of a queryset, and what to do instead."""
    query = rows.query
    if query.select_related:
        yield "select_related()", _SECOND
    if rows._prefetch_related_lookups:
        yield "prefetch_related()", _SECOND
    if rows._iterable_class not in (ModelIterable, ValuesListIterable):
        yield "the form of values(), or of a flat or named list", "take values_list() alone"
    if query.annotation_select or query.extra_select:
        yield "annotations", "compute them from the rows, or filter by an alias()"
    if rows._db not in (None, connection.alias):
        yield f"using({rows._db!r})", "it is for the default database"
    if rows._known_related_objects:
        yield "the object of a related manager", "filter by its key, as a Placeholder"


def _lost_in_change(query: Any) -> Iterator[tuple[str, str]]:
    if query.is_sliced:
        yield "the slice", _WITHOUT
    if query.combinator:
        yield f"the {query.combinator}", _WITHOUT
    if query.distinct_fields:
        yield "distinct()", _WITHOUT
