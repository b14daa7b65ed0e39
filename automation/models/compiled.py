"""Statements that Django composes once: their text is kept, and only the values are new each time.

To compose one takes more time than to execute it. Here are those of the way from "run now" to the
function, and back.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, wraps
from types import SimpleNamespace
from typing import Any

from django.db import connection, models
from django.db.models.sql import DeleteQuery, InsertQuery, UpdateQuery

#: Shapes of one statement that are kept: a number of rows, mostly.
SHAPES = 64


class Parameter(models.Expression):
    """Stands in a statement for a value that comes with each of its executions."""

    def __init__(
        self, name: str, field: "models.Field[Any, Any]", index: int | None = None
    ) -> None:
        """`index`: of the value in a sequence."""
        super().__init__(output_field=field)
        self.name, self.index = name, index

    def as_sql(self, _compiler: Any, _connection: Any) -> Any:
        return "%s", [self]

    def take(self, values: Mapping[str, Any]) -> Any:
        value = values[self.name] if self.index is None else values[self.name][self.index]
        return self.output_field.get_db_prep_save(value, connection)


def parameters(name: str, field: "models.Field[Any, Any]", count: int) -> Any:
    """Stand for so many values that come as one sequence."""
    return [Parameter(name, field, index) for index in range(count)]


def select(compose: Callable[..., "models.QuerySet[Any]"]) -> Callable[..., list[Any]]:
    """Let the rows of a queryset be fetched by `name(*shape, **values)`.

    `compose(*shape)` returns it, with a `Parameter` for each value. It has rows of a model, or those
    of `values_list`.
    """
    statement = lru_cache(SHAPES)(lambda *shape: _Select(compose(*shape)))

    @wraps(compose)
    def fetch(*shape: Any, **values: Any) -> list[Any]:
        return statement(*shape).fetch(values)

    return fetch


def update(
    compose: Callable[..., tuple["models.QuerySet[Any]", dict[str, Any]]],
) -> Callable[..., int]:
    """The same for an UPDATE: `compose(*shape)` returns the rows and their new columns.

    It returns how many rows there were.
    """

    def composed(*shape: Any) -> _Change:
        rows, columns = compose(*shape)
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(columns)
        return _Change(query)

    return _changing(compose, composed)


def delete(compose: Callable[..., "models.QuerySet[Any]"]) -> Callable[..., int]:
    """The same for a DELETE of rows on which no others depend."""
    return _changing(compose, lambda *shape: _Change(compose(*shape).query.chain(DeleteQuery)))


def insert(row: models.Model, **computed: models.Expression) -> None:
    """Save a new row, around the signals; `computed` columns are the database's, and read back."""
    statement = _insert(type(row), tuple(computed.items()), row.pk is not None)
    for name, value in statement.insert(row).items():
        setattr(row, name, value)
    row._state.adding, row._state.db = False, connection.alias


@lru_cache(SHAPES)
def _insert(model: type[models.Model], computed: tuple[Any, ...], has_pk: bool) -> "_Insert":
    return _Insert(model, dict(computed), has_pk=has_pk)


def _changing(name: Callable[..., Any], composed: Callable[..., "_Change"]) -> Callable[..., int]:
    statement = lru_cache(SHAPES)(composed)

    @wraps(name)
    def change(*shape: Any, **values: Any) -> int:
        return statement(*shape).execute(values)

    return change


class _Statement:
    def __init__(self, query: Any) -> None:
        self.compiler = query.get_compiler(connection=connection)
        self.sql, self.parameters = self.compose()

    def compose(self) -> tuple[str, Sequence[Any]]:
        sql, values = self.compiler.as_sql()
        return sql, values

    def values(self, values: Mapping[str, Any]) -> list[Any]:
        return [p.take(values) if isinstance(p, Parameter) else p for p in self.parameters]


class _Insert(_Statement):
    def __init__(
        self, model: type[models.Model], computed: dict[str, models.Expression], *, has_pk: bool
    ) -> None:
        fields = [f for f in model._meta.concrete_fields if has_pk or not f.primary_key]
        self.fields = [field for field in fields if field.attname not in computed]
        columns = {field.attname: Parameter(field.attname, field) for field in self.fields}
        query = InsertQuery(model)
        row: Any = SimpleNamespace(**columns, **computed)
        query.insert_values(fields, [row], raw=True)
        self.returned = [] if has_pk else [model._meta.pk]
        self.returned += [field for field in fields if field.attname in computed]
        super().__init__(query)

    def compose(self) -> tuple[str, Sequence[Any]]:
        self.compiler.returning_fields = self.returned
        [(sql, values)] = self.compiler.as_sql()
        return sql, values

    def insert(self, row: models.Model) -> dict[str, Any]:
        values = {field.attname: field.pre_save(row, add=True) for field in self.fields}
        names = [field.attname for field in self.returned]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.values(values))
            return dict(zip(names, cursor.fetchone(), strict=True)) if names else {}


class _Change(_Statement):
    def execute(self, values: Mapping[str, Any]) -> int:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.values(values))
            return int(cursor.rowcount)


class _Select(_Statement):
    def __init__(self, rows: "models.QuerySet[Any]") -> None:
        super().__init__(rows.query)
        columns = [column for column, *_ in self.compiler.select]
        self.converters = self.compiler.get_converters(columns)
        self.names = [column.target.attname for column in columns]
        self.model: Any = None if rows.query.values_select else rows.model

    def fetch(self, values: Mapping[str, Any]) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.values(values))
            rows: list[Any] = cursor.fetchall()
        if self.converters:
            rows = [tuple(row) for row in self.compiler.apply_converters(rows, self.converters)]
        if self.model is None:
            return rows
        return [self.model.from_db(connection.alias, self.names, row) for row in rows]
