"""Statements that Django composes once: their text is kept, and only the values are new each time.

To compose one takes more time than to execute it. Here are those of the way from "run now" to the
function, and back.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial, wraps
from itertools import count
from types import SimpleNamespace
from typing import Any

from django.db import connection, models, transaction
from django.db.models.sql import DeleteQuery, InsertQuery, UpdateQuery

_numbers = count(1)
#: Seconds for which the server's plans are kept.
PLANS_KEPT_FOR = 900
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

    def take(self, values: Mapping[str, Any], database: Any) -> Any:
        value = values[self.name] if self.index is None else values[self.name][self.index]
        return self.output_field.get_db_prep_save(value, database)


def parameters(name: str, field: "models.Field[Any, Any]", count: int) -> Any:
    """Stand for so many values that come as one sequence."""
    return [Parameter(name, field, index) for index in range(count)]


@dataclass
class _Session:
    """What a session of the database has prepared."""

    raw: Any  # the driver's connection
    names: set[str] = field(default_factory=set)
    until: float = field(default_factory=lambda: time.monotonic() + PLANS_KEPT_FOR)


class _Plans:
    """The server's plans of these statements, kept for a session: PREPARE and EXECUTE.

    Only for a process that has its session for itself, and on PostgreSQL. They are made anew after
    a while, for one that was made while a table was small does not fit it for good.
    """

    def __init__(self) -> None:
        self._process = 0

    @property
    def are_kept(self) -> bool:
        return self._process == os.getpid()

    def keep(self, *, on: bool) -> None:
        """Keep plans in this process, and in none that it forks: a worker cleans its session."""
        self._process = os.getpid() if on else 0

    def prepare(self, cursor: Any, statement: "_Statement") -> None:
        session: _Session | None = getattr(cursor.db, "compiled", None)
        is_over = session is None or session.raw is not cursor.db.connection
        if session is None or is_over or time.monotonic() > session.until:
            old = set() if session is None or is_over else session.names
            session = cursor.db.compiled = self._begin(cursor, old)
        self._prepare(cursor, session, statement)

    def _begin(self, cursor: Any, old: Iterable[str]) -> _Session:
        """Plan the usual ones at once: whoever is the first to need one does not wait for that."""
        session = _Session(cursor.db.connection)
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        for name in old:
            cursor.execute(f"DEALLOCATE {name}")
        for composed in _usual:
            statement = composed()
            self._prepare(cursor, session, statement)
            call = f"EXPLAIN EXECUTE {statement.name}{statement.places}"
            cursor.execute(call, statement.nothing)
        return session

    def _prepare(self, cursor: Any, session: _Session, statement: "_Statement") -> None:
        if statement.name not in session.names:
            cursor.execute(f"PREPARE {statement.name} AS {statement.as_prepared(cursor)}")
            session.names.add(statement.name)


plans = _Plans()


Compose = Callable[..., Any]
Shape = tuple[Any, ...]

#: What composes the usual shapes of each statement.
_usual: list[Callable[[], "_Statement"]] = []


def compose_usual() -> None:
    """Compose the usual shapes now, so that the first who needs one does not wait for it."""
    with transaction.atomic():  # Locks are composed nowhere else.
        for composed in _usual:
            composed()


def select(*usual: Shape) -> Callable[[Compose], Callable[..., list[Any]]]:
    """Let the rows of a queryset be fetched by `name(*shape, **values)`.

    The decorated function returns it for a shape, with a `Parameter` for each value. It has rows of
    a model, or those of `values_list`. `usual`: shapes that most calls have.
    """

    def decorate(compose: Compose) -> Callable[..., list[Any]]:
        statement = _kept(lambda *shape: _Select(compose(*shape)), usual)

        @wraps(compose)
        def fetch(*shape: Any, **values: Any) -> list[Any]:
            found: list[Any] = statement(*shape).fetch(values)
            return found

        return fetch

    return decorate


def update(*usual: Shape) -> Callable[[Compose], Callable[..., int]]:
    """The same for an UPDATE: the function returns the rows and their new columns.

    Called, it returns how many rows there were.
    """

    def composed(rows: "models.QuerySet[Any]", columns: dict[str, Any]) -> _Change:
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(columns)
        return _Change(query)

    return _changing(composed, usual)


def delete(*usual: Shape) -> Callable[[Compose], Callable[..., int]]:
    """The same for a DELETE of rows on which no others depend."""
    return _changing(lambda rows: _Change(rows.query.chain(DeleteQuery)), usual)


def _changing(
    composed: Callable[..., "_Change"], usual: Sequence[Shape]
) -> Callable[[Compose], Callable[..., int]]:
    def decorate(compose: Compose) -> Callable[..., int]:
        def of_shape(*shape: Any) -> _Change:
            parts = compose(*shape)
            return composed(*parts) if isinstance(parts, tuple) else composed(parts)

        statement = _kept(of_shape, usual)

        @wraps(compose)
        def change(*shape: Any, **values: Any) -> int:
            return int(statement(*shape).change(values))

        return change

    return decorate


def _kept(of_shape: Callable[..., Any], usual: Sequence[Shape]) -> Callable[..., Any]:
    statement = lru_cache(SHAPES)(of_shape)
    _usual.extend(partial(statement, *shape) for shape in usual)
    return statement


def insert(row: models.Model, **computed: models.Expression) -> None:
    """Save a new row, around the signals; `computed` columns are the database's, and read back."""
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

    _usual.append(composed)


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


class _Statement:
    def __init__(self, query: Any) -> None:
        self.compiler = query.get_compiler(connection=connection)
        self.sql, self.parameters = self.compose()
        self.name = f"compiled_{next(_numbers)}"

    def compose(self) -> tuple[str, Sequence[Any]]:
        sql, values = self.compiler.as_sql()
        return sql, values

    def execute(self, cursor: Any, values: Mapping[str, Any]) -> None:
        database = cursor.db
        taken = [
            p.take(values, database) if isinstance(p, Parameter) else p for p in self.parameters
        ]
        if not plans.are_kept:
            cursor.execute(self.sql, taken)
            return
        plans.prepare(cursor, self)
        given = [v for v, p in zip(taken, self.parameters, strict=True) if isinstance(p, Parameter)]
        cursor.execute(f"EXECUTE {self.name}{self.places}", given)

    @cached_property
    def places(self) -> str:
        """Where an EXECUTE has its values."""
        count = sum(isinstance(parameter, Parameter) for parameter in self.parameters)
        return f" ({', '.join(['%s'] * count)})" if count else ""

    @property
    def nothing(self) -> list[None]:
        """NULL for each value."""
        return [None for parameter in self.parameters if isinstance(parameter, Parameter)]

    def as_prepared(self, cursor: Any) -> str:
        """Values that never change stay in it: the planner knows a partial index by them."""
        number, places = count(1), []
        for parameter in self.parameters:
            if isinstance(parameter, Parameter):
                kind = parameter.output_field.db_type(connection)
                places.append(f"${next(number)}::{kind}")
            else:
                places.append(cursor.mogrify("%s", [parameter]).decode())
        return self.sql % tuple(places)


class _Insert(_Statement):
    """Columns that are neither given nor computed become NULL."""

    def __init__(
        self, model: type[models.Model], given: Sequence[str], computed: dict[str, Any]
    ) -> None:
        fields = [f for f in model._meta.concrete_fields if f.attname in {*given, *computed}]
        columns = {f.attname: Parameter(f.attname, f) for f in fields} | computed
        query = InsertQuery(model)
        row: Any = SimpleNamespace(**columns)
        query.insert_values(fields, [row], raw=True)
        self.returned = [] if model._meta.pk in fields else [model._meta.pk]
        self.returned += [field for field in fields if field.attname in computed]
        super().__init__(query)

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
    def change(self, values: Mapping[str, Any]) -> int:
        with connection.cursor() as cursor:
            self.execute(cursor, values)
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
            self.execute(cursor, values)
            rows: list[Any] = cursor.fetchall()
        if self.converters:
            rows = [tuple(row) for row in self.compiler.apply_converters(rows, self.converters)]
        if self.model is None:
            return rows
        return [self.model.from_db(connection.alias, self.names, row) for row in rows]
