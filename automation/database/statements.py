"""Statements that Django composes once: their text is kept, and only the values are new each time.

To compose a statement takes more time than to execute it, so the ones that a start, a claim or the end
of a run waits for are composed before they are needed. They stand where they are used; here is what
composes and executes them. Of a queryset the SQL alone is kept: what a queryset does besides, and a
constant date, are refused.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, lru_cache, partial, wraps
from itertools import count
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models.sql import DeleteQuery, InsertQuery, UpdateQuery
from django.db.transaction import TransactionManagementError

from automation.database.composable import (
    StatementError,
    refuse_dates,
    refuse_lost,
    refuse_lost_in_change,
    refuse_parents,
)
from automation.database.plans import plans

_numbers = count(1)
#: Shapes of one statement that are kept at most; a shape mostly is a number of rows.
SHAPES = 256


class Placeholder(models.Expression):
    """A place in a statement for a value that comes with each execution of it."""

    def __init__(
        self, name: str, field: "models.Field[Any, Any]", index: int | None = None
    ) -> None:
        """Name the value, and its field; `index`: its place in a sequence of that name."""
        super().__init__(output_field=field)
        self.name, self.index = name, index

    def as_sql(self, _compiler: Any, _connection: Any) -> Any:
        return "%s", [self]

    def take(self, values: Mapping[str, Any], database: Any) -> Any:
        value = values[self.name] if self.index is None else values[self.name][self.index]
        return self.output_field.get_db_prep_save(value, database)


def placeholders(name: str, field: "models.Field[Any, Any]", count: int) -> Any:
    """Return places for so many values that come as one sequence."""
    return [Placeholder(name, field, index) for index in range(count)]


Shape = tuple[Any, ...]
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def select(*usual: Shape) -> Decorator:
    """Let the rows of a queryset be fetched, as a list, by `name(*shape, **values)`.

    The decorated function returns the queryset for a shape, with a `Placeholder` for each value. It
    has rows of a model, or those of `values_list`. `usual`: shapes that most calls have.

    Raises StatementError where something that is composed would be frozen or lost.
    """

    def composed(statement: str, rows: "models.QuerySet[Any]") -> _Select:
        refuse_lost(statement, rows)
        return _Select(statement, rows)

    return _decorator(composed, usual)


def update(*usual: Shape) -> Decorator:
    """Let an UPDATE be executed by `name(*shape, **values)`, which returns the number of rows.

    The decorated function returns the rows and their new columns, for a shape. Otherwise as
    `select`.
    """

    def composed(statement: str, parts: "tuple[models.QuerySet[Any], dict[str, Any]]") -> _Change:
        rows, columns = parts
        refuse_lost_in_change(statement, rows)
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(columns)
        refuse_parents(statement, query)
        return _Change(statement, query)

    return _decorator(composed, usual)


def delete(*usual: Shape) -> Decorator:
    """Let a DELETE of rows on which no others depend be executed, as `update` does an UPDATE."""

    def composed(statement: str, rows: "models.QuerySet[Any]") -> _Change:
        refuse_lost_in_change(statement, rows)
        return _Change(statement, rows.query.chain(DeleteQuery))

    return _decorator(composed, usual)


def _decorator(
    composed: Callable[[str, Any], "_Select | _Change"], usual: Sequence[Shape]
) -> Decorator:
    def decorate(compose: Callable[..., Any]) -> Callable[..., Any]:
        title = f"The statement {compose.__module__}.{compose.__qualname__}"

        def of_shape(*shape: Any) -> _Select | _Change:
            return composed(title, compose(*shape))

        often, seldom = cache(of_shape), lru_cache(SHAPES)(of_shape)
        plans.usual.extend(partial(often, *shape) for shape in usual)

        @wraps(compose)
        def run(*shape: Any, **values: Any) -> Any:
            return (often if shape in usual else seldom)(*shape).run(values)

        return run

    return decorate


def insert(row: models.Model, **computed: models.Expression) -> None:
    """Save a new row without signals; the database fills `computed` columns, read back then."""
    values = _values(row, computed)
    statement = _insert(type(row), tuple(values), tuple(computed.items()))
    for name, value in statement.insert(values).items():
        setattr(row, name, value)
    row._state.adding, row._state.db = False, connection.alias


def usual_insert(row: Callable[[], models.Model], **computed: models.Expression) -> None:
    """Say that rows of this shape, by the columns that are not NULL, are often inserted."""

    def composed() -> _Insert:
        usual = row()
        return _insert(type(usual), tuple(_values(usual, computed)), tuple(computed.items()))

    plans.usual.append(composed)


def _values(row: models.Model, computed: Mapping[str, object]) -> dict[str, Any]:
    return {
        field.attname: value
        for field in type(row)._meta.concrete_fields
        if field.attname not in computed and (value := field.pre_save(row, add=True)) is not None
    }


@lru_cache(SHAPES)
def _insert(
    model: type[models.Model], given: tuple[str, ...], computed: tuple[Any, ...]
) -> "_Insert":
    return _Insert(model, given, dict(computed))


def _is_open(parameter: Any) -> bool:
    """Whether the value of a column is new each time; any other is part of the statement."""
    return isinstance(parameter, Placeholder)


class _Statement:
    def __init__(self, title: str, query: Any) -> None:
        """`title`: what a refusal calls it."""
        self.compiler = query.get_compiler(connection=connection)
        try:
            self.sql, self.parameters = self.compose()
        except EmptyResultSet as error:
            raise StatementError(f"{title} has no rows, whatever is given: do without.") from error
        refuse_dates(title, self.parameters)
        self.name = f"compiled_{next(_numbers)}"

    def compose(self) -> tuple[str, Sequence[Any]]:
        sql, values = self.compiler.as_sql()
        return sql, values

    def execute(self, cursor: Any, values: Mapping[str, Any]) -> None:
        def value_of(parameter: Any) -> Any:
            return parameter.take(values, cursor.db) if _is_open(parameter) else parameter

        if plans.are_kept:
            plans.prepare(cursor, self)
            given = [value_of(parameter) for parameter in self.parameters if _is_open(parameter)]
            cursor.execute(f"EXECUTE {self.name}{self.places}", given)
        else:
            cursor.execute(self.sql, [value_of(parameter) for parameter in self.parameters])

    @cached_property
    def places(self) -> str:
        """Where an EXECUTE has its values."""
        marks = ["%s"] * len(self.nothing)
        return f" ({', '.join(marks)})" if marks else ""

    @property
    def nothing(self) -> list[None]:
        """NULL for each value."""
        return [None for parameter in self.parameters if _is_open(parameter)]

    def as_prepared(self) -> str:
        """Values that never change stay in it: the planner knows a partial index by them."""
        number, places = count(1), []
        operations: Any = connection.ops
        for parameter in self.parameters:
            if _is_open(parameter):
                # Without the length, to which PostgreSQL would cut a value silently.
                kind = str(parameter.output_field.db_type(connection)).partition("(")[0]
                places.append(f"${next(number)}::{kind}")
            else:
                places.append(operations.compose_sql("%s", [parameter]))
        return self.sql % tuple(places)


class _Insert(_Statement):
    """Columns that are neither given nor computed become NULL."""

    def __init__(
        self, model: type[models.Model], given: Sequence[str], computed: dict[str, Any]
    ) -> None:
        fields = [f for f in model._meta.concrete_fields if f.attname in {*given, *computed}]
        columns = {f.attname: Placeholder(f.attname, f) for f in fields} | computed
        query = InsertQuery(model)
        row: Any = SimpleNamespace(**columns)
        query.insert_values(fields, [row], raw=True)
        self.returned = [] if model._meta.pk in fields else [model._meta.pk]
        self.returned += [field for field in fields if field.attname in computed]
        super().__init__(f"The INSERT of {model._meta.label}", query)

    def compose(self) -> tuple[str, Sequence[Any]]:
        self.compiler.returning_fields = self.returned
        [(sql, values)] = self.compiler.as_sql()
        return sql, values

    def insert(self, values: Mapping[str, Any]) -> dict[str, Any]:
        names = [field.attname for field in self.returned]
        with connection.cursor() as cursor:
            self.execute(cursor, values)
            return dict(zip(names, cursor.fetchone(), strict=True)) if names else {}


class _Change(_Statement):
    def run(self, values: Mapping[str, Any]) -> int:
        with connection.cursor() as cursor:
            self.execute(cursor, values)
            return int(cursor.rowcount)


class _Select(_Statement):
    def __init__(self, title: str, rows: "models.QuerySet[Any]") -> None:
        super().__init__(title, rows.query)
        columns = [column for column, *_ in self.compiler.select]
        self.converters = self.compiler.get_converters(columns)
        self.names = [column.target.attname for column in columns]
        self.locks = rows.query.select_for_update
        self.model: Any = None if rows.query.values_select else rows.model

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        if self.locks and connection.features.has_select_for_update and connection.get_autocommit():
            raise TransactionManagementError("What is locked is locked until a transaction ends.")
        with connection.cursor() as cursor:
            self.execute(cursor, values)
            rows: list[Any] = cursor.fetchall()
        if self.converters:
            rows = [tuple(row) for row in self.compiler.apply_converters(rows, self.converters)]
        if self.model is None:
            return rows
        return [self.model.from_db(connection.alias, self.names, row) for row in rows]
